import type { ErasureEvent } from '../erasure/erasure.events.js';
import type { RequestRow } from '../message/message.projection.js';
import { addUsage, takenBack, type UsageRow, usageOfSummary } from '../message/usage.projection.js';
import type { ConversationEvent, ConversationEventType } from './conversation.events.js';
import {
  type ConversationState,
  type ErasedTurns,
  eraseTurns,
  evolveConversation,
  receiveTurn,
} from './conversation.state.js';

export interface SequencedConversationEvent {
  readonly sequence: number;
  readonly event: ConversationEvent;
}

/** An event of a conversation's own, or of an erasure of messages. */
export interface SequencedGroupEvent {
  readonly sequence: number;
  readonly event: ConversationEvent | ErasureEvent;
}

/** Messages that are taken out of the tables. */
export interface ErasedMessages {
  /** The erasure's. */
  readonly id: string;
  readonly tenant: string;
  readonly messageIds: readonly string[];
  /** By conversation. */
  readonly turns: ReadonlyMap<string, ErasedTurns>;
  readonly sequence: number;
}

/** An event that lies in the log although what it belongs to is erased: its record is to be erased too. */
export interface LeftoverEvent {
  /** Of the conversation, or the erasure, with which it was erased. */
  readonly conversationId: string;
  readonly tenant: string;
  /** Null for an event of the conversation's own. */
  readonly messageId: string | null;
  readonly sequence: number;
}

/** The rows that a run of events adds or changes; each row at most once. */
export interface ConversationRows {
  readonly conversations: ReadonlyMap<string, ConversationState>;
  /** In the timeline of their conversation. */
  readonly events: readonly SequencedGroupEvent[];
  /** At most one, the last of these events. */
  readonly erased: ErasedMessages | null;
  readonly leftovers: readonly LeftoverEvent[];
  /** Of summaries, to be added to what is stored, under `usageKey`. */
  readonly usage: ReadonlyMap<string, UsageRow>;
}

const NO_ROWS: ConversationRows = {
  ...{ conversations: new Map(), events: [], erased: null, leftovers: [], usage: new Map() },
};

/** An erasure's events stay in the log for ever: they say who, when and where, and nothing of what was erased. */
export const OUTLIVE_ERASURE: readonly ConversationEventType[] = [
  'llmq.conversation.erased.v1',
  'llmq.conversation.erasure-begun.v1',
  'llmq.conversation.erasure-finished.v1',
];

export function outlivesErasure({ type }: { readonly type: ConversationEventType }): boolean {
  return OUTLIVE_ERASURE.includes(type);
}

/**
 * Folds conversations' events, and the messages received in them, into rows. `known` holds the state of every
 * conversation that was there before and occurs in either. How the log is cut into batches makes no difference.
 *
 * @throws {OrphanConversationEventError} for an event of a conversation that was never created
 */
export function projectConversations(
  known: ReadonlyMap<string, ConversationState>,
  events: readonly SequencedConversationEvent[],
  requests: readonly RequestRow[],
  erased: ErasedMessages | null = null,
): ConversationRows {
  if (events.length === 0 && known.size === 0 && erased === null) return NO_ROWS;
  const changed = new Map<string, ConversationState>();
  const kept: SequencedConversationEvent[] = [];
  const leftovers: LeftoverEvent[] = [];
  const usage = new Map<string, UsageRow>();
  const stateOf = (id: string) => changed.get(id) ?? known.get(id) ?? null;
  for (const step of inOrder(events, requests)) {
    if ('messageId' in step) {
      const id = step.event.data.conversation_id;
      const before = id === null ? null : stateOf(id);
      const after = before && receiveTurn(before, step.event, placeOf(step));
      if (after !== null && after !== before) changed.set(after.id, after);
      continue;
    }
    const { event, sequence } = step;
    const before = stateOf(event.subject);
    if (before?.state === 'erased' && !outlivesErasure(event)) {
      leftovers.push({ conversationId: event.subject, tenant: event.tenant, messageId: null, sequence });
      continue;
    }
    kept.push(step);
    const after = evolveConversation(before, event, sequence);
    if (after === before) continue;
    changed.set(after.id, after);
    for (const row of usageIn(before, event)) addUsage(usage, row);
  }
  for (const [id, turns] of erased?.turns ?? []) {
    const before = stateOf(id);
    const after =
      before?.tenant === erased?.tenant ? before && eraseTurns(before, turns, erased!.sequence) : null;
    if (after !== null && after !== before) changed.set(id, after);
  }
  return { conversations: changed, events: kept, erased, leftovers, usage };
}

/** What an event that counts adds to the sums; an erasure takes back what the summaries before it have added. */
function usageIn(before: ConversationState | null, event: ConversationEvent): readonly UsageRow[] {
  if (event.type === 'llmq.conversation.erased.v1') return (before?.summaryUsage ?? []).map(takenBack);
  if (event.type !== 'llmq.conversation.summarized.v1') return [];
  return [usageOfSummary(before?.userId ?? null, event)].filter((row) => row !== null);
}

function placeOf({ sequence, countedAt = sequence }: RequestRow): number {
  return countedAt;
}

function* inOrder(
  events: readonly SequencedConversationEvent[],
  requests: readonly RequestRow[],
): Generator<SequencedConversationEvent | RequestRow> {
  let next = 0;
  for (const request of requests) {
    while (next < events.length && events[next]!.sequence < placeOf(request)) yield events[next++]!;
    yield request;
  }
  yield* events.slice(next);
}
