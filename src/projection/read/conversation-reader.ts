import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { ConversationState } from '../../domain/conversation/conversation.state.js';
import { standIns } from '../../domain/message/large-text.policy.js';
import type { ChatMessage } from '../../domain/message/message.events.js';
import type { MessageStatus } from '../../domain/message/message.state.js';
import { isUuid } from '../../domain/uuid.policy.js';
import { conversations } from '../tables/conversation.tables.js';
import { databaseOf } from '../tables/data-source.js';
import { messageRequests } from '../tables/message.tables.js';
import { storableIdentifier } from '../tables/storable-text.js';
import { type ConversationFilter, conversationPage } from './conversation-page.js';
import { joinedMessages } from './message-reader.js';
import { type MessageRow, type MessageView, messageView } from './message-view.js';
import { decodeCursor, encodeCursor, type Page, type PageOrder, pageOf } from './page.js';
import { fitting, messageBytes } from './page-bytes.js';
import { decodeTurnCursor, encodeTurnCursor, pageOfTurns, type TurnEnd } from './turn-page.js';

/** A message of a conversation, with what a model needs of it. */
export interface Turn {
  readonly messageId: string;
  /** In the order of the conversation's turns: where it was received, or requeued last. */
  readonly place: number;
  readonly userId: string;
  readonly status: MessageStatus;
  /** Exactly one of the two is there. */
  readonly content: string | null;
  readonly messages: readonly ChatMessage[] | null;
  /** The assistant's message in OpenAI's shape, of the answer that counts; null where there is none. */
  readonly answer: ({ readonly content: string | null } & Record<string, unknown>) | null;
  /** Of the answer's event (or whichever ended the turn); null while the turn is open. */
  readonly terminalSequence: number | null;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
}

export interface TurnsQuery {
  /** The newest first where it is absent. */
  readonly order?: PageOrder;
  /** Only turns behind this place in that order. */
  readonly behind?: number;
  readonly limit: number;
}

/** Reads the projection's conversations. Says nothing of how far the projection is; `ProjectionPosition` does. */
@Injectable()
export class ConversationReader {
  constructor(@Inject(DataSource) private readonly dataSource: DataSource) {}

  /** Null for an unknown id and for another tenant's conversation alike; an erased one is there as its tombstone. */
  async find(tenant: string, id: string): Promise<ConversationState | null> {
    if (!isUuid(id)) return null;
    return this.dataSource
      .getRepository(conversations.entity)
      .createQueryBuilder('c')
      .where('c.id = :id AND c.tenant = :tenant', { id, tenant: storableIdentifier(tenant) })
      .getOne();
  }

  /**
   * Erased ones are left out.
   * @throws {InvalidCursorError} for a cursor that this service did not make
   */
  async list(
    filter: ConversationFilter,
    order: PageOrder,
    limit: number,
    cursor: string | null,
  ): Promise<Page<ConversationState>> {
    const behind = cursor === null ? null : decodeCursor(cursor);
    const found = await conversationPage(this.dataSource, filter, order, limit + 1, behind);
    const sizes = found.slice(0, limit).map(({ bytes }) => bytes);
    const { data, nextCursor } = pageOf(found, fitting(sizes), encodeCursor);
    return { data: await this.states(data.map(({ id }) => id)), nextCursor };
  }

  /** In the order of the ids. */
  private async states(ids: readonly string[]): Promise<ConversationState[]> {
    if (ids.length === 0) return [];
    const found = await this.dataSource
      .getRepository(conversations.entity)
      .createQueryBuilder('c')
      .where('c.id IN (:...ids)', { ids })
      .getMany();
    const states = new Map(found.map((state) => [state.id, state]));
    return ids.flatMap((id) => states.get(id) ?? []);
  }

  /** By their places. A page costs the same wherever it lies. */
  async turns(
    tenant: string,
    id: string,
    { order = 'newest_first', behind, limit }: TurnsQuery,
  ): Promise<readonly Turn[]> {
    const of = { tenant, conversationId: id };
    const page = await pageOfTurns(this.dataSource, of, order, limit, behind ?? null);
    return (await this.rows(page)).map(turnOf);
  }

  /** Of the calls that answered these messages, the newest of each model: where its MessageDispatched lies. */
  async lastCalls(
    messageIds: readonly string[],
  ): Promise<readonly { readonly model: string; readonly dispatchedSequence: number }[]> {
    if (messageIds.length === 0) return [];
    const rows: { model: string; sequence: string | number }[] = await this.dataSource.query(
      `SELECT model, max(dispatched_sequence) AS sequence
        FROM "${databaseOf(this.dataSource).schema}".attempts
        WHERE message_id = ANY($1::uuid[]) AND outcome = 'completed' AND dispatched_sequence IS NOT NULL
        GROUP BY model`,
      [messageIds],
    );
    return rows.map(({ model, sequence }) => ({ model, dispatchedSequence: Number(sequence) }));
  }

  /** Null for a message that is unknown, or no turn. */
  async placeOf(messageId: string): Promise<number | null> {
    const row = await this.dataSource
      .getRepository(messageRequests.entity)
      .findOne({ select: { messageId: true, turnSequence: true }, where: { messageId } });
    return row?.turnSequence ?? null;
  }

  /**
   * The same messages as clients read them.
   * @throws {InvalidCursorError} for a cursor that this service did not make
   */
  async messages(
    tenant: string,
    id: string,
    order: PageOrder,
    limit: number,
    cursor: string | null,
  ): Promise<Page<MessageView>> {
    const behind = cursor === null ? null : decodeTurnCursor(cursor);
    const of = { tenant, conversationId: id };
    const found = await pageOfTurns(this.dataSource, of, order, limit + 1, behind);
    const sizes = await messageBytes(
      this.dataSource,
      found.slice(0, limit).map((turn) => turn.id),
    );
    const { data, nextCursor } = pageOf(found, fitting(sizes), ({ sequence }) => encodeTurnCursor(sequence));
    return { data: (await this.rows(data)).map(messageView), nextCursor };
  }

  /** How many of the user's conversations take messages, counted up to `most`. */
  async countOpen(tenant: string, userId: string, most: number): Promise<number> {
    const open = this.dataSource
      .getRepository(conversations.entity)
      .createQueryBuilder('c')
      .select('c.id', 'id')
      .where('c.tenant = :tenant AND c.userId = :userId', {
        tenant: storableIdentifier(tenant),
        userId: storableIdentifier(userId),
      })
      .andWhere("c.state IN ('active', 'inactive')")
      .limit(most);
    return (await open.getRawMany()).length;
  }

  /** In the order of the page. */
  private async rows(page: readonly TurnEnd[]): Promise<MessageRow[]> {
    if (page.length === 0) return [];
    const ids = page.map(({ id }) => id);
    const found = await joinedMessages(this.dataSource).where('m.id IN (:...ids)', { ids }).getMany();
    const rows = new Map(found.map((row) => [row.id, row as MessageRow]));
    return ids.flatMap((id) => rows.get(id) ?? []);
  }
}

function turnOf(row: MessageRow): Turn {
  const { content = null, messages = null } = standIns(row.id, row.request.request);
  return {
    messageId: row.id,
    place: Number(row.request.turnSequence),
    userId: row.request.userId,
    status: row.status,
    ...{ content, messages },
    // A model is sent nothing of a turn whose content is erased.
    answer: row.request.request.erased === true ? null : (row.result?.answer ?? null),
    terminalSequence: row.terminalSequence,
    createdAt: row.createdAt,
  };
}
