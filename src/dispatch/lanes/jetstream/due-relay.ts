import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { AckPolicy, DeliverPolicy } from '@nats-io/jetstream';
import { type Msg, type NatsConnection, nanos } from '@nats-io/transport-node';
import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { ACK, type AckReply, handBackReply, UNDECODABLE } from '../../../broker/acks.js';
import { ConsumerFeed } from '../../../broker/consumer-feed.js';
import { SCHEDULES_STREAM } from '../../../broker/streams.js';
import { type DueMessage, requeueDue } from '../../../domain/message/requeue-due.decision.js';
import { traceOf } from '../../../domain/trace-context.policy.js';
import { appendSpan } from '../../../log/append-span.js';
import type { EventLog } from '../../../log/event-log.port.js';
import { SOURCES, type Sources } from '../../../platform/clock.js';
import { aboutMessage } from '../../../platform/logging/about-message.js';
import { within } from '../../../platform/telemetry/spans.js';
import { EVENT_LOG, LOGGER, NATS } from '../../../platform/tokens.js';
import { Cancellations } from '../../cancellations/nats/cancellations.js';
import { decodeDue } from './due-message.codec.js';

export const DUE_CONSUMER = 'due';
/** Due messages held for the rest of their time, or on their way into the log, whose writes they share. */
const IN_FLIGHT = 5_000;
/** Of all workers together. */
const MAX_ACK_PENDING = 20_000;
/** Longer than an append may take, so that a slow log is no reason to append twice. */
const ACK_WAIT_MS = 30_000;
const LONGEST_HOLD_MS = 3_000;
const TRY_AGAIN_AFTER_MS = 1_000;

/**
 * Puts messages whose time has come into their lanes: a due message is held until its exact time, becomes an event of the
 * log, and is removed from the schedules when that event is durable. One that was cancelled meanwhile is removed without
 * it. Any number of workers share one consumer.
 *
 * A crash between the append and the ack repeats the append; within the log's dedupe window that stores nothing, and
 * later the second entry in the lane is one call more, of which one answer counts.
 */
@Injectable()
export class DueRelay extends ConsumerFeed {
  private readonly stopping = new AbortController();

  constructor(
    @Inject(NATS) nats: NatsConnection,
    @Inject(EVENT_LOG) private readonly log: EventLog,
    @Inject(Cancellations) private readonly cancellations: Cancellations,
    @Inject(SOURCES) private readonly sources: Sources,
    @Inject(LOGGER) logger: Logger,
  ) {
    const consumer = {
      durable_name: DUE_CONSUMER,
      filter_subject: 'llmq.due.>',
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      ack_wait: nanos(ACK_WAIT_MS),
      max_ack_pending: MAX_ACK_PENDING,
    };
    super(nats, { stream: SCHEDULES_STREAM, consumer, capacity: IN_FLIGHT }, logger);
    // Every held message listens to it: thousands are no leak.
    setMaxListeners(0, this.stopping.signal);
  }

  /** Takes no more, and resolves when what is on its way into the log is there or was handed back. */
  override async stop(): Promise<void> {
    this.stopping.abort();
    await super.stop();
  }

  protected async handle(message: Msg): Promise<AckReply> {
    const due = this.decode(message);
    if (due === null) return UNDECODABLE;
    const { messageId, tenant } = due;
    if (!(await this.untilDue(due.dueAt))) return handBackReply(0);
    if (this.cancellations.has(messageId)) {
      this.cancellations.remove(messageId);
      return ACK;
    }
    const now = new Date(this.sources.nowMs()).toISOString();
    const context = { messageId, tenant, lane: due.message.priority, now, ...traceOf(due) };
    try {
      const message = await this.withModel(due.message);
      const events = [requeueDue({ ...context, newId: this.sources.newId }, message)];
      const dedupeKey = `${messageId}:${message.attempt}`;
      await within(appendSpan(events), () => this.log.append(events, { dedupeKey }));
      return ACK;
    } catch (error) {
      this.logger.warn(
        { err: error, ...aboutMessage(messageId, due) },
        'a due message is not in its lane yet; trying again',
      );
      return handBackReply(TRY_AGAIN_AFTER_MS);
    }
  }

  /** An earlier version's schedule does not tell the model, which the message's route needs. */
  private async withModel(message: DueMessage): Promise<DueMessage> {
    if (message.model !== undefined) return message;
    const received = (await this.log.get(message.receivedSequence))?.event;
    return received?.type === 'llmq.message.received.v1'
      ? { ...message, model: received.data.request.model }
      : message;
  }

  /** False when the relay stops first. */
  private async untilDue(dueAt: string | null): Promise<boolean> {
    const waitMs = dueAt === null ? 0 : Date.parse(dueAt) - this.sources.nowMs();
    if (waitMs <= 0) return true;
    // Longer than the lead only when the clocks differ; then the broker's is believed. One more, since a timer may end a
    // millisecond before its time by the clock.
    await sleep(Math.min(waitMs, LONGEST_HOLD_MS) + 1, undefined, { signal: this.stopping.signal }).catch(
      () => {},
    );
    return !this.stopping.signal.aborted;
  }

  private decode(message: Msg): ReturnType<typeof decodeDue> | null {
    try {
      return decodeDue(message.string());
    } catch (error) {
      this.logger.error({ err: error, subject: message.subject }, 'took an undecodable due message away');
      return null;
    }
  }
}
