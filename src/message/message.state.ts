import {
  type AttemptError,
  isTerminal,
  type Lane,
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
  if (state === null) throw new OrphanEventError(event, sequence);
  if (sequence <= state.lastSequence) return state;
  if (isTerminalStatus(state.status) && event.type !== 'llmq.message.requeued.v1') return state;
  if (isSuperseded(state, event)) return { ...state, ...lateChange(state, event), lastSequence: sequence };
  return { ...state, ...change(state, event, sequence), updatedAt: event.time, lastSequence: sequence };
}

/** Two workers can hold the same message after a crash; what the slower one says of an earlier attempt moves nothing. */
function isSuperseded(state: MessageState, event: MessageEvent): boolean {
  if (!('attempt' in event.data) || event.data.attempt >= state.currentAttempt) return false;
  // An append in doubt is repeated, maybe behind a requeue: the dead letter of before must not end what follows it.
  const deadBefore = event.type === 'llmq.message.dead-lettered.v1' && state.priorityReason === 'requeue';
  return deadBefore || !isTerminal(event);
}

function lateChange(state: MessageState, event: MessageEvent): Partial<MessageState> {
  return event.type === 'llmq.message.dispatched.v1' ? { attempts: state.attempts + 1 } : {};
}

function received(event: MessageReceived, sequence: number): MessageState {
  return {
    id: event.subject,
    tenant: event.tenant,
    userId: event.data.user_id,
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

type LaterEvent = Exclude<MessageEvent, MessageReceived>;

function change(state: MessageState, event: LaterEvent, sequence: number): Partial<MessageState> {
  switch (event.type) {
    case 'llmq.message.prioritized.v1':
      return {
        status: 'pending',
        priority: event.data.priority,
        // "Why this priority" outlives what puts a message back into its lane without choosing the lane.
        priorityReason: isReturn(event.data.reason) ? state.priorityReason : event.data.reason,
        currentAttempt: event.data.attempt,
        scheduledAt: null,
        heldBehind: null,
        laneSequence: sequence,
      };
    case 'llmq.message.scheduled.v1':
      return {
        status: 'scheduled',
        scheduledAt: event.data.due_at,
        currentAttempt: event.data.attempt,
        priorityReason: event.data.priority_reason ?? state.priorityReason,
      };
    case 'llmq.message.held.v1':
      return { status: 'pending', heldBehind: event.data.behind };
    case 'llmq.message.dispatched.v1':
      return {
        status: 'processing',
        attempts: state.attempts + 1,
        openAttempts: state.openAttempts + 1,
        startedAt: state.startedAt ?? event.time,
        heldBehind: null,
        waitedMs: state.waitedMs ?? event.data.waited_ms,
      };
    case 'llmq.message.attempt-failed.v1':
      // A known outcome clears the calls lost with their workers: from here on they count afresh.
      return { status: 'pending', error: event.data.error, openAttempts: 0 };
    case 'llmq.message.requeued.v1':
      return {
        ...{ status: 'pending', error: null, completedAt: null, terminalSequence: null, openAttempts: 0 },
        ...newPlace(state, sequence),
      };
    case 'llmq.message.dead-letter-discarded.v1':
      // It met a message that was requeued before it came.
      return {};
    case 'llmq.message.completed.v1':
      return { ...terminal('completed', event, sequence), model: event.data.model, error: null };
    case 'llmq.message.dead-lettered.v1':
      return { ...terminal('failed', event, sequence), error: event.data.error };
    case 'llmq.message.cancelled.v1':
      return terminal('cancelled', event, sequence);
    case 'llmq.message.expired.v1':
      return terminal('expired', event, sequence);
    default:
      return assertNever(event);
  }
}

/**
 * A turn that lives again counts as accepted where it was requeued. One that had not ended keeps its place: turns behind
 * it wait for it there.
 */
function newPlace(state: MessageState, sequence: number): Partial<MessageState> {
  const moves = state.conversationId !== null && isTerminalStatus(state.status);
  return moves ? { turnSequence: sequence } : {};
}

function terminal(status: MessageStatus, event: MessageEvent, sequence: number): Partial<MessageState> {
  return {
    status,
    completedAt: event.time,
    terminalSequence: sequence,
    scheduledAt: null,
    openAttempts: 0,
    heldBehind: null,
  };
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

function assertNever(event: never): never {
  throw new Error(`No fold for event ${JSON.stringify(event)}`);
}
