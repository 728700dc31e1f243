import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiAcceptedResponse, ApiBody, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../../../domain/caller.js';
import { conversationKey } from '../../../domain/conversation/given-id.policy.js';
import { ConversationReader } from '../../../projection/read/conversation-reader.js';
import { Conversations } from '../../../submission/conversations/conversations.js';
import { invalidFields } from '../../../submission/refusal.js';
import { isObject } from '../../../submission/submission-rules.policy.js';
import { SubmitMessage } from '../../../submission/submit-message.js';
import { CallerOf, callerOf } from '../../caller.guard.js';
import { executionOf } from '../../http/idempotency.hook.js';
import { traceOfRequest } from '../../http/traced-requests.js';
import { conversationIdPipe } from '../id.pipe.js';
import { limitOf, orderOf } from '../list-query.dto.js';
import { AcceptedMessageDto, MessagePageDto } from '../message.dto.js';
import { acceptedJson, pageJson } from '../message.json.js';
import { ApiLaneFull, RestApi } from '../rest-api.js';
import { submissionOf } from '../submission-of.js';
import { SubmitMessageDto, SubmitTurnDto } from '../submit-message.dto.js';
import { ValidRequest } from '../valid-request.pipe.js';
import { ListTurnsDto } from './list-conversations.dto.js';

const validSubmission = new ValidRequest(SubmitMessageDto);

@RestApi('conversations')
@Controller('api/v1/conversations/:id/messages')
export class ConversationMessagesController {
  constructor(
    private readonly conversations: Conversations,
    private readonly submitMessage: SubmitMessage,
    @Inject(ConversationReader) private readonly reader: ConversationReader,
  ) {}

  @Post()
  @HttpCode(202)
  @ApiOperation({
    operationId: 'submitTurn',
    summary: 'Send a message to a conversation',
    description:
      'Like POST /api/v1/messages. User, priority and model come from the conversation when absent. ' +
      'An id of your own that is new makes the conversation; the message then names its user.',
  })
  @ApiBody({ type: SubmitTurnDto })
  @ApiLaneFull()
  @ApiAcceptedResponse({ type: AcceptedMessageDto })
  async submit(
    @Param('id', conversationIdPipe) id: string,
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Record<string, unknown>> {
    const caller = callerOf(request);
    if (!isObject(body)) throw invalidFields([{ field: 'body', reason: 'must be a JSON object' }]);
    refuseOther(body['conversation_id'], id);
    const submission = submissionOf(
      validSubmission.transform({
        ...(await this.conversations.defaultsOf(caller, id)),
        ...body,
        conversation_id: id,
      }),
    );
    const accepted = await this.submitMessage.submit(caller, submission, {
      trace: traceOfRequest(request),
      execution: executionOf(request),
    });
    reply.header('location', `/api/v1/messages/${accepted.id}`);
    return acceptedJson(accepted, submission);
  }

  @Get()
  @ApiOperation({
    operationId: 'listTurns',
    summary: "Read a conversation's messages, the newest first, or in the order of acceptance",
  })
  @ApiOkResponse({ type: MessagePageDto })
  async list(
    @Param('id', conversationIdPipe) id: string,
    @Query(new ValidRequest(ListTurnsDto)) query: ListTurnsDto,
    @CallerOf() caller: Caller,
  ): Promise<Record<string, unknown>> {
    const conversation = await this.conversations.get(caller, id);
    const order = orderOf(query);
    const { tenant } = caller;
    return pageJson(
      await this.reader.messages(tenant, conversation.id, order, limitOf(query), query.cursor ?? null),
    );
  }
}

function refuseOther(conversationId: unknown, id: string): void {
  if (conversationId == null || conversationKey(String(conversationId)) === id) return;
  throw invalidFields([{ field: 'conversation_id', reason: 'must be the id in the path, or absent' }]);
}
