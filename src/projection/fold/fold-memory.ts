import type { DataSource } from 'typeorm';
import {
  type ConversationRows,
  type ErasedMessages,
  type LeftoverEvent,
  projectConversations,
  type SequencedConversationEvent,
  type SequencedGroupEvent,
} from '../../domain/conversation/conversation.projection.js';
import type { ConversationState } from '../../domain/conversation/conversation.state.js';
import {
  isConversationEvent,
  isErasureEvent,
  isMessageEvent,
  type LogEvent,
} from '../../domain/log-event.events.js';
import { type ProjectedRows, project, type SequencedEvent } from '../../domain/message/message.projection.js';
import type { MessageState } from '../../domain/message/message.state.js';
import { isUuid } from '../../domain/uuid.policy.js';
import { MalformedEventError } from '../../log/event-log.errors.js';
import type { StoredEvent } from '../../log/event-log.port.js';
import { loadConversations, loadErased, loadMessages } from '../tables/load-states.js';
import type { FoldedRows } from '../write/batch-writer.port.js';
import { StateCache } from './state-cache.js';

/**
 * In states; a message's takes about a kilobyte. States of a longer backlog are read again when they are needed, many at
 * a time.
 */
const CACHED_MESSAGES = 5_000;
const CACHED_CONVERSATIONS = 10_000;

/** Folds batch after batch, and remembers the states that move. A new run of the fold begins with a new one. */
export class FoldMemory {
  private readonly messages: StateCache<MessageState>;
  private readonly conversations: StateCache<ConversationState>;

  constructor(
    private readonly dataSource: DataSource,
    private readonly schema: string,
    /** PostgreSQL is not asked whether it knows a message whose reception is folded. */
    private readonly receivedAreNew: boolean,
    private readonly lossAccepted: () => boolean = () => false,
  ) {
    const messages = (ids: readonly string[]) => loadMessages(dataSource, schema, ids);
    this.messages = new StateCache(messages, CACHED_MESSAGES, (state) => state.terminalSequence === null);
    const conversations = (ids: readonly string[]) => loadConversations(dataSource, schema, ids);
    this.conversations = new StateCache(
      conversations,
      CACHED_CONVERSATIONS,
      ({ state }) => state !== 'erased',
    );
  }

  /** What was folded goes to PostgreSQL as one transaction from here on; the one before it is there. */
  sealed(): void {
    this.messages.sealed();
    this.conversations.sealed();
  }

  async fold(events: readonly StoredEvent[]): Promise<FoldedRows> {
    const ofMessages = events.filter(isOfMessage);
    const { subjects, begun } = subjectsOf(ofMessages);
    const known = await this.messages.get(subjects, this.receivedAreNew ? begun : undefined);
    const strange = [...subjects].filter((id) => !known.has(id) && !begun.has(id));
    const { kept, leftovers } = await this.withoutStrange(strange, ofMessages);
    const messages = project(known, kept);
    const ofConversations = events.filter(isOfConversation);
    this.messages.put(messages.messages);
    const rows = await this.foldConversations(ofConversations, messages, await this.erasedAtEnd(events));
    this.messages.forget([...erasedBy(ofConversations), ...(rows.erased?.messageIds ?? [])]);
    const conversations = {
      ...rows,
      events: [...rows.events, ...events.filter(isOfErasure)],
      leftovers: [...leftovers, ...rows.leftovers],
    };
    return { messages, conversations, erases: isErasure(events[events.length - 1]!) };
  }

  /** The messages that the last of these events erases. One that was requeued since it was decided on goes on. */
  private async erasedAtEnd(events: readonly StoredEvent[]): Promise<ErasedMessages | null> {
    const { event, sequence } = events[events.length - 1]!;
    if (event.type !== 'llmq.erasure.decided.v1') return null;
    const named = event.data.messages.filter(({ id }) => isIssued(id));
    const states = await this.messages.get(named.map(({ id }) => id));
    const erased = named.filter(({ id, last_sequence: last }) => (states.get(id)?.lastSequence ?? 0) <= last);
    const counted = new Map<string, number>();
    for (const { id } of erased) {
      const conversation = states.get(id)?.conversationId;
      if (conversation != null) counted.set(conversation, (counted.get(conversation) ?? 0) + 1);
    }
    const turns = event.data.turns.map(
      ({ conversation_id: id, last_message_at: lastMessageAt }) =>
        [id, { counted: counted.get(id) ?? 0, lastMessageAt }] as const,
    );
    const messageIds = erased.map(({ id }) => id);
    return { id: event.subject, tenant: event.tenant, messageIds, turns: new Map(turns), sequence };
  }

  private async foldConversations(
    events: readonly SequencedConversationEvent[],
    { requests }: ProjectedRows,
    erased: ErasedMessages | null,
  ): Promise<ConversationRows> {
    const ids = subjectsOf(events).subjects;
    for (const id of erased?.turns.keys() ?? []) if (isIssued(id)) ids.add(id);
    for (const { event } of requests) {
      const id = event.data.conversation_id;
      if (id !== null && isIssued(id)) ids.add(id);
    }
    const known = ids.size === 0 ? new Map() : await this.conversations.get(ids);
    const kept = this.lossAccepted() ? withABeginning(known, events) : events;
    const rows = projectConversations(known, kept, requests, erased);
    this.conversations.put(rows.conversations);
    return rows;
  }

  /**
   * Takes out the events of erased messages. `strange` are messages that have no state and whose reception is not among
   * the events: only these can have been erased. Where a person goes on without lost records, a strange one that was not
   * erased lost its reception: then nothing can be said of it.
   */
  private async withoutStrange(
    strange: readonly string[],
    events: readonly SequencedEvent[],
  ): Promise<{ kept: readonly SequencedEvent[]; leftovers: readonly LeftoverEvent[] }> {
    if (strange.length === 0) return { kept: events, leftovers: [] };
    const erased = await loadErased(this.dataSource, this.schema, strange);
    const lost = new Set(this.lossAccepted() ? strange : []);
    const leftovers: LeftoverEvent[] = [];
    const kept = events.filter(({ event, sequence }) => {
      const conversationId = erased.get(event.subject);
      if (conversationId === undefined) return !lost.has(event.subject);
      leftovers.push({ conversationId, tenant: event.tenant, messageId: event.subject, sequence });
      return false;
    });
    return { kept, leftovers };
  }
}

/** Parts of a batch that are written one after the other: what takes rows away comes last in its part. */
export function* cutAtErasures(
  events: readonly StoredEvent[],
): Generator<readonly StoredEvent[], void, undefined> {
  let from = 0;
  for (let at = 0; at < events.length; at += 1) {
    if (!isErasure(events[at]!)) continue;
    yield events.slice(from, at + 1);
    from = at + 1;
  }
  if (from < events.length) yield from === 0 ? events : events.slice(from);
}

const TAKE_ROWS_AWAY: readonly LogEvent['type'][] = [
  'llmq.conversation.erased.v1',
  'llmq.conversation.erasure-finished.v1',
  'llmq.erasure.decided.v1',
  'llmq.erasure.finished.v1',
];

function isErasure({ event }: StoredEvent): boolean {
  return TAKE_ROWS_AWAY.includes(event.type);
}

function isOfErasure(stored: StoredEvent): stored is StoredEvent & SequencedGroupEvent {
  return isErasureEvent(stored.event);
}

function erasedBy(events: readonly SequencedConversationEvent[]): string[] {
  return events.flatMap(({ event }) =>
    event.type === 'llmq.conversation.erased.v1' ? (event.data.message_ids ?? []) : [],
  );
}

function isOfMessage(stored: StoredEvent): stored is StoredEvent & SequencedEvent {
  return isMessageEvent(stored.event);
}

function isOfConversation(stored: StoredEvent): stored is StoredEvent & SequencedConversationEvent {
  return isConversationEvent(stored.event);
}

/** Only in lower case, as ids are given out: PostgreSQL finds the row of an id in upper case too, the maps here don't. */
function isIssued(id: string): boolean {
  return isUuid(id) && id === id.toLowerCase();
}

/** What the events are of; `begun` are the messages of which the first event here is their beginning. */
function subjectsOf(events: readonly StoredEvent[]): { subjects: Set<string>; begun: Set<string> } {
  const subjects = new Set<string>();
  const begun = new Set<string>();
  let last = '';
  for (const { event, sequence } of events) {
    const id = event.subject;
    if (id === last) continue;
    last = id;
    if (subjects.has(id)) continue;
    if (!isIssued(id))
      throw new MalformedEventError(`its subject ${JSON.stringify(id)} is not a UUID`, sequence);
    subjects.add(id);
    if (MESSAGE_BEGINNINGS.includes(event.type)) begun.add(id);
  }
  return { subjects, begun };
}

/** What is left of an erased message begins it anew. */
const MESSAGE_BEGINNINGS: readonly LogEvent['type'][] = [
  'llmq.message.received.v1',
  'llmq.message.content-erased.v1',
];

const BEGINNINGS: readonly string[] = ['llmq.conversation.created.v1', 'llmq.conversation.erased.v1'];

/** Without the events of conversations whose beginning is lost. */
function withABeginning(
  known: ReadonlyMap<string, ConversationState>,
  events: readonly SequencedConversationEvent[],
): SequencedConversationEvent[] {
  const begun = new Set<string>();
  return events.filter(({ event }) => {
    if (BEGINNINGS.includes(event.type)) begun.add(event.subject);
    return begun.has(event.subject) || known.has(event.subject);
  });
}
