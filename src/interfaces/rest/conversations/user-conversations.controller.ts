import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import type { Caller } from '../../../domain/caller.js';
import { ConversationReader } from '../../../projection/read/conversation-reader.js';
import { invalidFields } from '../../../submission/refusal.js';
import { identifier } from '../../../submission/submission-rules.policy.js';
import { CallerOf } from '../../caller.guard.js';
import { limitOf, orderOf } from '../list-query.dto.js';
import { RestApi } from '../rest-api.js';
import { ValidRequest } from '../valid-request.pipe.js';
import { ConversationPageDto, conversationPageJson } from './conversation.dto.js';
import { filterOf, ListUserConversationsDto } from './list-conversations.dto.js';

@RestApi('conversations')
@Controller('api/v1/users/:user_id/conversations')
export class UserConversationsController {
  constructor(@Inject(ConversationReader) private readonly reader: ConversationReader) {}

  @Get()
  @ApiOperation({
    operationId: 'listUserConversations',
    summary: "List a user's conversations, by default the newest first",
  })
  @ApiOkResponse({ type: ConversationPageDto })
  async list(
    @Param('user_id') userId: string,
    @Query(new ValidRequest(ListUserConversationsDto)) query: ListUserConversationsDto,
    @CallerOf() caller: Caller,
  ): Promise<Record<string, unknown>> {
    const reason = identifier(userId);
    if (reason !== null) throw invalidFields([{ field: 'user_id', reason }]);
    const filter = filterOf(caller.tenant, { ...query, user_id: userId });
    return conversationPageJson(
      await this.reader.list(filter, orderOf(query), limitOf(query), query.cursor ?? null),
    );
  }
}
