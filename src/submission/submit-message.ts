import { Inject, Injectable } from '@nestjs/common';
import { EndpointRegistry } from '../dispatch/endpoints/endpoint-registry.js';
import type { Caller } from '../domain/caller.js';
import type { EventContext, Lane, MessageEvent, MessageEventData } from '../domain/message/message.events.js';
import { receive } from '../domain/message/receive.decision.js';
import { type Timing, type TimingRequest, timing } from '../domain/message/schedule.decision.js';
import { EventTooLargeError } from '../log/event-log.errors.js';
import { type EventLog, MAX_EVENTS_PER_APPEND } from '../log/event-log.port.js';
import { SOURCES, type Sources } from '../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../platform/config/service-config.js';
import { EVENT_LOG } from '../platform/tokens.js';
import { LaneAdmission } from './admission/lane-admission.js';
import { appendGroups } from './append-groups.policy.js';
import { ConversationAdmission } from './conversations/conversation-admission.js';
import { DoubleTextingPolicy, type NewTurn } from './conversations/double-texting.js';
import { inSlices } from './in-slices.js';
import { Prioritizer } from './preprocessor/prioritizer.js';
import { invalidFields, RefusedError, unknownModel } from './refused.error.js';
import type { AcceptedMessage, Submission } from './submission.js';
import { refuseTooLarge } from './submission-size.js';

export interface SubmitOptions {
  /** An id made beforehand, for who must listen for the answer before the message exists. */
  readonly messageId?: string;
  readonly traceparent?: string;
  /** Stored at most once per key within the log's dedupe window, for who may come back after an unknown outcome. */
  readonly dedupeKey?: string;
}

export interface SubmitManyOptions {
  readonly traceparent?: string;
  /** The id of the message at this index; new ones where absent. */
  readonly idAt?: (index: number) => string;
  /** Appends then carry keys made of this and their first message's index. */
  readonly dedupeKey?: string;
  /** Those that an earlier run has stored, by their index: they are accepted already. */
  readonly stored?: ReadonlyMap<number, AcceptedMessage>;
}

/** What became of one of many: accepted and durable, or refused or failed with the error. */
export type SubmitResult = AcceptedMessage | Error;

/** A submission that passed every check, and the events that will be its life's beginning. */
interface Prepared {
  readonly index: number;
  readonly accepted: AcceptedMessage;
  readonly events: readonly MessageEvent[];
  /** Null outside of a conversation. */
  readonly turn: NewTurn | null;
}

interface NotStored {
  readonly index: number;
  readonly error: Error;
}

/** A message that is not due yet waits in no lane, and finds a place there when it is due. */
const laneOf = ({ dueAt, priority }: AcceptedMessage) => (dueAt === null ? priority : null);
const turnOf = ({ turn }: Prepared) => turn;

/** The one way in: every intake's checked submission becomes events in the log, or is refused and leaves nothing. */
@Injectable()
export class SubmitMessage {
  constructor(
    @Inject(EVENT_LOG) private readonly log: EventLog,
    private readonly endpoints: EndpointRegistry,
    private readonly prioritizer: Prioritizer,
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
    @Inject(SOURCES) private readonly sources: Sources,
    @Inject(LaneAdmission) private readonly admission: LaneAdmission,
    private readonly conversations: ConversationAdmission,
    private readonly doubleTexting: DoubleTextingPolicy,
  ) {}

  /**
   * Resolves when the message is durable.
   *
   * @throws {RefusedError} `unknown_model`, `content_too_large`, `unknown_conversation`, `conversation_closed`,
   *   `conversation_full`, `turn_open`, and `invalid_fields` for times that can't be kept
   * @throws {LaneFullError} when the lane has reached its `max_size`
   * @throws what `EventLog.append` throws; only after a `LogUnavailableError` can the message exist all the same
   */
  async submit(
    caller: Caller,
    submission: Submission,
    options: SubmitOptions = {},
  ): Promise<AcceptedMessage> {
    const { messageId, traceparent, dedupeKey } = options;
    const admitted =
      submission.conversationId === null ? submission : await this.conversations.admit(caller, submission);
    const { accepted, events, turn } = await this.prepare(caller, admitted, { messageId, traceparent });
    const append = () => this.log.append(events, { dedupeKey });
    const store = () => this.admission.through(laneOf(accepted), append);
    if (turn === null) await store();
    else await this.doubleTexting.through(caller, turn, store);
    return accepted;
  }

  /**
   * Resolves when all that can be accepted is durable, with a result for each submission, in their order. An error in
   * place of a submission is its result. The messages are stored in as few appends as the log allows (500 messages in
   * each), and each append whole or not at all: when the log fails in between, some are accepted and some are not.
   */
  async submitMany(
    caller: Caller,
    submissions: readonly (Submission | RefusedError)[],
    options: SubmitManyOptions = {},
  ): Promise<SubmitResult[]> {
    const { traceparent, idAt, dedupeKey, stored } = options;
    const turns = await this.conversations.admitMany(caller, submissions);
    const attempts = await Promise.all(
      turns.map((submission, index) => {
        const options = { messageId: idAt?.(index), traceparent };
        return stored?.get(index) ?? this.attempt(index, caller, submission, options);
      }),
    );
    const prepared = attempts.filter((item) => 'events' in item);
    const results: SubmitResult[] = attempts.map((item) => ('events' in item ? item.accepted : item));
    const { admitted, refused, release } = await this.admission.admit(prepared, ({ accepted }) =>
      laneOf(accepted),
    );
    const turnsLetIn = await this.doubleTexting.letIn(caller, admitted, turnOf);
    const groups = appendGroups(turnsLetIn.admitted, MAX_EVENTS_PER_APPEND);
    // One after the other on their way, each some milliseconds of encoding, and none waiting for the one before.
    const appends = await inSlices(groups, 1, (group) => [this.appendGroup(group, dedupeKey)]);
    const failed = await Promise.all(appends.flat());
    release();
    for (const { index, error } of failed.flat()) results[index] = error;
    for (const { item, error } of [...refused, ...turnsLetIn.refused]) results[item.index] = error;
    await turnsLetIn.settle(({ index }) => (results[index] instanceof Error ? results[index] : null));
    return results;
  }

  private async attempt(
    index: number,
    caller: Caller,
    submission: Submission | RefusedError,
    options: SubmitOptions,
  ): Promise<Prepared | RefusedError> {
    if (submission instanceof RefusedError) return submission;
    try {
      return { index, ...(await this.prepare(caller, submission, options)) };
    } catch (error) {
      if (error instanceof RefusedError) return error;
      throw error;
    }
  }

  /** Never rejects. Returns those that were not stored, or of which nobody knows. */
  private async appendGroup(group: readonly Prepared[], dedupeKey?: string): Promise<NotStored[]> {
    const events = group.flatMap((item) => item.events);
    const key = dedupeKey === undefined ? undefined : `${dedupeKey}:${group[0]?.index}`;
    try {
      await this.log.append(events, { dedupeKey: key });
      return [];
    } catch (error) {
      // The broker takes less in one message than we do: only those that are too large must fail for it.
      if (error instanceof EventTooLargeError && group.length > 1) return this.appendHalves(group, dedupeKey);
      return group.map(({ index }) => ({ index, error: error as Error }));
    }
  }

  private async appendHalves(group: readonly Prepared[], dedupeKey?: string): Promise<NotStored[]> {
    const middle = Math.ceil(group.length / 2);
    const halves = [group.slice(0, middle), group.slice(middle)];
    return (await Promise.all(halves.map((half) => this.appendGroup(half, dedupeKey)))).flat();
  }

  /** All checks and decisions of one submission; nothing is stored yet. */
  private async prepare(
    caller: Caller,
    submission: Submission,
    { messageId, traceparent }: SubmitOptions,
  ): Promise<Omit<Prepared, 'index'>> {
    this.refuseUnknownModel(submission);
    refuseTooLarge(submission, this.config.queue.max_content_bytes);
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
      messageId: messageId ?? this.sources.newId(),
      tenant: caller.tenant,
      lane: prioritization.priority,
      now: new Date(nowMs).toISOString(),
      newId: this.sources.newId,
      traceparent,
    };
    const { priority, reason: priorityReason } = prioritization;
    const { conversationId, doubleTexting: mode = 'enqueue' } = submission;
    return {
      turn: conversationId === null ? null : { messageId: context.messageId, conversationId, mode },
      accepted: {
        ...{ id: context.messageId, priority, priorityReason, createdAt: context.now, ...when },
        model: request.model,
      },
      events: receive(context, this.received(submission, priority, when), prioritization),
    };
  }

  private received(
    submission: Submission,
    lane: Lane,
    { dueAt, deadline }: Timing,
  ): MessageEventData['llmq.message.received.v1'] {
    const { queue } = this.config;
    const level = queue.levels[lane];
    return {
      request: submission.request,
      stream: submission.stream,
      user_id: submission.userId,
      conversation_id: submission.conversationId,
      requested_priority: submission.requestedPriority,
      metadata: submission.metadata,
      ...(submission.replayOf === undefined ? {} : { replay_of: submission.replayOf }),
      timeout_ms: submission.timeoutMs ?? level.timeout_ms ?? queue.default_timeout_ms,
      max_retries: submission.maxRetries ?? level.max_retries ?? queue.default_max_retries,
      deadline,
      source: submission.source,
      ...(dueAt === null ? {} : { due_at: dueAt }),
      ...(submission.backoff === undefined ? {} : { backoff: submission.backoff }),
    };
  }

  private refuseUnknownModel({ request: { model } }: Submission): void {
    if (model === null || this.endpoints.serves(model)) return;
    throw unknownModel(model);
  }
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
