import { AckPolicy, DeliverPolicy } from '@nats-io/jetstream';
import { type Msg, type NatsConnection, nanos } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { ACK, type AckReply, type Delivery, handBackReply } from '../../../broker/acks.js';
import { ConsumerFeed } from '../../../broker/consumer-feed.js';
import { EVENTS_STREAM } from '../../../broker/streams.js';
import { backoffDelayMs } from '../../../domain/message/backoff.policy.js';
import type { MessageDeadLettered } from '../../../domain/message/message.events.js';
import { decodeRecord } from '../../../log/log-record.js';

const SUBJECTS = 'llmq.events.*.dead-lettered.*';
const IN_FLIGHT = 16;
/** Alerts whose receiver failed count as held until their next try; beyond this, later ones wait in the log. */
const MAX_ACK_PENDING = 10_000;

export interface DeadLetterFeedOptions {
  /** Of the durable consumer: each name gets every dead letter, and its processes share them. */
  readonly name: string;
  /** Longer than `deliver` may take. */
  readonly ackWaitMs: number;
  readonly retry: { readonly baseDelayMs: number; readonly maxDelayMs: number };
  /** Resolves when the alert is where it belongs. */
  readonly deliver: (event: MessageDeadLettered) => Promise<void>;
}

/**
 * Hands each dead letter of the log from the first start on to `deliver`, until it succeeds. The broker keeps the place,
 * over restarts and for all processes together, so that an alert is delivered at least once.
 */
export class DeadLetterFeed extends ConsumerFeed {
  constructor(
    nats: NatsConnection,
    private readonly options: DeadLetterFeedOptions,
    logger: Logger,
  ) {
    const consumer = {
      durable_name: options.name,
      filter_subject: SUBJECTS,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.New,
      ack_wait: nanos(options.ackWaitMs),
      max_ack_pending: MAX_ACK_PENDING,
    };
    super(nats, { stream: EVENTS_STREAM, consumer, capacity: IN_FLIGHT }, logger);
  }

  protected async handle({ data }: Msg, { streamSequence, delivery }: Delivery): Promise<AckReply> {
    try {
      const last = decodeRecord(data, streamSequence).at(-1)?.event;
      if (last?.type === 'llmq.message.dead-lettered.v1') await this.options.deliver(last);
      return ACK;
    } catch (error) {
      const delayMs = backoffDelayMs(delivery, this.options.retry, Math.random());
      const { name } = this.options;
      this.logger.warn(
        { err: error, feed: name, delivery, nextInMs: Math.round(delayMs) },
        'an alert was not delivered; trying again',
      );
      return handBackReply(delayMs);
    }
  }
}
