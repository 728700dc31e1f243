import type { Backoff } from '../../domain/message/backoff.policy.js';
import type { DispatchDecision } from '../../domain/message/dispatch.decision.js';
import { expire } from '../../domain/message/expire.decision.js';
import { giveUp } from '../../domain/message/give-up.decision.js';
import { hold } from '../../domain/message/hold.decision.js';
import type { MessageCompleted, MessageScheduled } from '../../domain/message/message.events.js';
import { EventTooLargeError } from '../../log/event-log.errors.js';
import type { Sources } from '../../platform/clock.js';
import type { AnswerPublisher } from '../answers/answers.port.js';
import type { Cancellations } from '../cancellations/cancellations.port.js';
import type { LaneDelivery } from '../lanes/lane.port.js';
import type { Outcome } from './attempt.js';
import type { DurableSteps } from './durable-steps.js';
import { type CallFailure, consequences } from './verdict.policy.js';
import { contextNow, dueMessage } from './work.js';
import type { WorkerCounters } from './worker-counters.js';

/** What can be settled: of all outcomes, those that tell what becomes of the message. */
type Decided = Exclude<Outcome, { kind: 'unclear' }>;

type Settled = Exclude<DispatchDecision, { kind: 'call' }>;

/**
 * Takes messages off their lanes: first what must be durable, then the word to who waits, then the ack. A crash between
 * any two of these steps is a redelivery, which `EarlierRuns` recognises and `known` ends.
 */
export class Settlement {
  constructor(
    private readonly steps: DurableSteps,
    private readonly answers: AnswerPublisher,
    private readonly cancellations: Cancellations,
    private readonly backoff: Backoff,
    private readonly sources: Sources,
    private readonly counters: WorkerCounters,
  ) {}

  async outcome(delivery: LaneDelivery, outcome: Decided): Promise<void> {
    // The log has the cancellation already, and only the first end counts.
    if (outcome.kind !== 'known' && this.isCancelled(delivery)) return this.leave(delivery);
    switch (outcome.kind) {
      case 'answered':
        return this.answered(delivery, outcome.completed, outcome.chunksDelivered);
      case 'failed':
        return this.failed(delivery, outcome.failure, outcome.chunksDelivered);
      case 'cancelled':
        return this.leave(delivery);
      case 'known':
        this.counters.alreadyKnown += 1;
        return this.known(delivery, outcome.decision);
      default:
        return assertNever(outcome);
    }
  }

  private async answered(
    delivery: LaneDelivery,
    completed: MessageCompleted,
    chunksDelivered: number,
  ): Promise<void> {
    try {
      const { firstSequence } = await this.steps.append([completed]);
      this.counters.completed += 1;
      this.finished(delivery, firstSequence);
    } catch (error) {
      if (!(error instanceof EventTooLargeError)) throw error;
      // Another call would only bring another answer that the log can't hold.
      const { endpoint } = completed.data;
      await this.failed(delivery, { kind: 'answer_too_large', endpoint }, chunksDelivered);
    }
  }

  async failed(delivery: LaneDelivery, failure: CallFailure, chunksDelivered: number): Promise<void> {
    const { event: prioritized, delivery: count } = delivery;
    const run = { prioritized, delivery: count, chunksDelivered, failure };
    const context = contextNow(prioritized, this.sources);
    const [attemptFailed, next] = consequences(context, run, this.backoff, this.sources.random());
    const { firstSequence } = await this.steps.append([attemptFailed, next]);
    this.counters.failedAttempts += 1;
    if (next.type === 'llmq.message.scheduled.v1') return this.retryLater(delivery, next);
    if (next.type === 'llmq.message.expired.v1') this.counters.expired += 1;
    else this.counters.deadLettered += 1;
    this.finished(delivery, firstSequence + 1);
  }

  /** Off its lane until the turn before it has ended: whoever sees that puts it back. */
  async held(delivery: LaneDelivery, behind: string): Promise<void> {
    await this.steps.append([hold(contextNow(delivery.event, this.sources), behind)]);
    this.counters.held += 1;
    delivery.ack();
  }

  /** For a delivery of what is decided already. */
  async known(delivery: LaneDelivery, decision: Settled): Promise<void> {
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
        return this.expire(delivery, decision.deadline);
      default:
        return assertNever(decision);
    }
  }

  private async giveUp(delivery: LaneDelivery, lostCalls: number): Promise<void> {
    const { event } = delivery;
    const deadLettered = giveUp(contextNow(event, this.sources), event.data.attempt, lostCalls);
    const { firstSequence } = await this.steps.append([deadLettered]);
    this.counters.deadLettered += 1;
    this.finished(delivery, firstSequence);
  }

  private async expire(delivery: LaneDelivery, deadline: string): Promise<void> {
    const expired = expire(contextNow(delivery.event, this.sources), deadline, 'waiting');
    const { firstSequence } = await this.steps.append([expired]);
    this.counters.expired += 1;
    this.finished(delivery, firstSequence);
  }

  private async retryLater(delivery: LaneDelivery, scheduled: MessageScheduled): Promise<void> {
    await this.schedule(delivery, scheduled.data.attempt, scheduled.data.due_at);
    this.counters.retried += 1;
  }

  private async schedule(delivery: LaneDelivery, attempt: number, dueAt: string): Promise<void> {
    const { subject: messageId, tenant, traceparent } = delivery.event;
    await this.steps.schedule({
      ...{ messageId, tenant, dueAt },
      ...(traceparent === undefined ? {} : { traceparent }),
      message: dueMessage(delivery, attempt),
    });
    // Its schedule holds the message now; whether it is cancelled is asked again when it is due.
    delivery.ack();
  }

  private finished(delivery: LaneDelivery, sequence: number): void {
    this.answers.completed({ messageId: delivery.event.subject, sequence });
    this.leave(delivery);
  }

  private isCancelled({ event }: LaneDelivery): boolean {
    return this.cancellations.has(event.subject);
  }

  /** Off the lane. Nothing of a cancelled message is left then that anybody would have to know for one. */
  private leave(delivery: LaneDelivery): void {
    delivery.ack();
    this.cancellations.remove(delivery.event.subject);
  }
}

function assertNever(decision: never): never {
  throw new Error(`No way to settle ${JSON.stringify(decision)}`);
}
