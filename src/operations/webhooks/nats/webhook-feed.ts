import { AckPolicy, DeliverPolicy } from '@nats-io/jetstream';
import { type Msg, type NatsConnection, nanos } from '@nats-io/transport-node';
import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { Logger } from 'pino';
import { ACK, type AckReply, type Delivery, handBackReply, UNDECODABLE } from '../../../broker/acks.js';
import { ConsumerFeed } from '../../../broker/consumer-feed.js';
import { WEBHOOKS_STREAM } from '../../../broker/streams.js';
import { DUE_WEBHOOKS_SUBJECT, decodeDueWebhook } from '../../../broker/webhook-dues.js';
import { backoffDelayMs } from '../../../domain/message/backoff.policy.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../../platform/config/service-config.js';
import { aboutMessage } from '../../../platform/logging/about-message.js';
import { LOGGER, NATS } from '../../../platform/tokens.js';
import { WEBHOOKS_AT_ONCE, WebhookSender } from '../webhook-sender.js';

export const WEBHOOKS_CONSUMER = 'webhooks';
/** Of all processes. */
const MAX_ACK_PENDING = 4_000;
/** For the tables before a try and the log behind it. */
const ACK_SLACK_MS = 15_000;
const AGAIN = { baseDelayMs: 1_000, maxDelayMs: 30_000 };

/** Hands each webhook that is due to the sender; all processes share one consumer. */
@Injectable()
export class WebhookFeed extends ConsumerFeed implements OnApplicationBootstrap, OnModuleDestroy {
  constructor(
    @Inject(NATS) nats: NatsConnection,
    @Inject(WebhookSender) private readonly sender: Pick<WebhookSender, 'send'>,
    @Inject(SERVICE_CONFIG) { webhooks }: ServiceConfig,
    @Inject(LOGGER) logger: Logger,
  ) {
    const consumer = {
      durable_name: WEBHOOKS_CONSUMER,
      filter_subject: DUE_WEBHOOKS_SUBJECT,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      ack_wait: nanos(webhooks.timeout_ms + ACK_SLACK_MS),
      max_ack_pending: MAX_ACK_PENDING,
    };
    super(nats, { stream: WEBHOOKS_STREAM, consumer, capacity: WEBHOOKS_AT_ONCE }, logger);
  }

  /** @throws when the consumer can't be created */
  async onApplicationBootstrap(): Promise<void> {
    await this.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.stop();
  }

  protected async handle(message: Msg, { delivery }: Delivery): Promise<AckReply> {
    let due: ReturnType<typeof decodeDueWebhook>;
    try {
      due = decodeDueWebhook(message.string());
    } catch (error) {
      this.logger.error({ err: error, subject: message.subject }, 'took an undecodable webhook away');
      return UNDECODABLE;
    }
    try {
      await this.sender.send(due);
      return ACK;
    } catch (error) {
      this.logger.warn(
        { err: error, ...aboutMessage(due.messageId), webhook: due.id },
        'a webhook was not seen through; trying again',
      );
      return handBackReply(backoffDelayMs(delivery, AGAIN, Math.random()));
    }
  }
}
