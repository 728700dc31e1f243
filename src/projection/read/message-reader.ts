import { Inject, Injectable } from '@nestjs/common';
import { DataSource, type SelectQueryBuilder } from 'typeorm';
import type { MessageState } from '../../domain/message/message.state.js';
import { isUuid } from '../../domain/uuid.policy.js';
import { databaseOf } from '../tables/data-source.js';
import { loadErased, loadMessages } from '../tables/load-states.js';
import { messageRequests, messageResults, messages, type StoredMessage } from '../tables/message.tables.js';
import { storableIdentifier } from '../tables/storable-text.js';
import { type MessageFilter, pageOfIds } from './message-page.js';
import { type MessageRow, type MessageView, messageView } from './message-view.js';
import { decodeCursor, encodeCursor, type Page, type PageOrder, pageOf } from './page.js';
import { fitting, messageBytes } from './page-bytes.js';

/** Reads the projection's tables. Knows nothing of how far they are; `ProjectionPosition` does. */
@Injectable()
export class MessageReader {
  constructor(@Inject(DataSource) private readonly dataSource: DataSource) {}

  /** Null for an unknown id and for another tenant's message alike. */
  async find(tenant: string, id: string): Promise<MessageView | null> {
    if (!isUuid(id)) return null;
    const row = await joinedMessages(this.dataSource)
      .where('m.id = :id AND m.tenant = :tenant', { id, tenant: storableIdentifier(tenant) })
      .getOne();
    return row && messageView(row as MessageRow);
  }

  /** @throws {InvalidCursorError} for a cursor that this service did not make */
  async list(
    filter: MessageFilter,
    order: PageOrder,
    limit: number,
    cursor: string | null,
  ): Promise<Page<MessageView>> {
    const behind = cursor === null ? null : decodeCursor(cursor);
    const found = await pageOfIds(this.dataSource, filter, order, limit + 1, behind);
    const sizes = await messageBytes(
      this.dataSource,
      found.slice(0, limit).map(({ id }) => id),
    );
    const { data, nextCursor } = pageOf(found, fitting(sizes), encodeCursor);
    return { data: await this.views(data.map(({ id }) => id)), nextCursor };
  }

  /** The fold's state, for workers; null for a message that the projection does not know. */
  async state(id: string): Promise<MessageState | null> {
    if (!isUuid(id)) return null;
    const [state] = await loadMessages(this.dataSource, databaseOf(this.dataSource).schema, [id]);
    return state ?? null;
  }

  /** Those of these messages that the projection knows. */
  async states(ids: readonly string[]): Promise<ReadonlyMap<string, MessageState>> {
    const known = ids.filter(isUuid);
    const states = await loadMessages(this.dataSource, databaseOf(this.dataSource).schema, known);
    return new Map(states.map((state) => [state.id, state]));
  }

  /** Whether it was erased, by itself or with its conversation, or its content was. */
  async isErased(id: string): Promise<boolean> {
    if (!isUuid(id)) return false;
    return (await loadErased(this.dataSource, databaseOf(this.dataSource).schema, [id])).has(id);
  }

  async erased(ids: readonly string[]): Promise<ReadonlySet<string>> {
    return new Set((await loadErased(this.dataSource, databaseOf(this.dataSource).schema, ids)).keys());
  }

  /** Those of these messages that are the tenant's. */
  async ownOf(tenant: string, ids: readonly string[]): Promise<ReadonlySet<string>> {
    const own = await this.dataSource
      .getRepository(messages.entity)
      .createQueryBuilder('m')
      .select('m.id')
      .where('m.id IN (:...ids) AND m.tenant = :tenant', { ids, tenant: storableIdentifier(tenant) })
      .getMany();
    return new Set(own.map(({ id }) => id));
  }

  /** In the order of the ids. */
  private async views(ids: readonly string[]): Promise<MessageView[]> {
    if (ids.length === 0) return [];
    const rows = await joinedMessages(this.dataSource).where('m.id IN (:...ids)', { ids }).getMany();
    const views = new Map(rows.map((row) => [row.id, messageView(row as MessageRow)]));
    return ids.flatMap((id) => views.get(id) ?? []);
  }
}

/** Messages with what was asked and the answer that counts, as `messageView` takes them. */
export function joinedMessages(dataSource: DataSource): SelectQueryBuilder<StoredMessage> {
  return dataSource
    .getRepository(messages.entity)
    .createQueryBuilder('m')
    .innerJoinAndMapOne('m.request', messageRequests.name, 'q', 'q.messageId = m.id')
    .leftJoinAndMapOne(
      'm.result',
      messageResults.name,
      'r',
      'r.messageId = m.id AND r.sequence = m.terminalSequence',
    );
}
