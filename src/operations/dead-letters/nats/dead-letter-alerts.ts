import type { NatsConnection } from '@nats-io/transport-node';
import {
  Inject,
  Injectable,
  Module,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import type { Logger } from 'pino';
import type { MessageDeadLettered } from '../../../domain/message/message.events.js';
import { EventLogModule } from '../../../log/event-log.module.js';
import { LOGGER, NATS } from '../../../platform/tokens.js';
import { ALERT_RECEIVERS, type Alert, type AlertReceiver } from '../../alerts/alert.port.js';
import { AlertsModule } from '../../alerts/alerts.module.js';
import { DeadLetterFeed } from './dead-letter-feed.js';

const RETRY = { baseDelayMs: 1_000, maxDelayMs: 300_000 };
/** Added to the time that a delivery may take. */
const ACK_SLACK_MS = 20_000;
/** The names of the durable consumers. */
const FEEDS = { subject: 'dead-letter-alerts', webhook: 'dead-letter-webhook' } as const;

/** The alert for webhooks and for the subject `llmq.alerts.dead-letter`. Request and answer are left out; REST has them. */
export interface DeadLetterAlert extends Alert {
  readonly type: 'dead_letter';
  readonly message_id: string;
  readonly tenant: string;
  readonly priority: string;
  readonly reason: string;
  readonly attempt: number;
  readonly error: { readonly code: string; readonly message: string; readonly status: number | null };
  /** ISO 8601, UTC. */
  readonly failed_at: string;
}

/**
 * One durable consumer for each receiver, so that each has its own position in the log. A receiver that is down delays
 * neither the other one nor any worker.
 */
@Injectable()
export class DeadLetterAlerts implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly feeds: readonly DeadLetterFeed[];

  constructor(
    @Inject(NATS) nats: NatsConnection,
    @Inject(ALERT_RECEIVERS) receivers: readonly AlertReceiver[],
    @Inject(LOGGER) logger: Logger,
  ) {
    this.feeds = receivers.map(
      ({ name, withinMs, deliver }) =>
        new DeadLetterFeed(
          nats,
          {
            ...{ name: FEEDS[name], ackWaitMs: withinMs + ACK_SLACK_MS, retry: RETRY },
            deliver: (event) => deliver(alertOf(event)),
          },
          logger,
        ),
    );
  }

  /** @throws when a consumer can't be created */
  async onApplicationBootstrap(): Promise<void> {
    await Promise.all(this.feeds.map((feed) => feed.start()));
  }

  async onModuleDestroy(): Promise<void> {
    await Promise.all(this.feeds.map((feed) => feed.stop()));
  }
}

function alertOf({ id, subject, tenant, lane, time, data }: MessageDeadLettered): DeadLetterAlert {
  const { code, message, status } = data.error;
  return {
    type: 'dead_letter',
    id,
    message_id: subject,
    tenant,
    priority: lane,
    reason: data.reason,
    attempt: data.attempt,
    error: { code, message, status },
    failed_at: time,
  };
}

/** Announces dead letters on the subject `llmq.alerts.dead-letter`, and by a webhook if one is configured. */
@Module({ imports: [EventLogModule, AlertsModule], providers: [DeadLetterAlerts] })
export class DeadLetterAlertsModule {}
