import { Inject } from '@nestjs/common';
import { Ctx, MessagePattern, NatsContext, Payload } from '@nestjs/microservices';
import type { Caller } from '../../../domain/caller.js';
import { ConversationReader } from '../../../projection/read/conversation-reader.js';
import { Conversations } from '../../../submission/conversations/conversations.js';
import { CallerOf } from '../../caller.guard.js';
import {
  CreateConversationDto,
  conversationJson,
  conversationPageJson,
  newConversationOf,
} from '../../rest/conversations/conversation.dto.js';
import { filterOf, ListConversationsDto } from '../../rest/conversations/list-conversations.dto.js';
import { conversationIdPipe } from '../../rest/id.pipe.js';
import { limitOf, orderOf } from '../../rest/list-query.dto.js';
import { pageJson } from '../../rest/message.json.js';
import { type CallPayload, fieldsOf, readOf, ValidCall } from './call-payload.js';
import { CallsController } from './calls.controller.js';
import { ConversationCallDto, ListTurnsCallDto } from './calls.dto.js';
import { SubmitCall } from './submit-call.js';

/** Conversations, as `/api/v1/conversations` has them. */
@CallsController()
export class ConversationCalls {
  constructor(
    private readonly conversations: Conversations,
    private readonly submitCall: SubmitCall,
    @Inject(ConversationReader) private readonly reader: ConversationReader,
  ) {}

  @MessagePattern('llmq.rpc.conversations.create')
  async create(
    @Payload(new ValidCall(CreateConversationDto)) body: CreateConversationDto,
    @CallerOf() caller: Caller,
  ): Promise<Record<string, unknown>> {
    const { conversation } = await this.conversations.create(caller, newConversationOf(body), null);
    return conversationJson(conversation);
  }

  @MessagePattern('llmq.rpc.conversations.get')
  async find(
    @Payload(new ValidCall(ConversationCallDto)) { id }: ConversationCallDto,
    @CallerOf() caller: Caller,
  ): Promise<Record<string, unknown>> {
    return conversationJson(await this.conversations.get(caller, keyOf(id)));
  }

  @MessagePattern('llmq.rpc.conversations.list')
  async list(
    @Payload(new ValidCall(ListConversationsDto)) query: ListConversationsDto,
    @CallerOf() { tenant }: Caller,
  ): Promise<Record<string, unknown>> {
    const { cursor = null } = query;
    return conversationPageJson(
      await this.reader.list(filterOf(tenant, query), orderOf(query), limitOf(query), cursor),
    );
  }

  @MessagePattern('llmq.rpc.conversations.messages')
  async turns(
    @Payload(new ValidCall(ListTurnsCallDto)) query: ListTurnsCallDto,
    @CallerOf() caller: Caller,
  ): Promise<Record<string, unknown>> {
    const { id } = await this.conversations.get(caller, keyOf(query.id));
    const { cursor = null } = query;
    return pageJson(await this.reader.messages(caller.tenant, id, orderOf(query), limitOf(query), cursor));
  }

  /** `id` names the conversation; the rest is what a message may have. */
  @MessagePattern('llmq.rpc.conversations.submit')
  async submit(
    @Payload() payload: CallPayload,
    @Ctx() context: NatsContext,
    @CallerOf() caller: Caller,
  ): Promise<Record<string, unknown>> {
    const read = readOf(payload);
    const { id: named, ...body } = fieldsOf(read);
    const id = keyOf(named);
    const ofConversation = await this.conversations.defaultsOf(caller, id);
    return this.submitCall.submit(
      caller,
      { ...read, body: { ...ofConversation, ...body, conversation_id: id } },
      context,
    );
  }
}

/** @throws {RefusedError} `malformed_id` */
function keyOf(id: unknown): string {
  return conversationIdPipe.transform(id as string, { type: 'custom' }) as string;
}
