import { ApiPropertyOptional } from '@nestjs/swagger';
import {
  CONVERSATION_STATES,
  type ConversationLifeState,
} from '../../../domain/conversation/conversation.events.js';
import { LANES, type Lane } from '../../../domain/message/lane.policy.js';
import type { ConversationFilter } from '../../../projection/read/conversation-page.js';
import type { PageOrder } from '../../../projection/read/page.js';
import {
  conversationState,
  identifier,
  pageOrder,
  priority,
  title,
} from '../../../submission/submission-rules.policy.js';
import { type ListOrder, ListQueryDto, PageQueryDto } from '../list-query.dto.js';
import { MayObey } from '../obeys.js';

/** The query of `GET /api/v1/users/{user_id}/conversations`. */
export class ListUserConversationsDto extends ListQueryDto {
  @ApiPropertyOptional({ enum: CONVERSATION_STATES })
  @MayObey(conversationState)
  state?: ConversationLifeState;

  @ApiPropertyOptional({ enum: LANES })
  @MayObey(priority)
  priority?: Lane;

  @ApiPropertyOptional({ description: 'Text anywhere in the title, upper or lower case' })
  @MayObey(title)
  title?: string;
}

/** The query of `GET /api/v1/conversations`. */
export class ListConversationsDto extends ListUserConversationsDto {
  @ApiPropertyOptional()
  @MayObey(identifier)
  user_id?: string;
}

/** The query of `GET /api/v1/conversations/{id}/messages`. */
export class ListTurnsDto extends PageQueryDto {
  @ApiPropertyOptional({
    ...{ enum: ['asc', 'desc', 'oldest_first', 'newest_first'], default: 'desc' },
    description: '`asc`, or `oldest_first`: in the order of the turns',
  })
  @MayObey(pageOrder)
  order?: ListOrder | PageOrder;
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
