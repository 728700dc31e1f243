import { ApiPropertyOptional } from '@nestjs/swagger';
import {
  CONVERSATION_STATES,
  type ConversationLifeState,
} from '../../../domain/conversation/conversation.events.js';
import { LANES, type Lane } from '../../../domain/message/message.events.js';
import type { ConversationFilter } from '../../../projection/read/conversation-page.js';
import type { PageOrder } from '../../../projection/read/page.js';
import {
  conversationState,
  identifier,
  listOrder,
  pageOrder,
  priority,
  title,
} from '../../../submission/submission-rules.policy.js';
import { cursor, DEFAULT_LIMIT, type ListOrder, limit, MAX_LIMIT } from '../list-messages.dto.js';
import { MayObey } from '../obeys.js';

/** The query of `GET /api/v1/users/{user_id}/conversations`. */
export class ListUserConversationsDto {
  @ApiPropertyOptional({ enum: CONVERSATION_STATES })
  @MayObey(conversationState)
  state?: ConversationLifeState;

  @ApiPropertyOptional({ enum: LANES })
  @MayObey(priority)
  priority?: Lane;

  @ApiPropertyOptional({ description: 'Text anywhere in the title, upper or lower case' })
  @MayObey(title)
  title?: string;

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

/** The query of `GET /api/v1/conversations`. */
export class ListConversationsDto extends ListUserConversationsDto {
  @ApiPropertyOptional()
  @MayObey(identifier)
  user_id?: string;
}

/** The query of `GET /api/v1/conversations/{id}/messages`. */
export class ListTurnsDto {
  @ApiPropertyOptional({
    ...{ enum: ['asc', 'desc', 'oldest_first', 'newest_first'], default: 'desc' },
    description: '`asc`, or `oldest_first`: in the order of the turns',
  })
  @MayObey(pageOrder)
  order?: ListOrder | PageOrder;

  @ApiPropertyOptional({ type: Number, minimum: 1, maximum: MAX_LIMIT, default: DEFAULT_LIMIT })
  @MayObey(limit)
  limit?: string;

  @ApiPropertyOptional({ description: 'The `next_cursor` of the page before' })
  @MayObey(cursor)
  cursor?: string;
}

export function filterOf(
  tenant: string,
  { user_id: userId, state, priority: lane, title: text }: ListConversationsDto,
): ConversationFilter {
  return {
    tenant,
    ...(userId == null ? {} : { userId }),
    ...(state == null ? {} : { state }),
    ...(lane == null ? {} : { priority: lane }),
    ...(text == null ? {} : { title: text }),
  };
}
