import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { assertNever } from '../../domain/assert-never.js';
import type { Backoff } from '../../domain/message/backoff.policy.js';
import { defer, type NotTaken } from '../../domain/message/defer.decision.js';
import { expire } from '../../domain/message/expire.decision.js';
import { giveUp } from '../../domain/message/fail.decision.js';
import { hold } from '../../domain/message/held-turn.decision.js';
import type {
  AttemptError,
  MessageCompleted,
  MessageScheduled,
  TerminalEvent,
} from '../../domain/message/message.events.js';
import type { DueMessage } from '../../domain/message/requeue-due.decision.js';
import { traceOf } from '../../domain/trace-context.policy.js';
import { EventTooLargeError } from '../../log/event-log.errors.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { type AboutMessage, aboutMessage } from '../../platform/logging/about-message.js';
import { LOGGER } from '../../platform/tokens.js';
import { ANSWER_PUBLISHER, type AnswerPublisher } from '../answers/answers.port.js';
import { Cancellations } from '../cancellations/nats/cancellations.js';
import { type LaneDelivery, receivedSequenceOf } from '../lanes/lane.port.js';
import { failureCode } from './call-span.policy.js';
import { DurableSteps } from './durable-steps.js';
import { MessageMeasures } from './message-measures.js';
import { TurnedAway } from './turned-away.js';
import { type CallFailure, consequences } from './verdict.policy.js';
import { contextNow, type Outcome, type Settled } from './work.js';
import { WorkerStoppingError } from './worker-stop.js';

/** So long a message waits, without a slot, for the projection to tell whether it ran before. */
const UNCLEAR_DELAY_MS = 5_000;
/** After a failure of the worker itself: not at once, or a bug becomes a busy loop. */
const WORKER_ERROR_DELAY_MS = 5_000;

/** What one worker has done since its start, for metrics and health. */
export class WorkerCounters {
  completed = 0;
  failedAttempts = 0;
  retried = 0;
  deadLettered = 0;
  expired = 0;
  /** Deliveries of messages that were decided already. */
  alreadyKnown = 0;
  /** Calls that no endpoint took; each message goes back into its lane. */
  deferred = 0;
  /** Turns that gave their place in the lane back, behind an earlier one. */
  held = 0;
  /** Found no place at an endpoint after all, and went back as they were. */
  putBack = 0;
  /** Given back to their lanes without an outcome. */
  handedBack = 0;
  /** Failures of the worker itself, none of the message. */
  workerErrors = 0;
}

/**
 * Takes messages off their lanes: first the durable write, then the notice to those who wait, then the ack. A crash
 * between any two of these steps leads to a redelivery, which `RedeliveryCheck` recognises and `known` ends.
 */
@Injectable()
export class Settlement {
  readonly counters = new WorkerCounters();
  private readonly backoff: Backoff;

  constructor(
    @Inject(DurableSteps) private readonly steps: DurableSteps,
    @Inject(ANSWER_PUBLISHER) private readonly answers: AnswerPublisher,
    @Inject(Cancellations) private readonly cancellations: Cancellations,
    @Inject(TurnedAway) private readonly turnedAway: TurnedAway,
    @Inject(MessageMeasures) private readonly measures: MessageMeasures,
    @Inject(SERVICE_CONFIG) { queue: { retry } }: ServiceConfig,
    @Inject(SOURCES) private readonly sources: Sources,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    const { kind, base_delay_ms: baseDelayMs, max_delay_ms: maxDelayMs } = retry;
    this.backoff = { kind, baseDelayMs, maxDelayMs };
  }

  async settle(delivery: LaneDelivery, outcome: Outcome): Promise<void> {
    if (this.logger.isLevelEnabled('debug')) this.tell(delivery, outcome);
    switch (outcome.kind) {
      case 'answered':
        this.turnedAway.taken(delivery.event.subject);
        return this.answered(delivery, outcome.completed, outcome.chunksDelivered);
      case 'failed':
        this.turnedAway.taken(delivery.event.subject);
        return this.failed(delivery, outcome.failure, outcome.chunksDelivered);
      case 'deferred':
        return this.deferred(delivery, outcome.notTaken, outcome.failure);
      case 'cancelled':
        return this.cancelled(delivery);
      case 'held':
        return this.held(delivery, outcome.behind);
      case 'known':
        this.counters.alreadyKnown += 1;
        return this.known(delivery, outcome.decision);
      case 'unclear':
        return this.unclear(delivery);
      case 'put_back':
        this.counters.putBack += 1;
        return;
      case 'handed_back':
        return this.handBack(delivery, outcome.delayMs);
      default:
        return assertNever(outcome);
    }
  }

  handBack(delivery: LaneDelivery, delayMs = 0): void {
    this.counters.handedBack += 1;
    delivery.handBack(delayMs);
  }

  /** After what is no outcome of the message: the worker stops, or has a bug. The message is not lost. */
  handBackAfter(delivery: LaneDelivery, error: unknown): void {
    if (error instanceof WorkerStoppingError) {
      this.handBack(delivery);
      return;
    }
    this.counters.workerErrors += 1;
    this.logger.error(
      { err: error, ...aboutDelivery(delivery), sequence: delivery.sequence },
      'the worker failed over a message',
    );
    this.handBack(delivery, WORKER_ERROR_DELAY_MS);
  }

  private tell(delivery: LaneDelivery, outcome: Outcome): void {
    const { lane, event, delivery: count } = delivery;
    const failure = outcome.kind === 'failed' ? { failure: failureCode(outcome.failure) } : {};
    this.logger.debug(
      {
        ...aboutDelivery(delivery),
        ...{ lane, attempt: event.data.attempt, delivery: count, outcome: outcome.kind, ...failure },
      },
      'dispatched',
    );
  }

  private unclear(delivery: LaneDelivery): void {
    this.logger.warn(
      aboutDelivery(delivery),
      'a message waits for the projection to tell whether it may run',
    );
    this.handBack(delivery, UNCLEAR_DELAY_MS);
  }

  private async answered(
    delivery: LaneDelivery,
    completed: MessageCompleted,
    chunksDelivered: number,
  ): Promise<void> {
    if (this.isCancelled(delivery)) return this.cancelled(delivery);
    try {
      const { firstSequence } = await this.steps.append([completed]);
      this.counters.completed += 1;
      this.measures.completed(delivery, completed);
      this.finished(delivery, firstSequence, completed);
    } catch (error) {
      if (!(error instanceof EventTooLargeError)) throw error;
      // Another call would only bring another answer that the log can't hold.
      const { endpoint } = completed.data;
      await this.failed(delivery, { kind: 'answer_too_large', endpoint }, chunksDelivered);
    }
  }

  private async failed(delivery: LaneDelivery, failure: CallFailure, chunksDelivered: number): Promise<void> {
    if (this.isCancelled(delivery)) return this.cancelled(delivery);
    const { event: prioritized, delivery: count } = delivery;
    const run = { prioritized, delivery: count, chunksDelivered, failure };
    const context = contextNow(prioritized, this.sources);
    const [attemptFailed, next] = consequences(context, run, this.backoff, this.sources.random());
    const { firstSequence } = await this.steps.append([attemptFailed, next]);
    this.counters.failedAttempts += 1;
    if (next.type === 'llmq.message.scheduled.v1') return this.retryLater(delivery, next);
    const isExpired = next.type === 'llmq.message.expired.v1';
    this.counters[isExpired ? 'expired' : 'deadLettered'] += 1;
    this.measures.ended(delivery, isExpired ? 'expired' : 'dead_lettered', attemptFailed.data.endpoint);
    this.finished(delivery, firstSequence + 1, next);
  }

  /**
   * Back into its lane, where it is the first for its model again: it was accepted before what waits behind it. The broker
   * hands it out when the model has a place; until then only its deadline or a cancel ends it. One that is refused while
   * others are answered comes back behind them, and fails in the end.
   */
  private async deferred(delivery: LaneDelivery, notTaken: NotTaken, failure: CallFailure): Promise<void> {
    if (this.isCancelled(delivery)) return this.cancelled(delivery);
    const { event, delivery: count } = delivery;
    const next = this.turnedAway.refused(event.subject, notTaken);
    if (next.kind === 'fail') return this.failed(delivery, failure, 0);
    await this.steps.append([defer(contextNow(event, this.sources), event, count, notTaken)]);
    this.counters.deferred += 1;
    this.handBack(delivery, next.delayMs);
  }

  /** Off its lane until the turn before it has ended: whoever sees that puts it back. */
  private async held(delivery: LaneDelivery, behind: string): Promise<void> {
    await this.steps.append([hold(contextNow(delivery.event, this.sources), behind)]);
    this.counters.held += 1;
    delivery.ack();
  }

  /** For a delivery of a message that the log has decided already. */
  private async known(delivery: LaneDelivery, decision: Settled): Promise<void> {
    switch (decision.kind) {
      case 'settled':
        // Whoever wrote the terminal event may have died before it told those who wait.
        return this.finished(delivery, decision.terminalSequence);
      case 'rescheduled':
        return this.schedule(delivery, decision.attempt, decision.dueAt);
      case 'superseded':
        return delivery.ack();
      case 'give_up':
        return this.giveUp(delivery, decision.lostCalls);
      case 'expire':
        return this.expire(delivery, decision.deadline, decision.error);
      default:
        return assertNever(decision);
    }
  }

  private async giveUp(delivery: LaneDelivery, lostCalls: number): Promise<void> {
    const { event } = delivery;
    const deadLettered = giveUp(contextNow(event, this.sources), event.data.attempt, lostCalls);
    const { firstSequence } = await this.steps.append([deadLettered]);
    this.counters.deadLettered += 1;
    this.measures.ended(delivery, 'dead_lettered');
    this.finished(delivery, firstSequence, deadLettered);
  }

  private async expire(delivery: LaneDelivery, deadline: string, error: AttemptError | null): Promise<void> {
    const expired = expire(contextNow(delivery.event, this.sources), deadline, 'waiting', error);
    const { firstSequence } = await this.steps.append([expired]);
    this.counters.expired += 1;
    this.measures.ended(delivery, 'expired');
    this.finished(delivery, firstSequence, expired);
  }

  private async retryLater(delivery: LaneDelivery, scheduled: MessageScheduled): Promise<void> {
    await this.schedule(delivery, scheduled.data.attempt, scheduled.data.due_at);
    this.counters.retried += 1;
  }

  private async schedule(delivery: LaneDelivery, attempt: number, dueAt: string): Promise<void> {
    const { subject: messageId, tenant } = delivery.event;
    await this.steps.schedule({
      ...{ messageId, tenant, dueAt },
      ...traceOf(delivery.event),
      message: dueMessage(delivery, attempt),
    });
    // Its schedule holds the message now; whether it is cancelled is asked again when it is due.
    delivery.ack();
  }

  /** @param event the end itself, where it was appended here */
  private finished(delivery: LaneDelivery, sequence: number, event?: TerminalEvent): void {
    const notice = { messageId: delivery.event.subject, sequence };
    this.answers.completed(event === undefined ? notice : { event, ...notice });
    this.leave(delivery);
  }

  /** The log has the cancellation already, and only the first end counts. */
  private isCancelled({ event }: LaneDelivery): boolean {
    return this.cancellations.has(event.subject);
  }

  private cancelled(delivery: LaneDelivery): void {
    this.measures.ended(delivery, 'cancelled');
    this.leave(delivery);
  }

  /** Takes the message off its lane. If it was cancelled, no process needs to know that any more. */
  private leave(delivery: LaneDelivery): void {
    delivery.ack();
    this.cancellations.remove(delivery.event.subject);
  }
}

function aboutDelivery({ event }: LaneDelivery): AboutMessage {
  return aboutMessage(event.subject, event);
}

/** What the schedule of a message's next attempt must carry. */
function dueMessage(delivery: LaneDelivery, attempt: number): DueMessage {
  const { data } = delivery.event;
  return {
    priority: data.priority,
    attempt,
    receivedSequence: receivedSequenceOf(delivery),
    timeoutMs: data.timeout_ms,
    maxRetries: data.max_retries,
    receivedAt: data.received_at,
    deadline: data.deadline ?? null,
    backoff: data.backoff ?? null,
    conversationId: data.conversation_id ?? null,
    model: data.model ?? null,
  };
}
