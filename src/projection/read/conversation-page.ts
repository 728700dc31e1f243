import type { DataSource } from 'typeorm';
import type { ConversationLifeState } from '../../domain/conversation/conversation.events.js';
import type { Lane } from '../../domain/message/lane.policy.js';
import { conversations } from '../tables/conversation.tables.js';
import { storableIdentifier } from '../tables/storable-text.js';
import { directionOf, type PageEnd, type PageOrder } from './page.js';

export interface ConversationFilter {
  readonly tenant: string;
  readonly userId?: string;
  readonly state?: ConversationLifeState;
  readonly priority?: Lane;
  /** Anywhere in the title, without regard to case. */
  readonly title?: string;
}

/** A row of a page, with the bytes that it has as JSON, or a little less. */
export interface ConversationPageEnd extends PageEnd {
  readonly bytes: number;
}

/** Conversations behind a row, in the order of one of the indexes by time or by user and time. */
export async function conversationPage(
  dataSource: DataSource,
  filter: ConversationFilter,
  order: PageOrder,
  limit: number,
  behind: PageEnd | null,
): Promise<ConversationPageEnd[]> {
  const [direction, behindIs] = directionOf(order);
  const query = dataSource
    .getRepository(conversations.entity)
    .createQueryBuilder('c')
    .where('c.tenant = :tenant', { tenant: storableIdentifier(filter.tenant) });
  if (filter.userId !== undefined) {
    query.andWhere('c.userId = :userId', { userId: storableIdentifier(filter.userId) });
  }
  if (filter.state === undefined) query.andWhere("c.state <> 'erased'");
  else query.andWhere('c.state = :state', { state: filter.state });
  if (filter.priority !== undefined) query.andWhere('c.priority = :priority', { priority: filter.priority });
  if (filter.title !== undefined) {
    query.andWhere('c.title ILIKE :title', { title: `%${escaped(filter.title)}%` });
  }
  if (behind !== null) query.andWhere(`(c.createdAt, c.id) ${behindIs} (:createdAt, :id)`, { ...behind });
  const rows = await query
    .select('c.id', 'id')
    .addSelect('c.createdAt', 'createdAt')
    .addSelect(
      `coalesce(octet_length(c.context::text), 0) + octet_length(c.metadata::text)
        + coalesce(octet_length(c.summary::text), 0)`,
      'bytes',
    )
    .orderBy('c.createdAt', direction)
    .addOrderBy('c.id', direction)
    .limit(limit)
    .getRawMany<ConversationPageEnd>();
  return rows.map((row) => ({ ...row, bytes: Number(row.bytes) }));
}

/** A search is for the text itself: what LIKE gives a meaning loses it. */
function escaped(text: string): string {
  return text.replace(/[\\%_]/g, '\\$&');
}
