import type { DataSource } from 'typeorm';
import type { ConversationLifeState } from '../../domain/conversation/conversation.events.js';
import type { ConversationState } from '../../domain/conversation/conversation.state.js';
import type { Lane } from '../../domain/message/message.events.js';
import { conversations } from '../tables/conversation.tables.js';
import { storableIdentifier } from '../tables/storable-text.js';
import type { PageEnd } from './page.js';

export interface ConversationFilter {
  readonly tenant: string;
  readonly userId?: string;
  readonly state?: ConversationLifeState;
  readonly priority?: Lane;
  /** Anywhere in the title, without regard to case. */
  readonly title?: string;
}

/** Conversations behind a row, newest first, in the order of one of the indexes by time or by user and time. */
export function conversationPage(
  dataSource: DataSource,
  filter: ConversationFilter,
  limit: number,
  behind: PageEnd | null,
): Promise<ConversationState[]> {
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
  if (behind !== null) query.andWhere('(c.createdAt, c.id) < (:createdAt, :id)', { ...behind });
  return query.orderBy('c.createdAt', 'DESC').addOrderBy('c.id', 'DESC').limit(limit).getMany();
}

/** A search is for the text itself: what LIKE gives a meaning loses it. */
function escaped(text: string): string {
  return text.replace(/[\\%_]/g, '\\$&');
}
