import type {
  LeftoverEvent,
  SequencedGroupEvent,
} from '../../domain/conversation/conversation.projection.js';
import type { ConversationState } from '../../domain/conversation/conversation.state.js';
import {
  type Columns,
  column,
  count,
  identifier,
  json,
  nullable,
  sequence,
  Table,
  text,
  time,
  uuid,
  word,
} from './table.js';

const conversationColumns = {
  id: column(uuid, (row) => row.id),
  tenant: column(identifier, (row) => row.tenant),
  givenId: nullable(identifier, (row) => row.givenId),
  userId: nullable(identifier, (row) => row.userId),
  title: nullable(text, (row) => row.title),
  /** A JSON string: a prompt may hold what `text` refuses. */
  context: nullable(json, (row) => row.context),
  priority: nullable(word, (row) => row.priority),
  model: nullable(text, (row) => row.model),
  doubleTexting: column(word, (row) => row.doubleTexting),
  metadata: column(json, (row) => row.metadata),
  state: column(word, (row) => row.state),
  messageCount: column(count, (row) => row.messageCount),
  createdAt: column(time, (row) => row.createdAt),
  updatedAt: column(time, (row) => row.updatedAt),
  lastMessageAt: nullable(time, (row) => row.lastMessageAt),
  lastActivityAt: column(time, (row) => row.lastActivityAt),
  summary: nullable(json, (row) => row.summary),
  summaryUsage: nullable(json, (row) => row.summaryUsage),
  erasedAt: nullable(time, (row) => row.erasedAt),
  erasedBy: nullable(text, (row) => row.erasedBy),
  lastSequence: column(sequence, (row) => row.lastSequence),
} satisfies Columns<ConversationState>;

/** A conversation as it is now, or the tombstone of an erased one. */
export const conversations = new Table<ConversationState, typeof conversationColumns>(
  'conversations',
  conversationColumns,
  {
    key: ['id'],
    newerBy: 'lastSequence',
    indexes: {
      conversations_by_time: { on: ['tenant', 'createdAt', 'id'] },
      conversations_by_user: { on: ['tenant', 'userId', 'createdAt', 'id'] },
      conversations_by_activity: { on: ['state', 'lastActivityAt'] },
    },
  },
);

const eventColumns = {
  conversationId: column(uuid, (row) => row.event.subject),
  sequence: column(sequence, (row) => row.sequence),
  type: column(word, (row) => row.event.type),
  time: column(time, (row) => row.event.time),
} satisfies Columns<SequencedGroupEvent>;

/**
 * Where a conversation's own events lie in the log, or those of an erasure of messages under its id; messages' events are
 * in `message_events`.
 */
export const conversationEvents = new Table<SequencedGroupEvent, typeof eventColumns>(
  'conversation_events',
  eventColumns,
  { key: ['conversationId', 'sequence'] },
);

const queueColumns = {
  conversationId: column(uuid, (row) => row.conversationId),
  sequence: column(sequence, (row) => row.sequence),
  /** Null for an event of the conversation's own. */
  messageId: nullable(uuid, (row) => row.messageId),
  /** Null in rows from before there were erasures of messages alone. */
  tenant: nullable(identifier, (row) => row.tenant),
} satisfies Columns<LeftoverEvent>;

/** An event that is still in the log although what it belongs to is erased: with its conversation, or by the erasure of this id. */
export const erasureQueue = new Table<LeftoverEvent, typeof queueColumns>('erasure_queue', queueColumns, {
  key: ['conversationId', 'sequence'],
});

interface ErasedMessage {
  readonly messageId: string;
  readonly conversationId: string;
}

const erasedColumns = {
  messageId: column(uuid, (row) => row.messageId),
  conversationId: column(uuid, (row) => row.conversationId),
} satisfies Columns<ErasedMessage>;

/** A message that was erased with its conversation, or by itself, under its own id: what the log says of it from then on is not taken up. */
export const erasedMessages = new Table<ErasedMessage, typeof erasedColumns>(
  'erased_messages',
  erasedColumns,
  {
    key: ['messageId'],
    indexes: { erased_messages_by_conversation: { on: ['conversationId'] } },
  },
);
