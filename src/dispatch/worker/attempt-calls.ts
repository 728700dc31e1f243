import { Inject, Injectable } from '@nestjs/common';
import { askedAlone } from '../../domain/conversation/asked-alone.policy.js';
import { complete } from '../../domain/message/complete.decision.js';
import { type Reroute, reroute } from '../../domain/message/defer.decision.js';
import { isExpired } from '../../domain/message/expire.decision.js';
import type { Accounting, ModelRequest } from '../../domain/message/message.events.js';
import { traceOf } from '../../domain/trace-context.policy.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import {
  type Attributes,
  endSpan,
  errorType,
  SpanKind,
  spanIn,
  traceOfSpan,
} from '../../platform/telemetry/spans.js';
import { ANSWER_PUBLISHER, type AnswerPublisher } from '../answers/answers.port.js';
import { Cancellations } from '../cancellations/nats/cancellations.js';
import { type ModelAnswer, type ModelCall, ModelCallError } from '../endpoints/model-endpoint.port.js';
import type { EndpointLease } from '../endpoints/registry/endpoint-lease.js';
import { Accountant } from './accountant.js';
import { answeredSign, signOf } from './call-sign.js';
import { answerAttributes, callAttributes, callSpanName } from './call-span.policy.js';
import { DeliverySpans } from './delivery-spans.js';
import { DurableSteps } from './durable-steps.js';
import { conclusionOf, type FailedCall, kindOf, modeOf, refusesPrefill } from './failover.policy.js';
import { MessageMeasures } from './message-measures.js';
import { limitsOf } from './model-limits.policy.js';
import { Places } from './places.js';
import { CallCancelledError, CallOverdueError, type RunningCall, RunningCalls } from './running-calls.js';
import { type Delta, SentAnswer } from './sent-answer.policy.js';
import { type CallFailure, verdict } from './verdict.policy.js';
import { contextNow, type Outcome, type Work } from './work.js';

/** With less of its time left, an attempt asks no further endpoint. */
const SHORTEST_CALL_MS = 100;

/** One attempt on its way through its calls. */
interface Attempt {
  readonly work: Work;
  readonly running: RunningCall;
  /** By the clock that only goes forward. */
  readonly startedMs: number;
  readonly calledAt: string;
  readonly sent: SentAnswer;
  readonly failed: FailedCall[];
  chunks: number;
  /** Of the chunks, those that went out. */
  published: number;
  firstPieceMs: number | null;
  /** All that was appended of it so far. */
  written: Promise<unknown>;
}

type Around = NonNullable<ReturnType<DeliverySpans['around']>>;

interface AccountedAnswer extends ModelAnswer {
  readonly accounting: Accounting | null;
}

/** The next call of an attempt. */
interface Step {
  readonly lease: EndpointLease;
  readonly prefill: string | null;
}

/**
 * The calls of one attempt: the first, and after a failure others at once, at other deployments of the model and then at
 * the models that stand in for it, as long as `failover.policy` knows one and it has a free place. Nobody waits here.
 *
 * Each move is recorded behind the attempt's own record, beside the call that it leads to. Nothing is concluded before
 * both are durable.
 */
@Injectable()
export class AttemptCalls {
  private readonly maxHops: number;
  private readonly failover: ServiceConfig['loadbalancer']['failover'];

  constructor(
    @Inject(DurableSteps) private readonly steps: DurableSteps,
    @Inject(Places) private readonly places: Places,
    @Inject(ANSWER_PUBLISHER) private readonly answers: AnswerPublisher,
    @Inject(RunningCalls) private readonly calls: RunningCalls,
    @Inject(Cancellations) private readonly cancellations: Cancellations,
    @Inject(Accountant) private readonly accountant: Accountant,
    @Inject(DeliverySpans) private readonly spans: DeliverySpans,
    @Inject(MessageMeasures) private readonly measures: MessageMeasures,
    @Inject(SERVICE_CONFIG) { loadbalancer }: ServiceConfig,
    @Inject(SOURCES) private readonly sources: Sources,
  ) {
    this.maxHops = loadbalancer.max_hops;
    this.failover = loadbalancer.failover;
  }

  /**
   * Gives each lease back as soon as its endpoint is done.
   *
   * @param recorded resolves when the attempt's record is durable; asked once the call is on its way
   * @throws {WorkerStoppingError} when the worker's time was over first
   * @throws what is no failure of the message but of this process, or of the record
   */
  async run(work: Work, first: EndpointLease, recorded: () => Promise<unknown>): Promise<Outcome> {
    const { event } = work.delivery;
    // From here to the call nothing waits, so what is cancelled later finds the call and aborts it.
    const running = this.calls.begin(event.subject, event.data.timeout_ms);
    const attempt: Attempt = {
      work,
      running,
      startedMs: performance.now(),
      calledAt: new Date(this.sources.nowMs()).toISOString(),
      sent: new SentAnswer(),
      failed: [],
      chunks: 0,
      published: 0,
      firstPieceMs: null,
      written: Promise.resolve().then(recorded),
    };
    this.measures.begun(work.delivery, attempt.calledAt);
    // Awaited before anything is concluded; until then it must not count as a failure that nobody handles.
    attempt.written.catch(() => {});
    try {
      return await this.through(attempt, first);
    } catch (error) {
      if (error instanceof CallCancelledError) return { kind: 'cancelled' };
      throw error;
    } finally {
      this.answers.flush(event.subject);
      running.end();
    }
  }

  private async through(attempt: Attempt, first: EndpointLease): Promise<Outcome> {
    let step: Step | null = { lease: first, prefill: null };
    while (step !== null) {
      const { lease }: Step = step;
      try {
        if (this.cancellations.has(attempt.work.delivery.event.subject)) return { kind: 'cancelled' };
        const answer = await this.call(attempt, step);
        if (answer !== null) {
          await attempt.written;
          return this.answered(attempt, lease, answer);
        }
      } finally {
        lease.release();
      }
      step = this.next(attempt);
    }
    await attempt.written;
    return this.conclusion(attempt);
  }

  /** @returns null where it failed, which the attempt remembers */
  private async call(attempt: Attempt, { lease, prefill }: Step): Promise<AccountedAnswer | null> {
    const chunksBefore = attempt.chunks;
    try {
      const { work } = attempt;
      const asked = askedOf(work, lease);
      const request = asked instanceof Promise ? await asked : asked;
      const said = await this.ask(attempt, lease, request, prefill);
      const whole = attempt.sent.whole(said.answer);
      const answer = whole === said.answer ? said : { ...said, answer: whole };
      const accounting = await this.accountant.of(request, lease, answer);
      lease.ended(answeredSign(answer, accounting));
      work.conversation?.answered(lease, answer.usage);
      return { accounting, ...answer };
    } catch (error) {
      const failure = failureOf(error, lease.endpoint.name);
      const begun = attempt.chunks > chunksBefore;
      if (prefill !== null && refusesPrefill(failure, begun))
        return this.withoutPrefill(attempt, lease, failure);
      const failed = {
        ...{ endpoint: lease.endpoint.name, model: lease.model, kind: kindOf(failure, begun), failure },
        error: verdict(failure).error,
      };
      attempt.failed.push(failed);
      if (!isUnsent(error)) lease.ended(signOf(failed));
      return null;
    }
  }

  /** What it says against the prefill is no answer to the client's request, which it has not been asked yet. */
  private withoutPrefill(
    attempt: Attempt,
    lease: EndpointLease,
    refusal: CallFailure,
  ): Promise<AccountedAnswer | null> {
    const here = { endpoint: lease.endpoint.name, model: lease.model };
    const { error } = verdict(refusal);
    const { characters } = attempt.sent;
    this.record(attempt, {
      from: { ...here, error },
      to: here,
      mode: 'restart',
      delivered_characters: characters,
    });
    attempt.sent.anew();
    return this.call(attempt, { lease, prefill: null });
  }

  private async ask(
    attempt: Attempt,
    lease: EndpointLease,
    request: ModelRequest,
    prefill: string | null,
  ): Promise<ModelAnswer> {
    const { work, running, sent } = attempt;
    const { event, delivery } = work.delivery;
    const { subject, data } = event;
    const speaker = lease.model === work.request.model ? undefined : lease.model;
    const call: ModelCall = {
      messageId: subject,
      request,
      model: lease.offer.upstream,
      timeoutMs: this.timeLeftMs(attempt),
      signal: running.signal,
      ...traceOf(event),
      ...(prefill === null ? {} : { prefill }),
      onDelta: (delta) => {
        attempt.firstPieceMs ??= Math.round(performance.now() - attempt.startedMs);
        const fresh = sent.take(delta);
        if (fresh === null) return;
        attempt.chunks += 1;
        const wanted = this.wantedOf(attempt, fresh);
        if (wanted === null) return;
        attempt.published += 1;
        const chunk = { seq: attempt.published, attempt: data.attempt, delivery, delta: wanted };
        this.answers.chunk(subject, speaker === undefined ? chunk : { ...chunk, model: speaker });
      },
    };
    running.signal.throwIfAborted();
    const around = this.spans.around(work.delivery);
    return around === null ? lease.endpoint.call(call) : this.traced(attempt, lease, call, around);
  }

  /** The same inside of a span of its own, in which the endpoint's are. */
  private async traced(
    { work, failed }: Attempt,
    lease: EndpointLease,
    call: ModelCall,
    { trace, queueMs }: Around,
  ): Promise<ModelAnswer> {
    const { endpoint, model, offer } = lease;
    const { event, delivery } = work.delivery;
    const described = {
      ...{ request: call.request, endpoint: endpoint.name, model, upstream: offer.upstream },
      ...{ server: endpoint.server, messageId: event.subject, lane: event.data.priority },
      conversationId: work.delivery.conversationId ?? event.data.conversation_id ?? null,
      ...{ attempt: event.data.attempt, delivery, call: failed.length + 1, queueMs },
      sinceReceivedMs: Math.max(0, this.sources.nowMs() - Date.parse(event.data.received_at)),
    };
    const start = { kind: SpanKind.CLIENT, attributes: callAttributes(described) as Attributes };
    const span = spanIn(trace, callSpanName(described), start);
    if (span === null) return endpoint.call(call);
    try {
      const answer = await endpoint.call({ ...call, ...traceOfSpan(span) });
      span.setAttributes(answerAttributes(answer) as Attributes);
      endSpan(span);
      return answer;
    } catch (error) {
      const status = error instanceof ModelCallError ? error.error.status : null;
      if (status !== null) span.setAttribute('http.response.status_code', status);
      endSpan(span, error instanceof ModelCallError ? error.error.code : errorType(error));
      throw error;
    }
  }

  /**
   * What goes out now that this was said: it, or all that was said so far, where nobody wanted to hear it before. Once
   * some of an answer is out the rest follows, so that it is whole for whoever comes back to it.
   */
  private wantedOf({ work, chunks, published, sent }: Attempt, fresh: Delta): Delta | null {
    if (published > 0) return fresh;
    if (!this.answers.wanted(work.delivery.event.subject, work.streamed)) return null;
    return chunks === 1 ? fresh : sent.soFar();
  }

  private next(attempt: Attempt): Step | null {
    const { work, failed, sent, running } = attempt;
    running.signal.throwIfAborted();
    const { request } = work;
    const begun = sent.begun && work.streamed;
    const failover = request.routing?.failover ?? this.failover;
    if (failed.length > this.maxHops || (begun && failover === 'fail') || this.isTooLate(attempt))
      return null;
    const lease = this.places.next(work, failed);
    if (lease === null) return null;
    const from = failed.at(-1)!;
    const { prefill, characters } = sent;
    const isOtherModel = lease.model !== from.model;
    const mode = modeOf({ begun, prefill, failover, request, isOtherModel, offer: lease.offer });
    if (mode === 'continue') sent.behind();
    else sent.anew();
    this.record(attempt, {
      from: { endpoint: from.endpoint, model: from.model, error: from.error },
      mode,
      to: { endpoint: lease.endpoint.name, model: lease.model },
      delivered_characters: begun ? characters : 0,
    });
    return { lease, prefill: mode === 'continue' ? prefill : null };
  }

  private isTooLate(attempt: Attempt): boolean {
    const { deadline } = attempt.work.delivery.event.data;
    return this.timeLeftMs(attempt) < SHORTEST_CALL_MS || isExpired(deadline, this.sources.nowMs());
  }

  /** The message's time-out is for the attempt, however many calls that takes. */
  private timeLeftMs({ work, startedMs, failed }: Attempt): number {
    const { timeout_ms } = work.delivery.event.data;
    return failed.length === 0 ? timeout_ms : Math.round(timeout_ms - (performance.now() - startedMs));
  }

  /** Behind what is on its way already, so that the log tells the moves in their order. */
  private record(attempt: Attempt, move: Reroute): void {
    const { event, delivery } = attempt.work.delivery;
    const rerouted = reroute(contextNow(event, this.sources), event, delivery, move);
    attempt.written = attempt.written.then(() => this.steps.append([rerouted]));
    attempt.written.catch(() => {});
  }

  private answered(attempt: Attempt, lease: EndpointLease, answered: AccountedAnswer): Outcome {
    const { work, calledAt, firstPieceMs, chunks } = attempt;
    const { event, delivery } = work.delivery;
    const { answer, finishReason, usage, extra, accounting } = answered;
    const completed = complete(contextNow(event, this.sources), event, {
      delivery,
      endpoint: lease.endpoint.name,
      model: lease.model,
      endpointModel: ownName(answered.model, lease),
      answer,
      finishReason,
      usage,
      extra,
      accounting,
      history: work.conversation?.noteFor(lease),
      calledAt,
      // With one call the endpoint's own figure, which is taken nearer to the wire.
      firstTokenMs: attempt.failed.length === 0 ? answered.firstTokenMs : firstPieceMs,
    });
    return { kind: 'answered', completed, chunksDelivered: chunks };
  }

  private conclusion({ work, failed, chunks }: Attempt): Outcome {
    const concluded = conclusionOf(this.places.wantedBy(work.request), failed);
    if (concluded.kind === 'failed') {
      return { kind: 'failed', failure: concluded.failure, chunksDelivered: chunks };
    }
    const { endpoint, model, failure, error } = concluded.call;
    if (failure.kind !== 'endpoint' || failure.notNow === null) {
      throw new TypeError(`A call that ended by ${failure.kind} can't be deferred.`);
    }
    const { status, message, remote } = error;
    const notTaken = {
      ...{ endpoint, model, reason: failure.notNow, status, message },
      ...(remote == null ? {} : { remote }),
      retry_after_ms: failure.retryAfterMs,
    };
    return { kind: 'deferred', notTaken, failure: { ...failure, error: { ...error, retryable: true } } };
  }
}

/** What this deployment is asked: a turn comes with as much of its conversation as the deployment takes. */
function askedOf(
  { request, conversation }: Work,
  lease: EndpointLease,
): ModelRequest | Promise<ModelRequest> {
  if (conversation !== null) return conversation.requestFor(lease);
  return askedAlone(request, () => limitsOf(lease.model, lease.offer).takes);
}

/**
 * Clients are told the name that they can ask for, from the first piece on, when the endpoint's own may not be known yet.
 * What that says beyond the two names that are known is kept in the event (`gpt-x-2026-01-01` for `gpt-x`).
 */
function ownName(told: string, { model, offer }: EndpointLease): string | null {
  return told === model || told === offer.upstream ? null : told;
}

/** @throws the error itself where it says nothing about the endpoint */
export function failureOf(error: unknown, endpoint: string): CallFailure {
  if (error instanceof ModelCallError) {
    const { error: own, retryAfterMs, notNow, stalled, remote } = error;
    const told = remote === null ? own : { ...own, remote };
    return { kind: 'endpoint', endpoint, error: told, retryAfterMs, notNow, stalled };
  }
  if (error instanceof CallOverdueError) return { kind: 'overdue', endpoint, timeoutMs: error.timeoutMs };
  throw error;
}

/** It says nothing about the endpoint, which was never asked. */
function isUnsent(error: unknown): boolean {
  return error instanceof ModelCallError && error.unsent;
}
