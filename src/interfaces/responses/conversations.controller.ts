import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query, Req } from '@nestjs/common';
import { ApiBody, ApiHeader, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import type { ConversationState } from '../../domain/conversation/conversation.state.js';
import { shownId } from '../../domain/conversation/given-id.policy.js';
import { Conversations } from '../../submission/conversations/conversations.js';
import { EraseConversation } from '../../submission/conversations/erase-conversation.js';
import { NoteTurns } from '../../submission/conversations/note-turns.js';
import { EraseMessage } from '../../submission/erase-message.js';
import { refused } from '../../submission/refusal.js';
import * as rules from '../../submission/submission-rules.policy.js';
import { callerOf } from '../caller.guard.js';
import { executionOf } from '../http/idempotency.hook.js';
import { ownHeaders } from '../openai/own-headers.js';
import { ConversationItems } from './conversation-items.js';
import { conversationFields } from './conversation-request.js';
import type { ItemQuery } from './item-page.policy.js';
import { askedItems } from './items-of-chat.policy.js';
import { conversationIdFor, conversationNamed } from './response-ids.policy.js';
import { responsesRef } from './responses.schemas.js';
import { ItemListQuery, listOf } from './responses-query.js';

const MOST_LISTED = 100;
const METADATA = { type: 'object', additionalProperties: true, nullable: true } as const;

const ITEMS = { type: 'array', items: responsesRef('ResponseItem'), maxItems: 20 } as const;

/** OpenAI's Conversations: the same ones as under `/api/v1`, and their turns as items. */
@ApiTags('openai')
@Controller('v1/conversations')
export class OpenAiConversationsController {
  constructor(
    private readonly conversations: Conversations,
    private readonly eraseConversation: EraseConversation,
    private readonly items: ConversationItems,
    private readonly noteTurns: NoteTurns,
    private readonly eraseMessage: EraseMessage,
  ) {}

  @Post()
  @HttpCode(200)
  @ApiOperation({
    operationId: 'createOpenAiConversation',
    summary: 'A conversation, for OpenAI SDKs',
    description: "It is the user's in the header `x-llmq-user-id`; without that the API key's.",
  })
  @ApiHeader({ name: 'x-llmq-user-id', required: false })
  @ApiBody({
    required: false,
    schema: {
      ...{ type: 'object', additionalProperties: false },
      properties: { metadata: METADATA, items: { ...ITEMS, nullable: true } },
    },
  })
  @ApiOkResponse({ schema: responsesRef('OpenAiConversation') })
  async create(@Body() body: unknown, @Req() request: FastifyRequest): Promise<object> {
    const caller = callerOf(request);
    const { metadata, turns } = conversationFields(body ?? {}, ['metadata', 'items']);
    const user = ownHeaders(request.headers)['x-llmq-user-id'];
    const wanted = { user_id: typeof user === 'string' ? user : caller.name, metadata };
    const execution = executionOf(request);
    this.noteTurns.refuseTooLarge(caller, turns);
    const made = await this.conversations.create(caller, wanted, execution);
    if (turns.length > 0) await this.noteTurns.note(caller, made.conversation.id, turns, execution);
    return conversationJson(made.conversation);
  }

  @Get(':id')
  @ApiOperation({ operationId: 'getOpenAiConversation', summary: 'A conversation' })
  @ApiOkResponse({ schema: responsesRef('OpenAiConversation') })
  async find(@Param('id') id: string, @Req() request: FastifyRequest): Promise<object> {
    return conversationJson(await this.at(id, request));
  }

  @Post(':id')
  @HttpCode(200)
  @ApiOperation({ operationId: 'updateOpenAiConversation', summary: "Replace a conversation's metadata" })
  @ApiBody({
    schema: {
      ...{ type: 'object', required: ['metadata'], additionalProperties: false },
      properties: { metadata: METADATA },
    },
  })
  @ApiOkResponse({ schema: responsesRef('OpenAiConversation') })
  async update(
    @Param('id') id: string,
    @Body() body: unknown,
    @Req() request: FastifyRequest,
  ): Promise<object> {
    const { metadata } = conversationFields(body, ['metadata'], ['metadata']);
    const { id: own } = await this.at(id, request);
    const changes = { changes: { metadata } };
    return conversationJson(await this.conversations.change(callerOf(request), own, changes));
  }

  @Delete(':id')
  @ApiOperation({
    operationId: 'deleteOpenAiConversation',
    summary: 'Erase a conversation with all its messages',
  })
  @ApiOkResponse({ schema: responsesRef('DeletedConversation') })
  async erase(@Param('id') id: string, @Req() request: FastifyRequest): Promise<object> {
    const conversation = await this.at(id, request);
    await this.eraseConversation.erase(callerOf(request), conversation.id);
    return { id, object: 'conversation.deleted', deleted: true };
  }

  @Get(':id/items')
  @ApiOperation({ operationId: 'listConversationItems', summary: 'What was said in a conversation' })
  @ItemListQuery()
  @ApiOkResponse({ schema: responsesRef('ResponseItemList') })
  async list(
    @Param('id') id: string,
    @Query() query: ItemQuery,
    @Req() request: FastifyRequest,
  ): Promise<object> {
    const conversation = await this.at(id, request);
    return listOf(await this.items.forPage(callerOf(request), conversation, query), query);
  }

  @Post(':id/items')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'createConversationItems',
    summary: 'Put into a conversation what was said elsewhere',
    description: 'No model is asked. Each item is a turn of its own, in their order.',
  })
  @ApiBody({
    schema: {
      ...{ type: 'object', required: ['items'], additionalProperties: false },
      properties: { items: ITEMS },
    },
  })
  @ApiOkResponse({ schema: responsesRef('ResponseItemList') })
  async add(@Param('id') id: string, @Body() body: unknown, @Req() request: FastifyRequest): Promise<object> {
    const { turns } = conversationFields(body, ['items'], ['items']);
    const conversation = await this.at(id, request);
    const execution = executionOf(request);
    const ids = await this.noteTurns.note(callerOf(request), conversation.id, turns, execution);
    const items = ids.flatMap((messageId, index) => askedItems(messageId, turns[index]!));
    return listOf(items, { order: 'asc', limit: MOST_LISTED });
  }

  @Delete(':id/items/:item')
  @ApiOperation({
    operationId: 'deleteConversationItem',
    summary: 'Erase an item of a conversation',
    description: 'One that was put there. What belongs to a response goes with that.',
  })
  @ApiOkResponse({ schema: responsesRef('OpenAiConversation') })
  async removeItem(
    @Param('id') id: string,
    @Param('item') item: string,
    @Req() request: FastifyRequest,
  ): Promise<object> {
    const caller = callerOf(request);
    const conversation = await this.at(id, request);
    await this.eraseMessage.erase(caller, await this.items.notedAlone(caller, conversation, item));
    return conversationJson(conversation);
  }

  @Get(':id/items/:item')
  @ApiOperation({ operationId: 'getConversationItem', summary: 'One item of a conversation' })
  @ApiOkResponse({ schema: responsesRef('ResponseItem') })
  async item(
    @Param('id') id: string,
    @Param('item') item: string,
    @Req() request: FastifyRequest,
  ): Promise<object> {
    return this.items.one(callerOf(request), await this.at(id, request), item);
  }

  /** @throws {RefusedError} `not_found` */
  private async at(id: string, request: FastifyRequest): Promise<ConversationState> {
    const named = conversationNamed(id);
    if (rules.conversationId(named) !== null) throw refused('not_found', `There is no conversation ${id}.`);
    const found = await this.conversations.find(callerOf(request), named);
    if (found === null) throw refused('not_found', `There is no conversation ${id}.`);
    return found;
  }
}

function conversationJson(conversation: ConversationState): Record<string, unknown> {
  return {
    id: conversationIdFor(shownId(conversation)),
    object: 'conversation',
    created_at: Math.floor(Date.parse(conversation.createdAt) / 1_000),
    metadata: conversation.metadata,
  };
}
