import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import type { Caller } from '../../../domain/caller.js';
import { Timelines } from '../../../operations/timeline/timelines.js';
import { Conversations } from '../../../submission/conversations/conversations.js';
import { MessageLookup } from '../../../submission/message-lookup.js';
import { invalidFields, refused } from '../../../submission/refusal.js';
import { identifier } from '../../../submission/submission-rules.policy.js';
import { CallerOf } from '../../caller.guard.js';
import { messageIdPipe } from '../id.pipe.js';
import { RestApi } from '../rest-api.js';
import { ValidRequest } from '../valid-request.pipe.js';
import { pageWish, TimelineDto, TimelineQueryDto, timelineJson } from './timeline.dto.js';

@RestApi('audit')
@Controller('api/v1')
export class TimelineController {
  constructor(
    private readonly timelines: Timelines,
    private readonly lookup: MessageLookup,
    private readonly conversations: Conversations,
  ) {}

  @Get('messages/:id/events')
  @ApiOperation({
    operationId: 'getMessageTimeline',
    summary: 'What happened to a message, in the order of the log and in words',
  })
  @ApiOkResponse({ type: TimelineDto })
  async ofMessage(
    @Param('id', messageIdPipe) id: string,
    @Query(new ValidRequest(TimelineQueryDto)) query: TimelineQueryDto,
    @CallerOf() caller: Caller,
  ): Promise<Record<string, unknown>> {
    const view = await this.lookup.find(caller.tenant, id);
    if (view === null) throw refused('not_found', `There is no message ${id}.`);
    const open = view.status === 'pending' || view.status === 'scheduled' || view.status === 'processing';
    const underWay = { from: view.createdAt, to: open ? null : (view.completedAt ?? view.updatedAt) };
    const message = { id, lane: view.priority, underWay };
    return timelineJson(await this.timelines.ofMessage(caller, message, pageWish(query)));
  }

  @Get('conversations/:id/events')
  @ApiOperation({
    operationId: 'getConversationTimeline',
    summary: "What happened to a conversation's messages, in the order of the log",
  })
  @ApiOkResponse({ type: TimelineDto })
  async ofConversation(
    @Param('id') id: string,
    @Query(new ValidRequest(TimelineQueryDto)) query: TimelineQueryDto,
    @CallerOf() caller: Caller,
  ): Promise<Record<string, unknown>> {
    const problem = identifier(id);
    if (problem !== null) throw invalidFields([{ field: 'id', reason: problem }]);
    const named = await this.conversations.nameInLog(caller, id);
    const page = await this.timelines.ofConversation(caller, named, pageWish(query));
    if (page === null) throw refused('not_found', `There is no conversation ${id}.`);
    return timelineJson(page);
  }
}
