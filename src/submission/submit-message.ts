import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { EndpointRegistry } from '../dispatch/endpoints/endpoint-registry.js';
import type { Caller } from '../domain/caller.js';
import type { Lane } from '../domain/message/lane.policy.js';
import { withoutLargeParts } from '../domain/message/large-parts.policy.js';
import type {
  EventContext,
  MessageEvent,
  MessageEventData,
  ModelRequest,
} from '../domain/message/message.events.js';
import type { MessageState } from '../domain/message/message.state.js';
import { receive } from '../domain/message/receive.decision.js';
import { type Timing, type TimingRequest, timing } from '../domain/message/schedule.decision.js';
import { type TraceContext, UNTRACED } from '../domain/trace-context.policy.js';
import type { EventLog } from '../log/event-log.port.js';
import { type PartObject, PartStore, partObject } from '../log/jetstream/part-store.js';
import { LogRoom } from '../log/room/log-room.js';
import { SOURCES, type Sources } from '../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../platform/config/service-config.js';
import { exactNumbersOf } from '../platform/json/exact-numbers.js';
import { aboutMessage } from '../platform/logging/about-message.js';
import { endSpan, errorType, linkSpan, type Span, spanIn, traceOfSpan } from '../platform/telemetry/spans.js';
import { EVENT_LOG, LOGGER } from '../platform/tokens.js';
import { LaneAdmission } from './admission/lane-admission.js';
import { appendMessages } from './append-messages.js';
import { Callbacks } from './callbacks.js';
import { ConversationAdmission } from './conversations/conversation-admission.js';
import { DoubleTextingPolicy, type NewTurn } from './conversations/double-texting.js';
import type { Execution } from './idempotency/execution.js';
import { MessageLookup } from './message-lookup.js';
import { Prioritizer } from './preprocessor/prioritizer.js';
import { invalidFields, mayBeDone, RefusedError, unknownModel } from './refusal.js';
import { refusedBy } from './refusal-of.js';
import {
  type AcceptedMessage,
  type ConversationCreation,
  isSubmission,
  type Submission,
} from './submission.js';
import { refuseTooLarge, refuseTooLargeForLog } from './submission-size.js';

export interface SubmitOptions {
  /** Of the request; a submission's own goes before it. */
  readonly trace?: TraceContext;
  /** An id made beforehand for a single message, for a client that listens for its answer before the message exists. */
  readonly messageId?: string;
  /** The same for each of many, by its place among them. */
  readonly idAt?: (index: number) => string;
  /** Of a single message: an append with the same key that was there before is this one's. */
  readonly dedupeKey?: string;
  /** Of the request's `Idempotency-Key`. Carried out again, it finds what an earlier run has stored. */
  readonly execution?: Execution | null;
}

/** What became of one submission: accepted and durable, or not. */
export type SubmitResult = AcceptedMessage | RefusedError;

/** A submission that passed every check, with its first events. */
interface Prepared {
  readonly index: number;
  readonly accepted: AcceptedMessage;
  /** Null for a message that is not due yet: it waits in no lane, and finds a place there when it is due. */
  readonly lane: Lane | null;
  /** Null outside of a conversation. */
  readonly turn: NewTurn | null;
  /** Of its conversation; absent where that is there already. */
  readonly creation: ConversationCreation | undefined;
  readonly events: readonly MessageEvent[];
  /** What is too large for the log; null where all of it fits. */
  readonly object: PartObject | null;
  /** Of its acceptance; null outside of a trace that is kept. */
  readonly span: Span | null;
}

interface Identity {
  readonly index: number;
  readonly messageId: string;
  readonly trace: TraceContext;
}

/** The one way in: every intake's checked submissions become events in the log, or are refused and leave nothing. */
@Injectable()
export class SubmitMessage {
  private readonly callbacks: Callbacks;

  constructor(
    @Inject(EVENT_LOG) private readonly log: EventLog,
    @Inject(LogRoom) private readonly room: Pick<LogRoom, 'refusal'>,
    private readonly endpoints: EndpointRegistry,
    private readonly prioritizer: Prioritizer,
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
    @Inject(SOURCES) private readonly sources: Sources,
    private readonly admission: LaneAdmission,
    private readonly conversations: ConversationAdmission,
    private readonly doubleTexting: DoubleTextingPolicy,
    private readonly lookup: MessageLookup,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(PartStore) private readonly parts: Pick<PartStore, 'put' | 'remove'>,
  ) {
    this.callbacks = new Callbacks(config);
  }

  /**
   * Resolves when the message is durable.
   *
   * @throws {RefusedError} for what `submitMany` has as a result
   * @throws what `submitMany` throws
   */
  async submit(caller: Caller, submission: Submission, options?: SubmitOptions): Promise<AcceptedMessage> {
    const [result] = (await this.submitMany(caller, [submission], options)) as [SubmitResult];
    if (result instanceof RefusedError) throw result;
    return result;
  }

  /**
   * Resolves when all that can be accepted is durable, with a result for each submission, in their order. A refusal in
   * place of a submission is its result. The messages are stored in as few appends as the log allows (500 messages in
   * each), and each append whole or not at all: when the log fails in between, some are accepted and some are not.
   *
   * Results are `unknown_model`, `content_too_large`, `unknown_conversation`, `conversation_closed`,
   * `conversation_full`, `too_many_conversations`, `turn_open`, `queue_full`, `invalid_fields` for times that can't be kept, and what
   * `EventLog.append` fails with. Only after a `log_unavailable` can the message exist all the same.
   *
   * @throws {RefusedError} `idempotency_in_progress`
   * @throws {LogFullError} at once, while the log has no room for new messages; nothing was stored
   * @throws {ProjectionBehindError} when it is not known in time whether a conversation exists; nothing was stored
   */
  async submitMany(
    caller: Caller,
    submissions: readonly (Submission | RefusedError)[],
    options: SubmitOptions = {},
  ): Promise<SubmitResult[]> {
    const full = this.room.refusal();
    if (full !== null) throw full;
    const items = await this.prepareAll(caller, submissions, options);
    const results = items.map((item) => ('events' in item ? item.accepted : item));
    try {
      await this.store(caller, items, results, options);
    } catch (error) {
      endAcceptance(items, results, errorType(error));
      throw error;
    }
    endAcceptance(items, results);
    return results;
  }

  /** Stores what was prepared; a refusal takes the place of its result. */
  private async store(
    caller: Caller,
    items: readonly (Prepared | SubmitResult)[],
    results: SubmitResult[],
    options: SubmitOptions,
  ): Promise<void> {
    const placed: Prepared[] = [];
    for (const item of items) if ('events' in item && this.place(item, results)) placed.push(item);
    const inConversations = placed.some(({ turn }) => turn !== null);
    const turns = inConversations ? await this.doubleTexting.letIn(caller, placed) : null;
    for (const { item, error } of turns?.refused ?? []) {
      results[item.index] = this.told(error, item);
      this.leave(item, false);
    }
    const admitted = await this.withParts(
      await this.inConversations(turns?.admitted ?? placed, results),
      results,
    );
    const notStored = await appendMessages(
      this.log,
      admitted,
      options.execution?.dedupeKey ?? options.dedupeKey,
    );
    const errors = new Map(notStored.map(({ index, error }) => [index, error]));
    for (const item of errors.size === 0 ? [] : admitted) {
      const error = errors.get(item.index);
      if (error !== undefined) results[item.index] = this.told(error, item);
    }
    for (const item of admitted) this.leave(item, mayBeStored(results[item.index]));
    this.withoutParts(admitted.filter(({ index }) => !mayBeStored(results[index])));
    await turns?.settle(({ index }) => refusalIn(results[index]));
  }

  /**
   * Whether a submission would be refused whatever the state of the queue, for those who look before they submit. What it
   * finds is what it would be now: models come and go.
   */
  refusalAtSight(submission: Submission): RefusedError | null {
    try {
      this.refuseUnknownModel(submission);
      this.logged(submission);
      return null;
    } catch (error) {
      if (error instanceof RefusedError) return error;
      throw error;
    }
  }

  /** Each submission: prepared if it passed every check, otherwise its result. Nothing is stored yet. */
  private async prepareAll(
    caller: Caller,
    submissions: readonly (Submission | RefusedError)[],
    { messageId, idAt: givenAt, execution, trace = UNTRACED }: SubmitOptions,
  ): Promise<(Prepared | SubmitResult)[]> {
    const idAt = (index: number) =>
      execution?.idAt(index) ?? givenAt?.(index) ?? messageId ?? this.sources.newId();
    let items: readonly (Submission | SubmitResult)[] = submissions;
    if (execution?.again) items = await this.storedOr(items, idAt);
    if (items.some((item) => isSubmission(item) && item.replayOf !== undefined)) {
      items = await this.withoutForeignRepetitions(caller, items);
    }
    if (items.some((item) => isSubmission(item) && item.conversationId !== null)) {
      items = await this.conversations.admit(caller, items);
    }
    return Promise.all(
      items.map((item, index) =>
        isSubmission(item) ? this.attempt(caller, item, { index, messageId: idAt(index), trace }) : item,
      ),
    );
  }

  /** What repeats a message keeps its place, unless that message is none of the tenant's: then its refusal stands there. */
  private async withoutForeignRepetitions(
    { tenant }: Caller,
    items: readonly (Submission | SubmitResult)[],
  ): Promise<readonly (Submission | SubmitResult)[]> {
    const repeated = (item: Submission | SubmitResult) => (isSubmission(item) ? item.replayOf : undefined);
    const ids = [...new Set(items.map(repeated).filter((id) => id !== undefined))];
    const own = await this.lookup.ownOf(tenant, ids);
    return items.map((item) => {
      const id = repeated(item);
      return id === undefined || own.has(id) ? item : foreignRepetition(id);
    });
  }

  /** Each submission, or the message that an earlier run has made of it. */
  private async storedOr(
    items: readonly (Submission | SubmitResult)[],
    idAt: (index: number) => string,
  ): Promise<(Submission | SubmitResult)[]> {
    const ids = items.map((_, index) => idAt(index));
    const stored = await this.lookup.stored(ids);
    return items.map((item, index) => {
      const state = stored.get(ids[index] ?? '');
      return state === undefined ? item : acceptedOf(state);
    });
  }

  /** False for one whose lane is full, which is then its result. */
  private place({ lane, index }: Prepared, results: SubmitResult[]): boolean {
    const full = lane === null ? null : this.admission.admit(lane);
    if (full !== null) results[index] = new RefusedError(full);
    return full === null;
  }

  /** Those whose conversation is there, too: one that its first message makes comes before that. */
  private async inConversations(
    items: readonly Prepared[],
    results: SubmitResult[],
  ): Promise<readonly Prepared[]> {
    const creations = new Set(items.flatMap(({ creation }) => creation ?? []));
    const error = creations.size === 0 ? null : await this.conversations.make([...creations]);
    if (error === null) return items;
    return items.filter((item) => {
      if (item.creation === undefined) return true;
      results[item.index] = this.told(error, item);
      this.leave(item, false);
      return false;
    });
  }

  /** Those whose large parts are stored, too: that comes first, since an accepted message is durable as a whole. */
  private async withParts(items: readonly Prepared[], results: SubmitResult[]): Promise<readonly Prepared[]> {
    const large = items.filter(({ object }) => object !== null);
    if (large.length === 0) return items;
    const failed = new Set<Prepared>();
    const store = async (item: Prepared) => {
      try {
        await this.parts.put(item.accepted.id, item.object!);
      } catch (error) {
        failed.add(item);
        results[item.index] = this.told(refusedBy(error), item);
        this.leave(item, false);
      }
    };
    await Promise.all(large.map(store));
    return items.filter((item) => !failed.has(item));
  }

  /** Nobody waits for this: what is left is in nobody's way. */
  private withoutParts(items: readonly Prepared[]): void {
    const ids = items.filter(({ object }) => object !== null).map(({ accepted }) => accepted.id);
    if (ids.length > 0) this.parts.remove(ids).catch(() => {});
  }

  /** Must follow `place` once for each that has a place. */
  private leave({ lane }: Prepared, stored: boolean): void {
    if (lane !== null) this.admission.settle(lane, stored);
  }

  private told(error: RefusedError, { accepted, events }: Prepared): RefusedError {
    if (error.code !== 'internal') return error;
    this.logger.error(
      { err: error.cause, ...aboutMessage(accepted.id, events[0]) },
      'a message was not stored',
    );
    return error;
  }

  private async attempt(
    caller: Caller,
    submission: Submission,
    { index, messageId, trace: given }: Identity,
  ): Promise<Prepared | RefusedError> {
    const around = submission.trace ?? given;
    const span = spanIn(around, 'accept');
    try {
      if (span !== null) await this.describe(span, messageId, submission);
      const trace = span === null ? around : traceOfSpan(span);
      return await this.prepare(caller, submission, { index, messageId, trace }, span);
    } catch (error) {
      if (span !== null) endSpan(span, errorType(error));
      if (error instanceof RefusedError) return error;
      throw error;
    }
  }

  /** What repeats a message is in a trace of its own, which leads to that one's. */
  private async describe(span: Span, messageId: string, { source, replayOf }: Submission): Promise<void> {
    span.setAttributes({ 'llmq.message.id': messageId, 'llmq.source': source });
    if (replayOf === undefined) return;
    span.setAttribute('llmq.replay_of', replayOf);
    linkSpan(span, await this.lookup.traceOf(replayOf).catch(() => UNTRACED));
  }

  /** All checks and decisions of one submission. */
  private async prepare(
    caller: Caller,
    submission: Submission,
    { index, messageId, trace }: Identity,
    span: Span | null,
  ): Promise<Prepared> {
    this.refuseUnknownModel(submission);
    const { request: kept, object } = this.logged(submission);
    const { tenant, mostUrgent } = caller;
    const { userId, request, requestedPriority, conversationPriority, metadata } = submission;
    const prioritization = await this.prioritizer.prioritize({
      tenant,
      mostUrgent,
      userId,
      request,
      requestedPriority,
      conversationPriority,
      metadata,
    });
    const nowMs = this.sources.nowMs();
    const when = timingOf(submission.timing, nowMs);
    const context: EventContext = {
      messageId,
      tenant: caller.tenant,
      lane: prioritization.priority,
      now: new Date(nowMs).toISOString(),
      newId: this.sources.newId,
      ...trace,
    };
    const { priority, reason: priorityReason } = prioritization;
    const { conversationId, doubleTexting: mode = 'enqueue' } = submission;
    return {
      index,
      lane: when.dueAt === null ? priority : null,
      turn: conversationId === null ? null : { messageId, conversationId, mode },
      creation: submission.conversationCreation,
      accepted: {
        id: messageId,
        priority,
        priorityReason,
        createdAt: context.now,
        dueAt: when.dueAt,
        deadline: when.deadline,
        model: request.model,
      },
      events: receive(context, this.received(caller, submission, kept, priority, when), prioritization),
      object,
      span,
    };
  }

  /** The request as the log has it. */
  private logged(submission: Submission): {
    readonly request: ModelRequest;
    readonly object: PartObject | null;
  } {
    const { max_content_bytes, large_part_bytes } = this.config.queue;
    const { request } = submission;
    const units = refuseTooLarge(submission, max_content_bytes);
    if (units < large_part_bytes) return { request, object: null };
    const { request: rest, parts } = withoutLargeParts(request, large_part_bytes);
    const taken = parts.reduce((sum, { text }) => sum + text.length, 0);
    refuseTooLargeForLog(rest, units - taken);
    if (parts.length === 0) return { request, object: null };
    const object = partObject(parts);
    return { request: { ...rest, large: object.large }, object };
  }

  private received(
    caller: Caller,
    submission: Submission,
    request: ModelRequest,
    lane: Lane,
    { dueAt, deadline }: Timing,
  ): MessageEventData['llmq.message.received.v1'] {
    const { queue } = this.config;
    const level = queue.levels[lane];
    const callback = this.callbacks.callbackOf(caller, submission);
    return {
      request: withExactNumbers(request),
      stream: submission.stream,
      user_id: submission.userId,
      conversation_id: submission.conversationId,
      ...(submission.conversationGivenId == null
        ? {}
        : { conversation_given_id: submission.conversationGivenId }),
      requested_priority: submission.requestedPriority,
      metadata: submission.metadata,
      ...(submission.replayOf === undefined ? {} : { replay_of: submission.replayOf }),
      timeout_ms: submission.timeoutMs ?? level.timeout_ms ?? queue.default_timeout_ms,
      max_retries: submission.maxRetries ?? level.max_retries ?? queue.default_max_retries,
      deadline,
      source: submission.source,
      key_name: caller.name,
      ...(callback === null ? {} : { callback }),
      ...(dueAt === null ? {} : { due_at: dueAt }),
      ...(submission.backoff === undefined ? {} : { backoff: submission.backoff }),
      ...(submission.resultTo === undefined ? {} : { result_to: submission.resultTo }),
    };
  }

  private refuseUnknownModel({ request: { model, routing } }: Submission): void {
    if (model !== null && !this.endpoints.serves(model)) throw unknownModel(model);
    const unserved = routing?.fallbacks?.find((fallback) => !this.endpoints.serves(fallback));
    if (unserved !== undefined) throw unknownModel(unserved, 'fallbacks');
  }
}

function endAcceptance(
  items: readonly (Prepared | SubmitResult)[],
  results: readonly SubmitResult[],
  failure: string | null = null,
): void {
  for (const item of items) {
    if (!('events' in item) || item.span === null) continue;
    const { accepted, span, index } = item;
    span.setAttributes({ 'llmq.lane': accepted.priority, 'llmq.priority_reason': accepted.priorityReason });
    endSpan(span, failure ?? refusalIn(results[index])?.code ?? null);
  }
}

function foreignRepetition(id: string): RefusedError {
  return invalidFields([{ field: 'replay_of', reason: `names no message: there is no ${id}` }]);
}

/** Digits that were noted when the body was read go into the log beside the rounded numbers. */
function withExactNumbers(request: ModelRequest): ModelRequest {
  const exact = exactNumbersOf(request.parameters);
  return exact === undefined ? request : { ...request, exact };
}

const AT_ONCE: Timing = { dueAt: null, deadline: null };
const TIMING_FIELDS = { delayMs: 'delay', scheduledAt: 'scheduled_at', ttlMs: 'ttl', deadline: 'deadline' };

/** @throws {RefusedError} `invalid_fields` */
function timingOf(request: TimingRequest | undefined, nowMs: number): Timing {
  if (request === undefined) return AT_ONCE;
  const when = timing(request, nowMs);
  if ('field' in when) throw invalidFields([{ field: TIMING_FIELDS[when.field], reason: when.reason }]);
  return when;
}

/** A message that was accepted before. */
export function acceptedOf(state: MessageState): AcceptedMessage {
  const { id, priority, priorityReason, model, createdAt, deadline, attempts } = state;
  const dueAt = attempts === 0 ? state.scheduledAt : null;
  return { id, model, priority, priorityReason, createdAt, deadline, dueAt };
}

function refusalIn(result: SubmitResult | undefined): RefusedError | null {
  return result instanceof RefusedError ? result : null;
}

function mayBeStored(result: SubmitResult | undefined): boolean {
  const refused = refusalIn(result);
  return refused === null || mayBeDone(refused.refusal);
}
