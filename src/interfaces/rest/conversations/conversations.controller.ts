import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Inject,
  Param,
  Patch,
  Post,
  Put,
  Query,
  Req,
  Res,
} from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiBody,
  ApiConflictResponse,
  ApiCreatedResponse,
  ApiOkResponse,
  ApiOperation,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../../../domain/caller.js';
import { shownId } from '../../../domain/conversation/given-id.policy.js';
import { ConversationReader } from '../../../projection/read/conversation-reader.js';
import { Conversations } from '../../../submission/conversations/conversations.js';
import { EraseConversation } from '../../../submission/conversations/erase-conversation.js';
import { CallerOf, callerOf } from '../../caller.guard.js';
import { executionOf, keepPlaceOnly } from '../../http/idempotency.hook.js';
import { conversationIdPipe } from '../id.pipe.js';
import { limitOf, orderOf } from '../list-query.dto.js';
import { ApiConversationsFull, ProblemDto, RestApi } from '../rest-api.js';
import { ValidRequest } from '../valid-request.pipe.js';
import {
  ChangeConversationDto,
  ConversationDto,
  ConversationPageDto,
  CreateConversationDto,
  changeOf,
  conversationJson,
  conversationPageJson,
  ErasedConversationDto,
  MoveConversationDto,
  newConversationOf,
} from './conversation.dto.js';
import { filterOf, ListConversationsDto } from './list-conversations.dto.js';

@RestApi('conversations')
@Controller('api/v1/conversations')
export class ConversationsController {
  constructor(
    private readonly conversations: Conversations,
    private readonly eraseConversation: EraseConversation,
    @Inject(ConversationReader) private readonly reader: ConversationReader,
  ) {}

  @Post()
  @HttpCode(201)
  @ApiOperation({
    operationId: 'createConversation',
    summary: 'Create a conversation',
    description:
      'With an `id` of your own it is created once: the same again is answered with 200 and the conversation as it is.',
  })
  @ApiBody({ type: CreateConversationDto })
  @ApiCreatedResponse({
    type: ConversationDto,
    headers: { Location: { description: 'The path at which it can be read', schema: { type: 'string' } } },
  })
  @ApiOkResponse({ type: ConversationDto, description: 'It was there already' })
  @ApiConflictResponse({
    type: ProblemDto,
    description: "`already_exists`: the id is that of another user's conversation",
  })
  @ApiConversationsFull()
  async create(
    @Body(new ValidRequest(CreateConversationDto)) body: CreateConversationDto,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Record<string, unknown>> {
    const wanted = newConversationOf(body);
    const made = await this.conversations.create(callerOf(request), wanted, executionOf(request));
    keepPlaceOnly(request, made.sequence);
    if (made.existed) reply.code(200);
    reply.header('location', `/api/v1/conversations/${shownId(made.conversation)}`);
    return conversationJson(made.conversation);
  }

  @Get()
  @ApiOperation({
    operationId: 'listConversations',
    summary: 'List conversations, by default the newest first',
  })
  @ApiOkResponse({ type: ConversationPageDto })
  async list(
    @Query(new ValidRequest(ListConversationsDto)) query: ListConversationsDto,
    @CallerOf() caller: Caller,
  ): Promise<Record<string, unknown>> {
    const filter = filterOf(caller.tenant, query);
    return conversationPageJson(
      await this.reader.list(filter, orderOf(query), limitOf(query), query.cursor ?? null),
    );
  }

  @Get(':id')
  @ApiOperation({ operationId: 'getConversation', summary: 'Read a conversation' })
  @ApiOkResponse({ type: ConversationDto })
  async find(
    @Param('id', conversationIdPipe) id: string,
    @CallerOf() caller: Caller,
  ): Promise<Record<string, unknown>> {
    return conversationJson(await this.conversations.get(caller, id));
  }

  @Patch(':id')
  @ApiOperation({
    operationId: 'changeConversation',
    summary: 'Change a conversation',
    description: 'Absent fields stay as they are; null removes a value.',
  })
  @ApiBody({ type: ChangeConversationDto })
  @ApiConversationsFull()
  @ApiOkResponse({ type: ConversationDto })
  async change(
    @Param('id', conversationIdPipe) id: string,
    @Body(new ValidRequest(ChangeConversationDto)) body: ChangeConversationDto,
    @CallerOf() caller: Caller,
  ): Promise<Record<string, unknown>> {
    return conversationJson(await this.conversations.change(caller, id, changeOf(body)));
  }

  @Put(':id')
  @ApiOperation({
    operationId: 'putConversation',
    summary: 'Change a conversation',
    description: 'The same as PATCH.',
  })
  @ApiBody({ type: ChangeConversationDto })
  @ApiConversationsFull()
  @ApiOkResponse({ type: ConversationDto })
  put(
    @Param('id', conversationIdPipe) id: string,
    @Body(new ValidRequest(ChangeConversationDto)) body: ChangeConversationDto,
    @CallerOf() caller: Caller,
  ): Promise<Record<string, unknown>> {
    return this.change(id, body, caller);
  }

  @Put(':id/state')
  @ApiOperation({
    operationId: 'changeConversationState',
    summary: "Change a conversation's state",
    description:
      'An archived conversation stays archived; a completed one can become active again. A change that is not allowed is a 409.',
  })
  @ApiBody({ type: MoveConversationDto })
  @ApiConversationsFull()
  @ApiOkResponse({ type: ConversationDto })
  async move(
    @Param('id', conversationIdPipe) id: string,
    @Body(new ValidRequest(MoveConversationDto)) { state }: MoveConversationDto,
    @CallerOf() caller: Caller,
  ): Promise<Record<string, unknown>> {
    const moved = await this.conversations.change(caller, id, { changes: {}, state });
    return conversationJson(moved);
  }

  @Delete(':id')
  @HttpCode(202)
  @ApiOperation({
    operationId: 'eraseConversation',
    summary: 'Erase a conversation with all its messages',
    description:
      'Messages that wait or run are cancelled. After the answer its content can not be read any more; its records in ' +
      'the log are overwritten in the background. What stays is that it was erased, by whom and when.',
  })
  @ApiAcceptedResponse({ type: ErasedConversationDto })
  async erase(
    @Param('id', conversationIdPipe) id: string,
    @CallerOf() caller: Caller,
  ): Promise<Record<string, unknown>> {
    const messages = await this.eraseConversation.erase(caller, id);
    return { id, state: 'erased', messages };
  }
}
