import { ApiPropertyOptional } from '@nestjs/swagger';
import { LANES, type Lane } from '../../domain/message/lane.policy.js';
import { MESSAGE_STATUSES, type MessageStatus } from '../../domain/message/message.state.js';
import type { MessageFilter } from '../../projection/read/message-page.js';
import { identifier, priority, type Rule } from '../../submission/submission-rules.policy.js';
import { waitDuration } from './duration.policy.js';
import { instantOf } from './instant.policy.js';
import { ListQueryDto } from './list-query.dto.js';
import { MayObey } from './obeys.js';

const status: Rule = (value) =>
  (MESSAGE_STATUSES as readonly unknown[]).includes(value)
    ? null
    : `must be one of ${MESSAGE_STATUSES.join(', ')}`;

export const instant: Rule = (value) =>
  typeof value === 'string' && instantOf(value) !== null
    ? null
    : 'must be a time in ISO 8601 with its zone, such as 2030-01-31T09:00:00Z';

/** The query of `GET /api/v1/messages`. */
export class ListMessagesDto extends ListQueryDto {
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
