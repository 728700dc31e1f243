import type { DataSource } from 'typeorm';
import type { ConversationState } from '../../domain/conversation/conversation.state.js';
import type { MessageState } from '../../domain/message/message.state.js';
import type { Callback } from '../../domain/webhook/callback.events.js';
import { conversations } from './conversation.tables.js';
import { messages } from './message.tables.js';

/** Columns of `message_requests` that belong to a message's state. */
interface RequestedBy {
  readonly user_id: string;
  readonly key_name: string | null;
  readonly callback: Callback | null;
  readonly conversation_id: string | null;
  readonly turn_sequence: string | number | null;
}

/** The states of those of `ids` that the projection knows. */
export async function loadMessages(
  dataSource: DataSource,
  schema: string,
  ids: readonly string[],
): Promise<MessageState[]> {
  if (ids.length === 0) return [];
  const rows: (RequestedBy & Record<string, unknown>)[] = await dataSource.query(
    `SELECT m.*, q.user_id, q.key_name, q.callback, q.conversation_id, q.turn_sequence
      FROM "${schema}".messages m JOIN "${schema}".message_requests q ON q.message_id = m.id
      WHERE m.id = ANY($1::uuid[])`,
    [ids],
  );
  return rows.map((row) => {
    const message = messages.read(row);
    const turnSequence = Number(row.turn_sequence ?? message.receivedSequence);
    const { user_id: userId, key_name: keyName, callback, conversation_id: conversationId } = row;
    return { ...message, userId, keyName, callback, conversationId, turnSequence };
  });
}

/** The states of those of `ids` that the projection knows. */
export async function loadConversations(
  dataSource: DataSource,
  schema: string,
  ids: readonly string[],
): Promise<ConversationState[]> {
  if (ids.length === 0) return [];
  const rows: Record<string, unknown>[] = await dataSource.query(
    `SELECT * FROM "${schema}".conversations WHERE id = ANY($1::uuid[])`,
    [ids],
  );
  return rows.map((row) => conversations.read(row));
}

/** Of those messages, the ones that were erased, with the conversation that they were erased with. */
export async function loadErased(
  dataSource: DataSource,
  schema: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  if (ids.length === 0) return new Map();
  const rows: { message_id: string; conversation_id: string }[] = await dataSource.query(
    `SELECT message_id, conversation_id FROM "${schema}".erased_messages WHERE message_id = ANY($1::uuid[])`,
    [ids],
  );
  return new Map(rows.map((row) => [row.message_id, row.conversation_id]));
}
