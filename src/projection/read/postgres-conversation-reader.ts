import type { DataSource } from 'typeorm';
import type { ConversationState } from '../../domain/conversation/conversation.state.js';
import { ConversationEntity } from '../tables/entities/conversation.entity.js';
import { MessageRequestEntity } from '../tables/entities/message-request.entity.js';
import { storableIdentifier } from '../tables/storable-text.js';
import { conversationState } from './conversation-loader.js';
import { conversationPage } from './conversation-page.js';
import type {
  ConversationFilter,
  ConversationReader,
  PageOrder,
  Turn,
  TurnsQuery,
} from './conversation-reader.port.js';
import { decodeCursor, encodeCursor } from './message-cursor.js';
import type { MessageView, Page } from './message-reader.port.js';
import { type MessageRow, messageView } from './message-view.js';
import { joinedMessages } from './postgres-message-reader.js';
import { decodeTurnCursor, encodeTurnCursor, pageOfTurns, type TurnEnd } from './turn-page.js';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Reads the projection's tables of conversations and their messages. */
export class PostgresConversationReader implements ConversationReader {
  constructor(private readonly dataSource: DataSource) {}

  async find(tenant: string, id: string): Promise<ConversationState | null> {
    if (!UUID.test(id)) return null;
    const row = await this.dataSource
      .getRepository(ConversationEntity)
      .createQueryBuilder('c')
      .where('c.id = :id AND c.tenant = :tenant', { id, tenant: storableIdentifier(tenant) })
      .getOne();
    return row && conversationState(row);
  }

  async list(
    filter: ConversationFilter,
    limit: number,
    cursor: string | null,
  ): Promise<Page<ConversationState>> {
    const behind = cursor === null ? null : decodeCursor(cursor);
    const found = await conversationPage(this.dataSource, filter, limit + 1, behind);
    const page = found.slice(0, limit);
    const last = page[page.length - 1];
    const nextCursor = found.length > limit && last !== undefined ? encodeCursor(last) : null;
    return { data: page.map(conversationState), nextCursor };
  }

  async turns(
    tenant: string,
    id: string,
    { order = 'newest_first', behind, limit }: TurnsQuery,
  ): Promise<readonly Turn[]> {
    const of = { tenant, conversationId: id };
    const page = await pageOfTurns(this.dataSource, of, order, limit, behind ?? null);
    return (await this.rows(page)).map(turnOf);
  }

  async placeOf(messageId: string): Promise<number | null> {
    const row = await this.dataSource
      .getRepository(MessageRequestEntity)
      .findOne({ select: { messageId: true, turnSequence: true }, where: { messageId } });
    return row?.turnSequence == null ? null : Number(row.turnSequence);
  }

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
    const page = found.slice(0, limit);
    const last = page[page.length - 1];
    const nextCursor = found.length > limit && last !== undefined ? encodeTurnCursor(last.sequence) : null;
    return { data: (await this.rows(page)).map(messageView), nextCursor };
  }

  async countOpen(tenant: string, userId: string, most: number): Promise<number> {
    const open = this.dataSource
      .getRepository(ConversationEntity)
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
  const { content = null, messages = null } = row.request.request;
  return {
    messageId: row.id,
    place: Number(row.request.turnSequence),
    userId: row.request.userId,
    status: row.status,
    ...{ content, messages },
    answer: row.result?.answer ?? null,
    terminalSequence: row.terminalSequence === null ? null : Number(row.terminalSequence),
    createdAt: row.createdAt.toISOString(),
  };
}
