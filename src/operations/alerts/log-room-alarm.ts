import { Inject, Injectable, Module } from '@nestjs/common';
import { LogRoom } from '../../log/room/log-room.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import type { Alert } from './alert.port.js';
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
export class LogRoomAlarm {
  constructor(
    @Inject(AlertDelivery) delivery: Pick<AlertDelivery, 'raise'>,
    @Inject(SOURCES) sources: Sources,
    @Inject(LogRoom) room: Pick<LogRoom, 'changes'>,
  ) {
    room.changes.subscribe((change) => {
      // A doubt that passes is not worth a person's night; metrics tell it.
      if (change.to === 'unsure' || (change.from === 'unsure' && change.to === 'open')) return;
      const alert: LogRoomAlert = {
        ...{ type: 'log_room_changed', id: sources.newId(), ...change },
        changed_at: new Date(sources.nowMs()).toISOString(),
      };
      delivery.raise(alert);
    });
  }
}

/** Part of the role `api`, which refuses messages then: raises an alert when the log has no room, and when it has. */
@Module({ imports: [AlertsModule], providers: [LogRoomAlarm] })
export class LogRoomAlarmModule {}
