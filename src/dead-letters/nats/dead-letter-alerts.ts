import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { SERVICE_CONFIG, type ServiceConfig } from '../../config/service-config.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { LOGGER, NATS } from '../../platform/tokens.js';
import { alertOf } from '../dead-letter-alert.js';
import { Webhook } from '../webhook.js';
import { AlertFeed } from './alert-feed.js';
import { publishAlert } from './alert-subject.js';

const RETRY = { baseDelayMs: 1_000, maxDelayMs: 300_000 };
/** Beyond the time that a delivery may take. */
const ACK_SLACK_MS = 20_000;

/**
 * Two feeds with a place each in the log: one to the subject, one to the webhook where there is one. A receiver that is
 * down keeps neither the other nor any worker waiting.
 */
@Injectable()
export class DeadLetterAlerts {
  private readonly feeds: readonly AlertFeed[];

  constructor(
    @Inject(NATS) nats: NatsConnection,
    @Inject(SERVICE_CONFIG) { queue }: ServiceConfig,
    @Inject(SOURCES) sources: Sources,
    @Inject(LOGGER) logger: Logger,
  ) {
    const {
      webhook_url: url,
      webhook_secret_env: secretEnv,
      webhook_timeout_ms: timeoutMs,
    } = queue.dead_letters;
    const ackWaitMs = timeoutMs + ACK_SLACK_MS;
    const subject = new AlertFeed(
      nats,
      {
        ...{ name: 'dead-letter-alerts', ackWaitMs, retry: RETRY },
        deliver: (event) => publishAlert(nats, alertOf(event)),
      },
      logger,
    );
    if (url === '') {
      this.feeds = [subject];
      return;
    }
    const webhook = new Webhook({ url, secret: secretOf(secretEnv), timeoutMs });
    const hooked = new AlertFeed(
      nats,
      {
        ...{ name: 'dead-letter-webhook', ackWaitMs, retry: RETRY },
        deliver: (event) => webhook.deliver(alertOf(event), sources.nowMs()),
      },
      logger,
    );
    this.feeds = [subject, hooked];
  }

  /** @throws when a consumer can't be created */
  async start(): Promise<void> {
    await Promise.all(this.feeds.map((feed) => feed.start()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.feeds.map((feed) => feed.stop()));
  }
}

/** A secret that is named and missing must not turn into unsigned webhooks. */
function secretOf(name: string): string | null {
  if (name === '') return null;
  const secret = process.env[name];
  if (secret === undefined || secret === '') {
    throw new Error(`queue.dead_letters.webhook_secret_env names ${name}, which is not set.`);
  }
  return secret;
}
