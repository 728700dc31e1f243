import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { LOGGER, NATS } from '../../../platform/tokens.js';
import { ALERT_RECEIVERS, type AlertReceiver } from '../../alerts/alert-receivers.js';
import { alertOf } from '../dead-letter-alert.js';
import { DeadLetterFeed } from './dead-letter-feed.js';

const RETRY = { baseDelayMs: 1_000, maxDelayMs: 300_000 };
/** Beyond the time that a delivery may take. */
const ACK_SLACK_MS = 20_000;
/** Of the durable consumers. */
const FEEDS = { subject: 'dead-letter-alerts', webhook: 'dead-letter-webhook' } as const;

/**
 * A feed for each receiver, with a place of its own in the log. A receiver that is down keeps neither the other nor any
 * worker waiting.
 */
@Injectable()
export class DeadLetterAlerts {
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
  async start(): Promise<void> {
    await Promise.all(this.feeds.map((feed) => feed.start()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.feeds.map((feed) => feed.stop()));
  }
}
