import { AckPolicy, DeliverPolicy } from '@nats-io/jetstream';
import { type Msg, type NatsConnection, nanos } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { EVENTS_STREAM } from '../../../broker/streams.js';
import { parseAckSubject } from '../../../dispatch/lanes/jetstream/ack-subject.js';
import { ConsumerFeed } from '../../../dispatch/lanes/jetstream/consumer-feed.js';
import { handBackReply } from '../../../dispatch/lanes/jetstream/held-delivery.js';
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
export class DeadLetterFeed {
  private readonly feed: ConsumerFeed;

  constructor(
    nats: NatsConnection,
    private readonly options: DeadLetterFeedOptions,
    private readonly logger: Logger,
  ) {
    const consumer = {
      durable_name: options.name,
      filter_subject: SUBJECTS,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.New,
      ack_wait: nanos(options.ackWaitMs),
      max_ack_pending: MAX_ACK_PENDING,
    };
    const handle = (message: Msg) => this.handle(message);
    this.feed = new ConsumerFeed(
      nats,
      { stream: EVENTS_STREAM, consumer, capacity: IN_FLIGHT, handle },
      logger,
    );
  }

  /** @throws when the consumer can't be created */
  async start(): Promise<void> {
    await this.feed.start();
  }

  /** Takes no more, and resolves when what is under way is delivered or handed back. */
  async stop(): Promise<void> {
    await this.feed.stop();
  }

  /** Never rejects. */
  private async handle(message: Msg): Promise<void> {
    const { sequence, delivery } = parseAckSubject(message.reply ?? '');
    try {
      const last = decodeRecord(message.data, sequence).at(-1)?.event;
      if (last?.type === 'llmq.message.dead-lettered.v1') await this.options.deliver(last);
      this.feed.respond(message, '+ACK');
    } catch (error) {
      const delayMs = backoffDelayMs(delivery, this.options.retry, Math.random());
      const { name } = this.options;
      this.logger.warn(
        { err: error, feed: name, delivery, nextInMs: Math.round(delayMs) },
        'an alert was not delivered; trying again',
      );
      this.feed.respond(message, handBackReply(delayMs));
    }
  }
}
