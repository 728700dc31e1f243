import { AckPolicy, DeliverPolicy } from '@nats-io/jetstream';
import { type Msg, type NatsConnection, nanos } from '@nats-io/transport-node';
import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { ACK, type AckReply, type Delivery, handBackReply } from '../../../broker/acks.js';
import { ConsumerFeed } from '../../../broker/consumer-feed.js';
import { EVENTS_STREAM } from '../../../broker/streams.js';
import { delayedMessage } from '../../../domain/message/requeue-due.decision.js';
import { traceOf } from '../../../domain/trace-context.policy.js';
import { decodeRecord } from '../../../log/log-record.js';
import { SOURCES, type Sources } from '../../../platform/clock.js';
import { LOGGER, NATS } from '../../../platform/tokens.js';
import { MessageReader } from '../../../projection/read/message-reader.js';
import type { RetrySchedule } from '../lane.port.js';
import { RetrySchedules } from './retry-schedules.js';

export const DELAYS_CONSUMER = 'delays';
const IN_FLIGHT = 500;
const ACK_WAIT_MS = 30_000;
const TRY_AGAIN_AFTER_MS = 1_000;
/** What was written longer ago may have run its course: a consumer that was lost begins with the oldest again. */
const FRESH_MS = 30_000;

interface Delayed {
  readonly schedule: RetrySchedule;
  /** When it was written, in milliseconds since the epoch. */
  readonly writtenMs: number;
}

/**
 * Sets the schedule of each message that was received with a delay. It follows the log, and acknowledges a record only
 * when its schedule is durable: a crash at any point between the client's 202 and the schedule delays the message, and
 * loses nothing. Retries are scheduled by the worker that holds the message, and only passed over here.
 */
@Injectable()
export class DelayScheduler extends ConsumerFeed {
  constructor(
    @Inject(NATS) nats: NatsConnection,
    @Inject(RetrySchedules) private readonly schedules: RetrySchedules,
    @Inject(MessageReader) private readonly reader: Pick<MessageReader, 'state'>,
    @Inject(SOURCES) private readonly sources: Sources,
    @Inject(LOGGER) logger: Logger,
  ) {
    const consumer = {
      durable_name: DELAYS_CONSUMER,
      filter_subject: 'llmq.events.*.scheduled.*',
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      ack_wait: nanos(ACK_WAIT_MS),
    };
    super(nats, { stream: EVENTS_STREAM, consumer, capacity: IN_FLIGHT }, logger);
  }

  protected async handle(message: Msg, { streamSequence }: Delivery): Promise<AckReply> {
    try {
      const delayed = this.decode(message.data, streamSequence);
      if (delayed !== null && (await this.isWanted(delayed))) await this.schedules.set(delayed.schedule);
      return ACK;
    } catch (error) {
      this.logger.warn(
        { err: error, subject: message.subject },
        'a delay is not scheduled yet; trying again',
      );
      return handBackReply(TRY_AGAIN_AFTER_MS);
    }
  }

  /** Null for a retry, and for what no version understands: readers of the whole log stop at that and say so. */
  private decode(data: Uint8Array, sequence: number): Delayed | null {
    try {
      return delayedIn(data, sequence);
    } catch (error) {
      this.logger.error({ err: error, sequence }, 'passed over an undecodable schedule');
      return null;
    }
  }

  private async isWanted({ schedule, writtenMs }: Delayed): Promise<boolean> {
    if (this.sources.nowMs() - writtenMs < FRESH_MS) return true;
    const state = await this.reader.state(schedule.messageId);
    return (
      state === null || (state.status === 'scheduled' && state.currentAttempt === schedule.message.attempt)
    );
  }
}

/** @throws {MalformedEventError} for what is no record of ours */
function delayedIn(bytes: Uint8Array, streamSequence: number): Delayed | null {
  const [first, last] = decodeRecord(bytes, streamSequence);
  if (first?.event.type !== 'llmq.message.received.v1' || last?.event.type !== 'llmq.message.scheduled.v1') {
    return null;
  }
  const { subject: messageId, tenant, time } = first.event;
  const schedule = {
    ...{ messageId, tenant, dueAt: last.event.data.due_at },
    ...traceOf(first.event),
    message: delayedMessage(first.event, first.sequence, last.event),
  };
  return { schedule, writtenMs: Date.parse(time) };
}
