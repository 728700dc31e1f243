import type { DataSource, ObjectLiteral, SelectQueryBuilder } from 'typeorm';
import type { Lane } from '../../domain/message/lane.policy.js';
import type { MessageStatus } from '../../domain/message/message.state.js';
import { messageRequests, messages } from '../tables/message.tables.js';
import { storableIdentifier } from '../tables/storable-text.js';
import { directionOf, type PageEnd, type PageOrder } from './page.js';

export interface MessageFilter {
  readonly tenant: string;
  readonly userId?: string;
  readonly conversationId?: string;
  readonly status?: MessageStatus;
  readonly priority?: Lane;
  /** Inclusive, ISO 8601. */
  readonly createdAfter?: string;
  /** Exclusive, ISO 8601. */
  readonly createdBefore?: string;
}

/** The table that a page is read from, and what its columns and those of the joined one are called in the query. */
interface PageSource {
  readonly query: SelectQueryBuilder<ObjectLiteral>;
  readonly id: string;
  /** The alias under which `messages` takes part. */
  readonly states: string;
}

/**
 * The ids of a page, read from one of the two tables in the order of one of its indexes, so that a page
 * costs the same wherever it lies and however many messages there are.
 *
 * What was asked (user, conversation, time) has its indexes on `message_requests`, where it stands (status, priority)
 * on `messages`. The other table is joined only when the filter needs it, by its key, and only to drop rows: with both
 * tables' columns in the order, PostgreSQL misjudges the join and sorts everything.
 */
export function pageOfIds(
  dataSource: DataSource,
  filter: MessageFilter,
  order: PageOrder,
  limit: number,
  behind: PageEnd | null,
): Promise<PageEnd[]> {
  const [direction, behindIs] = directionOf(order);
  const { query, id, states } = sourceFor(dataSource, filter);
  const where = (condition: string, name: string, value: unknown) =>
    value === undefined ? query : query.andWhere(condition, { [name]: value });
  where('page.tenant = :tenant', 'tenant', storableIdentifier(filter.tenant));
  where('page.userId = :userId', 'userId', identifier(filter.userId));
  where('page.conversationId = :conversationId', 'conversationId', identifier(filter.conversationId));
  where(`${states}.status = :status`, 'status', filter.status);
  where(`${states}.priority = :priority`, 'priority', filter.priority);
  where('page.createdAt >= :after', 'after', filter.createdAfter);
  where('page.createdAt < :before', 'before', filter.createdBefore);
  if (behind !== null) query.andWhere(`(page.createdAt, ${id}) ${behindIs} (:createdAt, :id)`, { ...behind });
  return query
    .select(id, 'id')
    .addSelect('page.createdAt', 'createdAt')
    .orderBy('page.createdAt', direction)
    .addOrderBy(id, direction)
    .limit(limit)
    .getRawMany<PageEnd>();
}

function sourceFor(dataSource: DataSource, filter: MessageFilter): PageSource {
  const byRequest = filter.userId !== undefined || filter.conversationId !== undefined;
  const byState = filter.status !== undefined || filter.priority !== undefined;
  const query = dataSource.createQueryBuilder();
  if (byState && !byRequest) {
    return { query: query.from(messages.entity, 'page'), id: 'page.id', states: 'page' };
  }
  const requests = query.from(messageRequests.entity, 'page');
  if (byState) requests.innerJoin(messages.name, 'm', 'm.id = page.messageId');
  return { query: requests, id: 'page.messageId', states: 'm' };
}

function identifier(value: string | undefined): string | undefined {
  return value === undefined ? undefined : storableIdentifier(value);
}
