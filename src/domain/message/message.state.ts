import { assertNever } from '../assert-never.js';
import type { Callback } from '../webhook/callback.events.js';
import { keptEvents } from './erase-content.decision.js';
import type { Lane } from './lane.policy.js';
import {
  type AttemptError,
  isOfWebhook,
  isTerminal,
  type MessageContentErased,
  type MessageDeferred,
  type MessageEvent,
  type MessageReceived,
  type PriorityReason,
} from './message.events.js';

export const MESSAGE_STATUSES = [
  'pending',
  'scheduled',
  'processing',
  'completed',
  'failed',
  'cancelled',
  'expired',
] as const;
export type MessageStatus = (typeof MESSAGE_STATUSES)[number];

const TERMINAL_STATUSES: readonly MessageStatus[] = ['completed', 'failed', 'cancelled', 'expired'];

/** A message as the log tells it so far. Times are ISO 8601 in UTC and come from the events, never from a clock. */
export interface MessageState {
  readonly id: string;
  readonly tenant: string;
  readonly userId: string;
  /** Of the API key that it was sent with; null where that was not recorded. */
  readonly keyName: string | null;
  /** Who is told when it has ended; null for nobody. */
  readonly callback: Callback | null;
  /** The NATS subject on which its end is told; null where nobody asked for that. */
  readonly resultTo: string | null;
  readonly conversationId: string | null;
  readonly priority: Lane;
  readonly priorityReason: PriorityReason;
  readonly status: MessageStatus;
  /** Calls to a model so far; a delivery repeated after a crash is a call of its own. */
  readonly attempts: number;
  /** Calls that began and of which neither success nor failure is known yet. More than one means that workers died. */
  readonly openAttempts: number;
  readonly maxRetries: number;
  readonly model: string | null;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly scheduledAt: string | null;
  /** The attempt that the schedule or the lane holds next; what is redelivered below it is out of date. */
  readonly currentAttempt: number;
  /** The turn of its conversation that has to end first; null while it is not held. */
  readonly heldBehind: string | null;
  /** Where it entered its lane last; an earlier entry that is handed out again is out of date. Null before the first. */
  readonly laneSequence: number | null;
  /** Past this time no model is called for it; null where it may wait for ever. */
  readonly deadline: string | null;
  readonly startedAt: string | null;
  readonly completedAt: string | null;
  /** From its lane to its first call, in milliseconds; null before that. */
  readonly waitedMs: number | null;
  readonly error: AttemptError | null;
  readonly receivedSequence: number;
  /** Its place among the turns of its conversation: where it was received, or requeued last. */
  readonly turnSequence: number;
  readonly lastSequence: number;
  /** The first terminal event, the one that counts; null while the message lives. */
  readonly terminalSequence: number | null;
}

export function isTerminalStatus(status: MessageStatus): boolean {
  return TERMINAL_STATUSES.includes(status);
}

/**
 * Folds one event into the state. Events arrive in the order of their sequences.
 * An event that no longer applies (after the terminal event that counts, or a second `received` of the same id)
 * returns the same object, so `next === state` tells that it was not counted.
 *
 * @throws {OrphanEventError} for an event of a message that was never received: the log is broken, or read from its middle.
 */
export function evolve(state: MessageState | null, event: MessageEvent, sequence: number): MessageState {
  if (event.type === 'llmq.message.received.v1') return state ?? received(event, sequence);
  if (event.type === 'llmq.message.content-erased.v1') return state ?? whatIsLeft(event, sequence);
  if (state === null) throw new OrphanEventError(event, sequence);
  if (sequence <= state.lastSequence || isOfWebhook(event)) return state;
  if (isTerminalStatus(state.status) && event.type !== 'llmq.message.requeued.v1') return state;
  if (isToldAgain(state, event) || isOutrun(state, event)) return state;
  const next: Draft = { ...state };
  next.lastSequence = sequence;
  if (isSuperseded(state, event)) {
    if (event.type === 'llmq.message.dispatched.v1') next.attempts += 1;
    return next;
  }
  next.updatedAt = event.time;
  change(next, event, sequence);
  return next;
}

/** Whether what is left tells the end that the message has. Where it does not, the message would come back to life. */
export function endsAt(erased: MessageContentErased, sequence: number): boolean {
  let state: MessageState | null = null;
  for (const kept of keptEvents(erased)) state = evolve(state, kept.event, kept.sequence);
  return state !== null && isTerminalStatus(state.status) && state.lastSequence === sequence;
}

/** A copy on its way to be the next state; a spread of changes over it takes V8 twice as long. */
type Draft = { -readonly [K in keyof MessageState]: MessageState[K] };

/**
 * The same call once more: a log can hold an append that was in doubt twice, under one event id. Another
 * call of this message can't have begun in the same millisecond while this one ran. (Of all events only this one would
 * count twice when it is told twice in a row.)
 */
function isToldAgain(state: MessageState, event: MessageEvent): boolean {
  if (event.type !== 'llmq.message.dispatched.v1' || state.status !== 'processing') return false;
  return event.time === state.updatedAt && event.data.attempt === state.currentAttempt;
}

/**
 * It was to go up a lane, and did not wait any more where it was found: a worker was faster, or it is held. Whoever gets
 * that entry sees that it is not the one that counts.
 */
function isOutrun(state: MessageState, event: MessageEvent): boolean {
  if (event.type !== 'llmq.message.prioritized.v1' || event.data.reason !== 'aged') return false;
  const waits = state.status === 'pending' && state.heldBehind === null;
  return !waits || state.laneSequence !== event.data.moved_from;
}

/** Two workers can hold the same message after a crash; what the slower one says of an earlier attempt moves nothing. */
function isSuperseded(state: MessageState, event: MessageEvent): boolean {
  // By its entry in the lane that it has left. The worker looks once more behind its record, and does not call.
  if (event.type === 'llmq.message.dispatched.v1' && state.priorityReason === 'aged') {
    if (event.lane !== state.priority) return true;
  }
  if (!('attempt' in event.data) || event.data.attempt >= state.currentAttempt) return false;
  // An append in doubt is repeated, maybe behind a requeue: the dead letter of before must not end what follows it.
  const deadBefore = event.type === 'llmq.message.dead-lettered.v1' && state.priorityReason === 'requeue';
  return deadBefore || !isTerminal(event);
}

function received(event: MessageReceived, sequence: number): MessageState {
  return {
    id: event.subject,
    tenant: event.tenant,
    userId: event.data.user_id,
    keyName: event.data.key_name ?? null,
    callback: event.data.callback ?? null,
    resultTo: event.data.result_to ?? null,
    conversationId: event.data.conversation_id,
    priority: event.lane,
    priorityReason: 'default',
    status: 'pending',
    attempts: 0,
    openAttempts: 0,
    maxRetries: event.data.max_retries,
    model: event.data.request.model,
    createdAt: event.time,
    updatedAt: event.time,
    scheduledAt: null,
    currentAttempt: 1,
    heldBehind: null,
    laneSequence: null,
    deadline: event.data.deadline,
    startedAt: null,
    completedAt: null,
    waitedMs: null,
    error: null,
    receivedSequence: sequence,
    turnSequence: sequence,
    lastSequence: sequence,
    terminalSequence: null,
  };
}

function whatIsLeft(event: MessageContentErased, sequence: number): MessageState {
  let state: MessageState | null = null;
  for (const kept of keptEvents(event)) state = evolve(state, kept.event, kept.sequence);
  if (state === null) throw new OrphanEventError(event, sequence);
  return { ...state, lastSequence: sequence };
}

type LaterEvent = Exclude<MessageEvent, MessageReceived | MessageContentErased>;

function change(next: Draft, event: LaterEvent, sequence: number): void {
  switch (event.type) {
    case 'llmq.message.prioritized.v1':
      next.status = 'pending';
      next.priority = event.data.priority;
      // "Why this priority" outlives what puts a message back into its lane without choosing the lane.
      if (!isReturn(event.data.reason)) next.priorityReason = event.data.reason;
      next.currentAttempt = event.data.attempt;
      next.scheduledAt = null;
      next.heldBehind = null;
      next.laneSequence = sequence;
      return;
    case 'llmq.message.scheduled.v1':
      next.status = 'scheduled';
      next.scheduledAt = event.data.due_at;
      next.currentAttempt = event.data.attempt;
      next.priorityReason = event.data.priority_reason ?? next.priorityReason;
      return;
    case 'llmq.message.held.v1':
      next.status = 'pending';
      next.heldBehind = event.data.behind;
      return;
    case 'llmq.message.dispatched.v1':
      next.status = 'processing';
      next.attempts += 1;
      next.openAttempts += 1;
      next.startedAt ??= event.time;
      next.heldBehind = null;
      next.waitedMs ??= event.data.waited_ms;
      return;
    case 'llmq.message.deferred.v1':
      defer(next, event);
      return;
    case 'llmq.message.rerouted.v1':
      // The attempt goes on; which deployment answers is told by its end.
      return;
    case 'llmq.message.attempt-failed.v1':
      next.status = 'pending';
      next.error = event.data.error;
      // A known outcome clears the calls lost with their workers: from here on they count afresh.
      next.openAttempts = 0;
      return;
    case 'llmq.message.requeued.v1':
      requeue(next, sequence);
      return;
    case 'llmq.message.dead-letter-discarded.v1':
      // It met a message that was requeued before it came.
      return;
    case 'llmq.message.webhook-tried.v1':
    case 'llmq.message.webhook-wanted.v1':
      return;
    case 'llmq.message.completed.v1':
      end(next, 'completed', event, sequence);
      next.model = event.data.model;
      next.error = null;
      return;
    case 'llmq.message.dead-lettered.v1':
      end(next, 'failed', event, sequence);
      next.error = event.data.error;
      return;
    case 'llmq.message.cancelled.v1':
      end(next, 'cancelled', event, sequence);
      return;
    case 'llmq.message.expired.v1':
      end(next, 'expired', event, sequence);
      return;
    default:
      assertNever(event);
  }
}

/**
 * The call that began was none: what it added is taken back, once, however often this is told. `error` says why the
 * message still waits.
 */
function defer(next: Draft, { data }: MessageDeferred): void {
  next.status = 'pending';
  next.error = errorOfDeferral(data);
  if (next.openAttempts === 0) return;
  next.openAttempts = 0;
  next.attempts -= 1;
  if (next.attempts > 0) return;
  next.startedAt = null;
  next.waitedMs = null;
}

/** Why no endpoint took it, as an error that another try may not have. */
export function errorOfDeferral({
  reason,
  message,
  status,
  remote,
  retry_after_ms,
}: MessageDeferred['data']): AttemptError {
  return {
    ...{ code: reason, message, retryable: true, status },
    ...(remote == null ? {} : { remote }),
    ...(retry_after_ms === null ? {} : { retry_after_ms }),
  };
}

/**
 * A turn that lives again counts as accepted where it was requeued. One that had not ended keeps its place: turns behind
 * it wait for it there.
 */
function requeue(next: Draft, sequence: number): void {
  if (next.conversationId !== null && isTerminalStatus(next.status)) next.turnSequence = sequence;
  next.status = 'pending';
  next.error = null;
  next.completedAt = null;
  next.terminalSequence = null;
  next.openAttempts = 0;
}

function end(next: Draft, status: MessageStatus, event: MessageEvent, sequence: number): void {
  next.status = status;
  next.completedAt = event.time;
  next.terminalSequence = sequence;
  next.scheduledAt = null;
  next.openAttempts = 0;
  next.heldBehind = null;
}

function isReturn(reason: PriorityReason): boolean {
  return reason === 'retry' || reason === 'turn_ready';
}

export class OrphanEventError extends Error {
  readonly code = 'orphan_event';
  constructor(event: MessageEvent, sequence: number) {
    super(
      `Event ${event.type} at sequence ${sequence} belongs to message ${event.subject}, which was never received.`,
    );
  }
}
