import type { DataSource } from 'typeorm';
import type { ConversationState } from '../../domain/conversation/conversation.state.js';
import { ConversationEntity } from '../tables/entities/conversation.entity.js';

/** The states of those of `ids` that the projection knows. */
export async function loadConversations(
  dataSource: DataSource,
  ids: readonly string[],
): Promise<ConversationState[]> {
  if (ids.length === 0) return [];
  const rows = await dataSource
    .getRepository(ConversationEntity)
    .createQueryBuilder('c')
    .where('c.id = ANY(:ids)', { ids })
    .getMany();
  return rows.map(conversationState);
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

export function conversationState(row: ConversationEntity): ConversationState {
  return {
    ...row,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
    lastMessageAt: row.lastMessageAt?.toISOString() ?? null,
    lastActivityAt: row.lastActivityAt.toISOString(),
    erasedAt: row.erasedAt?.toISOString() ?? null,
    lastSequence: Number(row.lastSequence),
  };
}
