import type {
  LeftoverEvent,
  SequencedConversationEvent,
} from '../../domain/conversation/conversation.projection.js';
import type { ConversationState } from '../../domain/conversation/conversation.state.js';
import { storableIdentifier, storableJson, storableText } from '../tables/storable-text.js';
import { type ColumnWrite, column, optional, replaceAll, type TableWrite } from './table-writes.js';

const conversationColumns: readonly ColumnWrite<ConversationState>[] = [
  column('id', 'uuid', (row) => row.id),
  column('tenant', 'text', (row) => storableIdentifier(row.tenant)),
  column('user_id', 'text', (row) => optional(row.userId, storableIdentifier)),
  column('title', 'text', (row) => optional(row.title, storableText)),
  column('context', 'json', (row) => optional(row.context, storableJson)),
  column('priority', 'text', (row) => row.priority),
  column('model', 'text', (row) => optional(row.model, storableText)),
  column('double_texting', 'text', (row) => row.doubleTexting),
  column('metadata', 'json', (row) => storableJson(row.metadata)),
  column('state', 'text', (row) => row.state),
  column('message_count', 'integer', (row) => row.messageCount),
  column('created_at', 'timestamptz', (row) => row.createdAt),
  column('updated_at', 'timestamptz', (row) => row.updatedAt),
  column('last_message_at', 'timestamptz', (row) => row.lastMessageAt),
  column('last_activity_at', 'timestamptz', (row) => row.lastActivityAt),
  column('summary', 'json', (row) => optional(row.summary, storableJson)),
  column('erased_at', 'timestamptz', (row) => row.erasedAt),
  column('erased_by', 'text', (row) => optional(row.erasedBy, storableText)),
  column('last_sequence', 'bigint', (row) => row.lastSequence),
];

export const conversationWrite: TableWrite<ConversationState> = {
  table: 'conversations',
  columns: conversationColumns,
  onConflict: `ON CONFLICT (id) DO UPDATE SET ${replaceAll(conversationColumns, ['id'])}
    WHERE conversations.last_sequence < excluded.last_sequence`,
};

export const conversationEventWrite: TableWrite<SequencedConversationEvent> = {
  table: 'conversation_events',
  columns: [
    column('conversation_id', 'uuid', (row) => row.event.subject),
    column('sequence', 'bigint', (row) => row.sequence),
    column('type', 'text', (row) => row.event.type),
    column('time', 'timestamptz', (row) => row.event.time),
  ],
  onConflict: '',
};

export const leftoverWrite: TableWrite<LeftoverEvent> = {
  table: 'erasure_queue',
  columns: [
    column('conversation_id', 'uuid', (row) => row.conversationId),
    column('sequence', 'bigint', (row) => row.sequence),
    column('message_id', 'uuid', (row) => row.messageId),
  ],
  onConflict: '',
};
