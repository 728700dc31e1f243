import type { DataSource, SelectQueryBuilder } from 'typeorm';
import type { MessageState } from '../message/message.state.js';
import { databaseOf } from './data-source.js';
import { MessageEntity } from './entities/message.entity.js';
import { MessageRequestEntity } from './entities/message-request.entity.js';
import { MessageResultEntity } from './entities/message-result.entity.js';
import { decodeCursor, encodeCursor, type PageEnd } from './message-cursor.js';
import type { MessageFilter, MessageReader, MessageView, Page } from './message-reader.port.js';
import { type MessageRow, messageView } from './message-view.js';
import { loadStates } from './state-loader.js';
import { storableIdentifier } from './storable-text.js';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Reads the projection's tables. Knows nothing of how far they are; `ProjectionPosition` does. */
export class PostgresMessageReader implements MessageReader {
  constructor(private readonly dataSource: DataSource) {}

  async find(tenant: string, id: string): Promise<MessageView | null> {
    if (!UUID.test(id)) return null;
    const row = await this.messages()
      .where('m.id = :id', { id })
      .andWhere('m.tenant = :tenant', { tenant: storableIdentifier(tenant) })
      .getOne();
    return row && messageView(row as MessageRow);
  }

  async list(filter: MessageFilter, limit: number, cursor: string | null): Promise<Page<MessageView>> {
    const query = this.messages()
      .orderBy('q.createdAt', 'DESC')
      .addOrderBy('q.messageId', 'DESC')
      .limit(limit + 1);
    applyFilter(query, filter);
    if (cursor !== null) startBehind(query, decodeCursor(cursor));
    // One row more than asked for tells whether there is a next page.
    const rows = (await query.getMany()) as MessageRow[];
    const page = rows.slice(0, limit);
    const last = page[page.length - 1];
    const nextCursor = rows.length > limit && last !== undefined ? encodeCursor(last) : null;
    return { data: page.map(messageView), nextCursor };
  }

  async state(id: string): Promise<MessageState | null> {
    if (!UUID.test(id)) return null;
    const [state] = await loadStates(this.dataSource, databaseOf(this.dataSource).schema, [id]);
    return state ?? null;
  }

  /**
   * The join is also on `created_at`, which is the same on both sides: from it PostgreSQL learns that the order of the
   * page is the order of the indexes of either table, and begins with the one that suits the filter.
   */
  private messages(): SelectQueryBuilder<MessageEntity> {
    return this.dataSource
      .getRepository(MessageEntity)
      .createQueryBuilder('m')
      .innerJoinAndMapOne(
        'm.request',
        MessageRequestEntity,
        'q',
        'q.messageId = m.id AND q.createdAt = m.createdAt',
      )
      .leftJoinAndMapOne(
        'm.result',
        MessageResultEntity,
        'r',
        'r.messageId = m.id AND r.sequence = m.terminalSequence',
      );
  }
}

/** Conditions that hold on both sides of the join are stated on both, so that either table's index can use them. */
function applyFilter(query: SelectQueryBuilder<MessageEntity>, filter: MessageFilter): void {
  const { status, priority, createdAfter: after, createdBefore: before } = filter;
  query.where('m.tenant = :tenant AND q.tenant = :tenant', { tenant: storableIdentifier(filter.tenant) });
  if (filter.userId !== undefined) {
    query.andWhere('q.userId = :userId', { userId: storableIdentifier(filter.userId) });
  }
  if (filter.conversationId !== undefined) {
    query.andWhere('q.conversationId = :conversationId', {
      conversationId: storableIdentifier(filter.conversationId),
    });
  }
  if (status !== undefined) query.andWhere('m.status = :status', { status });
  if (priority !== undefined) query.andWhere('m.priority = :priority', { priority });
  if (after !== undefined) query.andWhere('m.createdAt >= :after AND q.createdAt >= :after', { after });
  if (before !== undefined) query.andWhere('m.createdAt < :before AND q.createdAt < :before', { before });
}

function startBehind(query: SelectQueryBuilder<MessageEntity>, { createdAt, id }: PageEnd): void {
  query.andWhere(
    '(q.createdAt, q.messageId) < (:endedAt, :endedId) AND (m.createdAt, m.id) < (:endedAt, :endedId)',
    { endedAt: createdAt, endedId: id },
  );
}
