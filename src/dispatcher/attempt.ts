import type { AnswerPublisher } from '../answers/answers.port.js';
import type { EndpointLease } from '../endpoints/endpoint-registry.js';
import { type ModelAnswer, type ModelCall, ModelCallError } from '../endpoints/model-endpoint.port.js';
import { complete } from '../message/complete.decision.js';
import { dispatched } from '../message/dispatch.decision.js';
import type { MessageCompleted } from '../message/message.events.js';
import type { Sources } from '../platform/clock.js';
import type { DurableSteps } from './durable-steps.js';
import { CallOverdueError, type RunningCalls } from './running-calls.js';
import type { CallFailure } from './verdict.policy.js';
import { contextNow, type Work } from './work.js';

interface Delivered {
  /** Pieces of the answer that went out to listeners. */
  readonly chunksDelivered: number;
}

/** Either an answer or a failure. */
export type Outcome = Delivered &
  (
    | { readonly completed: MessageCompleted; readonly failure: null }
    | { readonly completed: null; readonly failure: CallFailure }
  );

/**
 * Makes one attempt: the call, whose pieces go out as they come, and beside it the record that it was begun. The model
 * does not wait for the log, but nothing is concluded from the call before the record is durable (ADR 6).
 */
export class Attempts {
  constructor(
    private readonly workerName: string,
    private readonly steps: DurableSteps,
    private readonly answers: AnswerPublisher,
    private readonly calls: RunningCalls,
    private readonly sources: Sources,
  ) {}

  /**
   * Gives the lease back as soon as the endpoint is done.
   *
   * @throws {WorkerStoppingError} when the worker's time was over first
   * @throws what is no failure of the message but of this process
   */
  async run(work: Work, lease: EndpointLease): Promise<Outcome> {
    const recorded = this.record(work, lease);
    const called = this.call(work, lease).finally(() => lease.release());
    const [record, outcome] = await Promise.allSettled([recorded, called]);
    if (record.status === 'rejected') throw record.reason;
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  }

  private async record({ delivery }: Work, lease: EndpointLease): Promise<void> {
    const context = contextNow(delivery.event, this.sources);
    const event = dispatched(context, delivery.event, {
      delivery: delivery.delivery,
      worker: this.workerName,
      endpoint: lease.endpoint.name,
      model: lease.model,
      endpointReason: lease.reason,
    });
    await this.steps.append([event]);
  }

  private async call(work: Work, lease: EndpointLease): Promise<Outcome> {
    const { event, delivery } = work.delivery;
    const calledAt = new Date(this.sources.nowMs()).toISOString();
    const running = this.calls.begin(event.data.timeout_ms);
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
      return { completed, failure: null, chunksDelivered: chunks };
    } catch (error) {
      const failure = failureOf(error, lease.endpoint.name);
      return { completed: null, failure, chunksDelivered: chunks };
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
