import { complete } from '../../domain/message/complete.decision.js';
import { type DispatchDecision, dispatched } from '../../domain/message/dispatch.decision.js';
import type { MessageCompleted } from '../../domain/message/message.events.js';
import type { Sources } from '../../platform/clock.js';
import type { AnswerPublisher } from '../answers/answers.port.js';
import type { Cancellations } from '../cancellations/cancellations.port.js';
import type { EndpointLease } from '../endpoints/endpoint-registry.js';
import { type ModelAnswer, type ModelCall, ModelCallError } from '../endpoints/model-endpoint.port.js';
import type { DurableSteps } from './durable-steps.js';
import type { EarlierRuns } from './earlier-runs.js';
import { CallCancelledError, CallOverdueError, type RunningCalls } from './running-calls.js';
import type { CallFailure } from './verdict.policy.js';
import { contextNow, type Work } from './work.js';

/** Giving up is not among them: this very attempt counts as one of the lost calls until it has ended. */
export type KnownAlready = Exclude<DispatchDecision, { kind: 'call' | 'give_up' }>;

interface Delivered {
  /** Pieces of the answer that went out to listeners. */
  readonly chunksDelivered: number;
}

/**
 * An answer, a failure, or neither: the message is decided already, or was cancelled right before the call or while it
 * ran, or nobody can tell in time whether it may be called.
 */
export type Outcome = Delivered &
  (
    | { readonly kind: 'answered'; readonly completed: MessageCompleted }
    | { readonly kind: 'failed'; readonly failure: CallFailure }
    | { readonly kind: 'known'; readonly decision: KnownAlready }
    | { readonly kind: 'cancelled' }
    | { readonly kind: 'unclear' }
  );

/**
 * Makes one attempt: the call, whose pieces go out as they come, and beside it the record that it was begun. The model
 * does not wait for the log, but nothing is concluded from the call before the record is durable (ADR 6).
 *
 * A message that another worker may still have is recorded first, and called only if the log, up to that record, has not
 * ended it: the time from the first look at it to the call can be long on a busy machine. So is every turn of a
 * conversation. A process that stood still for longer than its ack deadline does not know that its first delivery went
 * to another worker too, and must not begin with a turn after the next one has run.
 */
export class Attempts {
  constructor(
    private readonly workerName: string,
    private readonly steps: DurableSteps,
    private readonly earlierRuns: EarlierRuns,
    private readonly answers: AnswerPublisher,
    private readonly calls: RunningCalls,
    private readonly cancellations: Cancellations,
    private readonly sources: Sources,
  ) {}

  /**
   * Gives the lease back as soon as the endpoint is done.
   *
   * @throws {WorkerStoppingError} when the worker's time was over first
   * @throws what is no failure of the message but of this process
   */
  async run(work: Work, lease: EndpointLease): Promise<Outcome> {
    if (this.isCancelled(work)) {
      lease.release();
      return { kind: 'cancelled', chunksDelivered: 0 };
    }
    if (isTurn(work) || this.earlierRuns.possible(work.delivery)) return this.runIfOpen(work, lease);
    const recorded = this.record(work, lease);
    const called = this.call(work, lease).finally(() => lease.release());
    const [record, outcome] = await Promise.allSettled([recorded, called]);
    if (record.status === 'rejected') throw record.reason;
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  }

  private async runIfOpen(work: Work, lease: EndpointLease): Promise<Outcome> {
    try {
      const decision = await this.earlierRuns.decideAt(work.delivery, await this.record(work, lease));
      if (decision === null && isTurn(work)) return { kind: 'unclear', chunksDelivered: 0 };
      if (decision !== null && isKnown(decision)) return { kind: 'known', decision, chunksDelivered: 0 };
      return await this.call(work, lease);
    } finally {
      lease.release();
    }
  }

  /** @returns where the record lies */
  private async record({ delivery, context: sent }: Work, lease: EndpointLease): Promise<number> {
    const context = contextNow(delivery.event, this.sources);
    const event = dispatched(context, delivery.event, {
      delivery: delivery.delivery,
      worker: this.workerName,
      endpoint: lease.endpoint.name,
      model: lease.model,
      endpointReason: lease.reason,
      context: sent,
    });
    return (await this.steps.append([event])).firstSequence;
  }

  private isCancelled({ delivery }: Work): boolean {
    return this.cancellations.has(delivery.event.subject);
  }

  private async call(work: Work, lease: EndpointLease): Promise<Outcome> {
    // From here to the call nothing waits, so what is cancelled later finds the call and aborts it.
    if (this.isCancelled(work)) return { kind: 'cancelled', chunksDelivered: 0 };
    const { event, delivery } = work.delivery;
    const calledAt = new Date(this.sources.nowMs()).toISOString();
    const running = this.calls.begin(event.subject, event.data.timeout_ms);
    let chunks = 0;
    const call: ModelCall = {
      messageId: event.subject,
      request: work.request,
      model: lease.model,
      timeoutMs: event.data.timeout_ms,
      signal: running.signal,
      ...(event.traceparent === undefined ? {} : { traceparent: event.traceparent }),
      onDelta: (delta) => {
        chunks += 1;
        this.answers.chunk(event.subject, { seq: chunks, attempt: event.data.attempt, delivery, delta });
      },
    };
    try {
      const answer = await lease.endpoint.call(call);
      const completed = this.completed(work, lease, calledAt, answer);
      return { kind: 'answered', completed, chunksDelivered: chunks };
    } catch (error) {
      if (error instanceof CallCancelledError) return { kind: 'cancelled', chunksDelivered: chunks };
      const failure = failureOf(error, lease.endpoint.name);
      return { kind: 'failed', failure, chunksDelivered: chunks };
    } finally {
      running.end();
    }
  }

  private completed(
    { delivery }: Work,
    lease: EndpointLease,
    calledAt: string,
    { answer, finishReason, model, usage, firstTokenMs }: ModelAnswer,
  ): MessageCompleted {
    return complete(contextNow(delivery.event, this.sources), delivery.event, {
      ...{ answer, finishReason, model, usage, firstTokenMs, calledAt },
      delivery: delivery.delivery,
      endpoint: lease.endpoint.name,
    });
  }
}

/** @throws the error itself where it says nothing about the endpoint */
function failureOf(error: unknown, endpoint: string): CallFailure {
  if (error instanceof ModelCallError) {
    return { kind: 'endpoint', endpoint, error: error.error, retryAfterMs: error.retryAfterMs };
  }
  if (error instanceof CallOverdueError) return { kind: 'overdue', endpoint, timeoutMs: error.timeoutMs };
  throw error;
}

function isTurn({ context }: Work): boolean {
  return context !== null;
}

function isKnown(decision: DispatchDecision): decision is KnownAlready {
  return decision.kind !== 'call' && decision.kind !== 'give_up';
}
