import { Inject, Injectable, Module, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { LogRoom } from '../../log/room/log-room.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { LOGGER } from '../../platform/tokens.js';
import { ALERT_RECEIVERS, type Alert, type AlertReceiver } from './alert.port.js';
import { AlertDelivery } from './alert-delivery.js';
import { AlertsModule } from './alerts.module.js';

/** What the webhook and the subject `llmq.alerts.log-room-changed` carry. */
export interface LogRoomAlert extends Alert {
  readonly type: 'log_room_changed';
  /** The kinds of `LogRoomState`. */
  readonly from: string;
  readonly to: string;
  readonly reason: string;
  /** ISO 8601, UTC. */
  readonly changed_at: string;
}

/** Tells every receiver when the log stops taking messages, and when it takes them again. */
@Injectable()
export class LogRoomAlarm implements OnApplicationShutdown {
  private readonly delivery: AlertDelivery;

  constructor(
    @Inject(ALERT_RECEIVERS) receivers: readonly AlertReceiver[],
    @Inject(SOURCES) sources: Sources,
    @Inject(LOGGER) logger: Logger,
    @Inject(LogRoom) room: Pick<LogRoom, 'changes'>,
  ) {
    this.delivery = new AlertDelivery(receivers, sources.random, logger);
    room.changes.subscribe((change) => {
      // A doubt that passes is not worth a person's night; metrics tell it.
      if (change.to === 'unsure' || (change.from === 'unsure' && change.to === 'open')) return;
      const alert: LogRoomAlert = {
        ...{ type: 'log_room_changed', id: sources.newId(), ...change },
        changed_at: new Date(sources.nowMs()).toISOString(),
      };
      this.delivery.raise(alert);
    });
  }

  onApplicationShutdown(): void {
    this.delivery.stop();
  }
}

/** Part of the role `api`, which refuses messages then: raises an alert when the log has no room, and when it has. */
@Module({ imports: [AlertsModule], providers: [LogRoomAlarm] })
export class LogRoomAlarmModule {}
