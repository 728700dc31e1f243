import { ApiPropertyOptional } from '@nestjs/swagger';
import { LANES, type Lane } from '../../domain/message/message.events.js';
import { MESSAGE_STATUSES, type MessageStatus } from '../../domain/message/message.state.js';
import type { MessageFilter } from '../../projection/read/message-page.js';
import type { PageOrder } from '../../projection/read/page.js';
import { identifier, listOrder, priority, type Rule } from '../../submission/submission-rules.policy.js';
import { waitDuration } from './duration.policy.js';
import { instantOf } from './instant.policy.js';
import { MayObey } from './obeys.js';

export const MAX_LIMIT = 200;
export const DEFAULT_LIMIT = 50;

const status: Rule = (value) =>
  (MESSAGE_STATUSES as readonly unknown[]).includes(value)
    ? null
    : `must be one of ${MESSAGE_STATUSES.join(', ')}`;

export const instant: Rule = (value) =>
  typeof value === 'string' && instantOf(value) !== null
    ? null
    : 'must be a time in ISO 8601 with its zone, such as 2030-01-31T09:00:00Z';

export const limit: Rule = (value) =>
  typeof value === 'string' && /^\d{1,3}$/.test(value) && Number(value) >= 1 && Number(value) <= MAX_LIMIT
    ? null
    : `must be a whole number from 1 to ${MAX_LIMIT}`;

/** What no page has given out is told by a code of its own, when the page is read. */
export const cursor: Rule = (value) => (typeof value === 'string' ? null : "must be a page's next_cursor");

/** The query of `GET /api/v1/messages`. */
export class ListMessagesDto {
  @ApiPropertyOptional()
  @MayObey(identifier)
  user_id?: string;

  @ApiPropertyOptional()
  @MayObey(identifier)
  conversation_id?: string;

  @ApiPropertyOptional({ enum: MESSAGE_STATUSES })
  @MayObey(status)
  status?: MessageStatus;

  @ApiPropertyOptional({ enum: LANES })
  @MayObey(priority)
  priority?: Lane;

  @ApiPropertyOptional({ format: 'date-time', description: 'Inclusive' })
  @MayObey(instant)
  created_after?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'Exclusive' })
  @MayObey(instant)
  created_before?: string;

  @ApiPropertyOptional({ enum: ['asc', 'desc'], default: 'desc', description: '`asc`: the oldest first' })
  @MayObey(listOrder)
  order?: ListOrder;

  @ApiPropertyOptional({ type: Number, minimum: 1, maximum: MAX_LIMIT, default: DEFAULT_LIMIT })
  @MayObey(limit)
  limit?: string;

  @ApiPropertyOptional({ description: 'The `next_cursor` of the page before' })
  @MayObey(cursor)
  cursor?: string;
}

/** @param conversationId as its messages name it */
export function filterOf(
  tenant: string,
  query: ListMessagesDto,
  conversationId: string | undefined,
): MessageFilter {
  return {
    tenant,
    userId: query.user_id,
    conversationId,
    status: query.status,
    priority: query.priority,
    createdAfter: instantText(query.created_after),
    createdBefore: instantText(query.created_before),
  };
}

export type ListOrder = 'asc' | 'desc';

/** The newest first, if nothing else is asked for. */
export function orderOf({ order }: { readonly order?: ListOrder | PageOrder }): PageOrder {
  return order === 'asc' || order === 'oldest_first' ? 'oldest_first' : 'newest_first';
}

/** How many a page of a list has. */
export function limitOf({ limit: asked }: { readonly limit?: string }): number {
  return asked === undefined ? DEFAULT_LIMIT : Number(asked);
}

export function instantText(text: string | null | undefined): string | undefined {
  return text == null ? undefined : (instantOf(text) ?? undefined);
}

export const wait: Rule = (value) =>
  typeof value === 'string' && waitDuration(value) !== null
    ? null
    : 'must be a duration such as 30s, 500ms or 1m, and at most a minute';

/** The query of `GET /api/v1/messages/{id}`. */
export class FindMessageDto {
  @ApiPropertyOptional({
    description: 'How long to wait for the message to end: `30s`, `500ms`, `1m` or seconds; at most a minute',
    example: '30s',
  })
  @MayObey(wait)
  wait?: string;
}
