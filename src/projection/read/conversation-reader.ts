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
  /** It was said elsewhere: all of it is in its messages. */
  readonly noted: boolean;
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

export interface ChainQuery {
  readonly skip: number;
  readonly limit: number;
}

/** A message that another one goes on from. Its place says no more than that it is before that one. */
export interface ChainedTurn extends Turn {
  /** Where it is a turn: of what, and at which place. What it was told before it is there. */
  readonly of: { readonly conversationId: string; readonly place: number } | null;
}

/** Of the newest in a chain; longer ones are not read. */
const LAST_PLACE = 1_000_000;

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

  /**
   * A message and those that it goes on from, the newest first, from the `skip`th on. What is erased, or another
   * tenant's, ends the chain: nothing before it is known. A page that is not full is the last.
   */
  async chain(
    tenant: string,
    messageId: string,
    { skip, limit }: ChainQuery,
  ): Promise<readonly ChainedTurn[]> {
    const links: { id: string; depth: number }[] = await this.dataSource.query(
      `WITH RECURSIVE chain AS (
          SELECT message_id, request->>'behind' AS behind, 0 AS depth
          FROM "${databaseOf(this.dataSource).schema}".message_requests WHERE tenant = $1 AND message_id = $2::text::uuid
          UNION ALL
          SELECT r.message_id, r.request->>'behind', c.depth + 1
          FROM chain c JOIN "${databaseOf(this.dataSource).schema}".message_requests r
            ON r.message_id = c.behind::uuid AND r.tenant = $1
          WHERE c.depth + 1 < $3
        ) SELECT message_id AS id, depth FROM chain WHERE depth >= $4 ORDER BY depth`,
      [storableIdentifier(tenant), messageId, skip + limit, skip],
    );
    const rows = await this.rows(links.map(({ id }) => ({ id, sequence: 0 })));
    const depths = new Map(links.map(({ id, depth }) => [id, Number(depth)]));
    return rows.map((row) => ({
      ...turnOf(row),
      place: LAST_PLACE - depths.get(row.id)!,
      of: row.request.conversationId === null ? null : conversationPlace(row),
    }));
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
    ...{ content, messages, noted: row.request.request.noted === true },
    // A model is sent nothing of a turn whose content is erased.
    answer: row.request.request.erased === true ? null : (row.result?.answer ?? null),
    terminalSequence: row.terminalSequence,
    createdAt: row.createdAt,
  };
}

function conversationPlace({ request }: MessageRow): ChainedTurn['of'] {
  return { conversationId: request.conversationId!, place: Number(request.turnSequence) };
}
