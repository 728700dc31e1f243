import { assertNever } from '../assert-never.js';
import type { Lane } from '../message/lane.policy.js';
import { addUsage, type UsageRow, usageKey, usageOfSummary } from '../message/usage.projection.js';
import type {
  ConversationEvent,
  ConversationEventOf,
  ConversationFields,
  ConversationLifeState,
  DoubleTexting,
} from './conversation.events.js';

/** An erased conversation leaves a tombstone: its id, who erased it and when, and nothing of what was in it. */
export type ConversationStateName = ConversationLifeState | 'erased';

/** What a model said of the turns up to one. */
export interface ConversationSummary {
  readonly upToSequence: number;
  /** The last of these turns; null where the event does not name it. */
  readonly upToMessageId: string | null;
  readonly text: string;
  readonly model: string;
}

/** A conversation as the log tells it so far. Times are ISO 8601 in UTC and come from the events, never from a clock. */
export interface ConversationState {
  readonly id: string;
  readonly tenant: string;
  /** The id that its client gave it; null for one that the service gave out, and once it is erased. */
  readonly givenId: string | null;
  /** Null once it is erased. */
  readonly userId: string | null;
  readonly title: string | null;
  /** The system prompt. */
  readonly context: string | null;
  readonly priority: Lane | null;
  readonly model: string | null;
  readonly doubleTexting: DoubleTexting;
  readonly metadata: Record<string, unknown>;
  readonly state: ConversationStateName;
  readonly messageCount: number;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly lastMessageAt: string | null;
  /** Of its last message, or of its last change where that came later; how long it has been idle is counted from here. */
  readonly lastActivityAt: string;
  readonly summary: ConversationSummary | null;
  /** What all its summaries used, so that an erasure takes it out of the sums; null while there is none. */
  readonly summaryUsage: readonly UsageRow[] | null;
  readonly erasedAt: string | null;
  readonly erasedBy: string | null;
  readonly lastSequence: number;
}

/** A message of the conversation that the log received. */
export interface ReceivedTurn {
  readonly tenant: string;
  /** ISO 8601, UTC. */
  readonly time: string;
}

/**
 * To which states one may go from each. An idle conversation wakes up again, a completed one can be taken up again;
 * what is archived is kept to be read, and can only be erased.
 */
const MOVES: Record<ConversationLifeState, readonly ConversationLifeState[]> = {
  active: ['inactive', 'completed', 'archived'],
  inactive: ['active', 'completed', 'archived'],
  completed: ['active', 'archived'],
  archived: [],
};

export function mayMove(from: ConversationStateName, to: ConversationLifeState): boolean {
  return from !== 'erased' && MOVES[from].includes(to);
}

/** Whether it takes further messages. */
export function takesMessages(state: ConversationStateName): boolean {
  return state === 'active' || state === 'inactive';
}

/**
 * Folds one event into the state. Events arrive in the order of their sequences. What no longer applies (anything after
 * the erasure, a move that another one came before) returns the same object.
 *
 * @throws {OrphanConversationEventError} for an event of a conversation that was never created, but for its erasure:
 *   that stays in the log when everything before it is gone.
 */
export function evolveConversation(
  state: ConversationState | null,
  event: ConversationEvent,
  sequence: number,
): ConversationState {
  if (state !== null && (sequence <= state.lastSequence || state.state === 'erased')) return state;
  if (event.type === 'llmq.conversation.created.v1') return state ?? created(event, sequence);
  if (event.type === 'llmq.conversation.erased.v1') return tombstone(event, sequence);
  if (state === null) throw new OrphanConversationEventError(event, sequence);
  const change = changeOf(state, event);
  if (change === null) return state;
  return { ...state, ...change, updatedAt: event.time, lastSequence: sequence };
}

/** Counts a message in. Messages of another tenant that name this conversation are none of its. */
export function receiveTurn(
  state: ConversationState,
  turn: ReceivedTurn,
  sequence: number,
): ConversationState {
  const counts = turn.tenant === state.tenant && state.state !== 'erased' && sequence > state.lastSequence;
  if (!counts) return state;
  return { ...withActivity(state, turn.time), messageCount: state.messageCount + 1, lastSequence: sequence };
}

/** Messages of it that were erased: how many of them had been counted, and when the newest was received. */
export interface ErasedTurns {
  readonly counted: number;
  /** ISO 8601, UTC. */
  readonly lastMessageAt: string;
}

/** Counts them out. When it was used last stays, also where the log does not hold them any more. */
export function eraseTurns(
  state: ConversationState,
  { counted, lastMessageAt }: ErasedTurns,
  sequence: number,
): ConversationState {
  if (state.state === 'erased' || sequence <= state.lastSequence) return state;
  const messageCount = state.messageCount - counted;
  return { ...withActivity(state, lastMessageAt), messageCount, lastSequence: sequence };
}

function withActivity(state: ConversationState, time: string): ConversationState {
  return {
    ...state,
    lastMessageAt: later(state.lastMessageAt, time),
    lastActivityAt: later(state.lastActivityAt, time),
  };
}

/** Not simply the last that was told: an erasure may take that out of the log, and then tells it again. */
function later(one: string | null, other: string): string {
  return one !== null && Date.parse(one) >= Date.parse(other) ? one : other;
}

function created(
  event: ConversationEventOf<'llmq.conversation.created.v1'>,
  sequence: number,
): ConversationState {
  return {
    ...{ id: event.subject, tenant: event.tenant, givenId: event.data.given_id ?? null },
    ...{ userId: event.data.user_id, ...settings(event.data) },
    ...{ state: 'active', messageCount: 0, createdAt: event.time, updatedAt: event.time },
    ...{ lastMessageAt: null, lastActivityAt: event.time, erasedAt: null, erasedBy: null },
    ...{ summary: null, summaryUsage: null },
    lastSequence: sequence,
  };
}

/** Made of this event alone, so that it is the same whether or not the log still holds what came before. */
function tombstone(
  event: ConversationEventOf<'llmq.conversation.erased.v1'>,
  sequence: number,
): ConversationState {
  return {
    ...{ id: event.subject, tenant: event.tenant, givenId: null, userId: null, title: null, context: null },
    ...{ priority: null, model: null, doubleTexting: 'enqueue', metadata: {}, state: 'erased' },
    ...{ summary: null, summaryUsage: null },
    ...{ messageCount: event.data.messages, createdAt: event.time, updatedAt: event.time },
    ...{ lastMessageAt: null, lastActivityAt: event.time, erasedAt: event.time, erasedBy: event.data.by },
    lastSequence: sequence,
  };
}

type Change = Exclude<
  ConversationEvent,
  { type: 'llmq.conversation.created.v1' | 'llmq.conversation.erased.v1' }
>;

function changeOf(state: ConversationState, event: Change): Partial<ConversationState> | null {
  switch (event.type) {
    case 'llmq.conversation.updated.v1':
      return { ...settings(event.data.changes), lastActivityAt: later(state.lastActivityAt, event.time) };
    case 'llmq.conversation.state-changed.v1': {
      const { from, to } = event.data;
      if (state.state !== from || !mayMove(from, to)) return null;
      // Going to sleep is no sign of life: the time until it expires runs on.
      return to === 'active'
        ? { state: to, lastActivityAt: later(state.lastActivityAt, event.time) }
        : { state: to };
    }
    case 'llmq.conversation.summarized.v1': {
      const { up_to_sequence: upToSequence, summary: text, model } = event.data;
      const older = state.summary !== null && state.summary.upToSequence >= upToSequence;
      const upToMessageId = event.data.up_to_message_id ?? null;
      const usage = withSummary(state, event);
      if (older && usage === state.summaryUsage) return null;
      // What is not needed was paid for all the same.
      const summary = older ? state.summary : { upToSequence, upToMessageId, text, model };
      return { summary, summaryUsage: usage };
    }
    case 'llmq.conversation.erasure-begun.v1':
    case 'llmq.conversation.erasure-finished.v1':
      return null;
    default:
      return assertNever(event);
  }
}

function withSummary(
  { userId, summaryUsage }: ConversationState,
  event: ConversationEventOf<'llmq.conversation.summarized.v1'>,
): ConversationState['summaryUsage'] {
  const used = usageOfSummary(userId, event);
  if (used === null) return summaryUsage;
  const rows = new Map((summaryUsage ?? []).map((row) => [usageKey(row), row]));
  addUsage(rows, used);
  return [...rows.values()];
}

function settings(fields: ConversationFields): Pick<ConversationState, Setting>;
function settings(fields: Partial<ConversationFields>): Partial<ConversationState>;
function settings(fields: Partial<ConversationFields>): Partial<ConversationState> {
  const { double_texting: doubleTexting, title, context, priority, model, metadata } = fields;
  const named = { title, context, priority, model, metadata, doubleTexting };
  return Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined));
}

type Setting = 'title' | 'context' | 'priority' | 'model' | 'metadata' | 'doubleTexting';

export class OrphanConversationEventError extends Error {
  readonly code = 'orphan_event';
  constructor(event: ConversationEvent, sequence: number) {
    super(
      `Event ${event.type} at sequence ${sequence} belongs to conversation ${event.subject}, which was never created.`,
    );
  }
}
