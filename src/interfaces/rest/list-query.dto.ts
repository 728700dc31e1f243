import { ApiPropertyOptional } from '@nestjs/swagger';
import type { PageOrder } from '../../projection/read/page.js';
import { listOrder, type Rule } from '../../submission/submission-rules.policy.js';
import { MayObey } from './obeys.js';

const MAX_LIMIT = 200;
const DEFAULT_LIMIT = 50;

export type ListOrder = 'asc' | 'desc';

const limit: Rule = (value) =>
  typeof value === 'string' && /^\d{1,3}$/.test(value) && Number(value) >= 1 && Number(value) <= MAX_LIMIT
    ? null
    : `must be a whole number from 1 to ${MAX_LIMIT}`;

/** What no page has given out is told by a code of its own, when the page is read. */
const cursor: Rule = (value) => (typeof value === 'string' ? null : "must be a page's next_cursor");

/** The part of a query that says how many are read. */
export class LimitedQueryDto {
  @ApiPropertyOptional({ type: Number, minimum: 1, maximum: MAX_LIMIT, default: DEFAULT_LIMIT })
  @MayObey(limit)
  limit?: string;
}

/** The part of a query that says which page of a list is read, of a list that has an order of its own. */
export class PageQueryDto extends LimitedQueryDto {
  @ApiPropertyOptional({ description: 'The `next_cursor` of the page before' })
  @MayObey(cursor)
  cursor?: string;
}

/** The same of a list whose newest come first, if nothing else is asked for. */
export class ListQueryDto extends PageQueryDto {
  @ApiPropertyOptional({ enum: ['asc', 'desc'], default: 'desc', description: '`asc`: the oldest first' })
  @MayObey(listOrder)
  order?: ListOrder;
}

export function orderOf({ order }: { readonly order?: ListOrder | PageOrder }): PageOrder {
  return order === 'asc' || order === 'oldest_first' ? 'oldest_first' : 'newest_first';
}

/** How many a page of a list has. */
export function limitOf({ limit: asked }: Pick<LimitedQueryDto, 'limit'>): number {
  return asked === undefined ? DEFAULT_LIMIT : Number(asked);
}
