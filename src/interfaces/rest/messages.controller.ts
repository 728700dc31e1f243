import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Inject,
  Param,
  Post,
  Query,
  Req,
  Res,
} from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiBody,
  ApiConflictResponse,
  ApiOkResponse,
  ApiOperation,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../../domain/caller.js';
import { withLargeParts } from '../../domain/message/large-parts.policy.js';
import { isTerminalStatus } from '../../domain/message/message.state.js';
import { PartStore } from '../../log/jetstream/part-store.js';
import { MessageReader } from '../../projection/read/message-reader.js';
import type { MessageView } from '../../projection/read/message-view.js';
import { CancelMessage } from '../../submission/cancel-message.js';
import { Conversations } from '../../submission/conversations/conversations.js';
import { EraseMessage } from '../../submission/erase-message.js';
import { MessageLookup } from '../../submission/message-lookup.js';
import { refused } from '../../submission/refusal.js';
import { SubmitMessage } from '../../submission/submit-message.js';
import { AnswerWait } from '../../submission/waiting/answer-wait.js';
import { MessageWaits } from '../../submission/waiting/message-waits.js';
import { CallerOf, callerOf } from '../caller.guard.js';
import { executionOf } from '../http/idempotency.hook.js';
import { traceOfRequest } from '../http/traced-requests.js';
import { waitDuration } from './duration.policy.js';
import { messageIdPipe } from './id.pipe.js';
import { FindMessageDto, filterOf, ListMessagesDto } from './list-messages.dto.js';
import { limitOf, orderOf } from './list-query.dto.js';
import {
  AcceptedMessageDto,
  ErasedMessageDto,
  MessageDto,
  MessagePageDto,
  WaitingMessageDto,
} from './message.dto.js';
import { acceptedJson, messageJson, pageJson, waitingMessageJson } from './message.json.js';
import { ApiKeyFull, ApiLaneFull, ProblemDto, RestApi } from './rest-api.js';
import { submissionOf } from './submission-of.js';
import { SubmitMessageDto } from './submit-message.dto.js';
import { ValidRequest } from './valid-request.pipe.js';

const BY_CLIENT = 'its client asked for it';

/** Called by hand: as a pipe of Nest's it would cost each submission promises that it has no use for. */
const validSubmission = new ValidRequest(SubmitMessageDto);

@RestApi('messages')
@Controller('api/v1/messages')
export class MessagesController {
  constructor(
    private readonly submitMessage: SubmitMessage,
    private readonly cancelMessage: CancelMessage,
    private readonly eraseMessage: EraseMessage,
    private readonly lookup: MessageLookup,
    private readonly answerWait: AnswerWait,
    private readonly conversations: Conversations,
    @Inject(MessageReader) private readonly reader: MessageReader,
    @Inject(MessageWaits) private readonly waits: MessageWaits,
    @Inject(PartStore) private readonly parts: Pick<PartStore, 'get'>,
  ) {}

  @Post()
  @HttpCode(202)
  @ApiOperation({
    operationId: 'submitMessage',
    summary: 'Submit a message',
    description: 'The 202 is sent once the message is durable.',
  })
  @ApiBody({ type: SubmitMessageDto })
  @ApiLaneFull()
  @ApiAcceptedResponse({
    type: AcceptedMessageDto,
    headers: {
      Location: { description: 'The path at which the message can be read', schema: { type: 'string' } },
    },
  })
  async submit(
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Record<string, unknown>> {
    const submission = submissionOf(validSubmission.transform(body));
    const accepted = await this.submitMessage.submit(callerOf(request), submission, {
      trace: traceOfRequest(request),
      execution: executionOf(request),
    });
    reply.header('location', `/api/v1/messages/${accepted.id}`);
    return acceptedJson(accepted, submission);
  }

  @Get(':id')
  @ApiOperation({
    operationId: 'getMessage',
    summary: 'Read a message',
    description: 'With `wait`, answers when the message has ended, or with its state when the time is over.',
  })
  @ApiKeyFull()
  @ApiOkResponse({ type: WaitingMessageDto })
  async find(
    @Param('id', messageIdPipe) id: string,
    @Query(new ValidRequest(FindMessageDto)) query: FindMessageDto,
    @CallerOf() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Record<string, unknown>> {
    const { tenant } = caller;
    const waitMs = query.wait === undefined ? 0 : (waitDuration(query.wait) ?? 0);
    const view =
      waitMs > 0
        ? await this.answerWait.find(caller, id, waitMs, reply.raw)
        : await this.lookup.find(tenant, id);
    if (view === null) throw refused('not_found', `There is no message ${id}.`);
    // A wait that ended without the message's end may be a shutdown's doing, which waits for connections that are kept.
    if (waitMs > 0 && !isTerminalStatus(view.status)) reply.header('connection', 'close');
    return waitingMessageJson(await this.whole(view), await this.waits.of(view));
  }

  /** With its large parts; one whose parts are lost keeps the list of them. */
  private async whole(view: MessageView): Promise<MessageView> {
    if (view.large === null) return view;
    const texts = await this.parts.get(view.id, view.large);
    if (texts === null) return view;
    const { content, messages } = withLargeParts(view, view.large, (index) => texts[index]);
    return { ...view, content, messages, large: null };
  }

  @Delete(':id')
  @ApiOperation({
    operationId: 'deleteMessage',
    summary: 'Cancel a message',
    description:
      'In every state except an ended one. A running call is aborted. The message can still be read.',
  })
  @ApiOkResponse({ type: MessageDto })
  @ApiConflictResponse({ type: ProblemDto, description: '`already_terminal`: it has already ended' })
  async remove(
    @Param('id', messageIdPipe) id: string,
    @CallerOf() caller: Caller,
  ): Promise<Record<string, unknown>> {
    return messageJson(await this.cancelMessage.cancel(caller, id, BY_CLIENT));
  }

  @Post(':id/cancel')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'cancelMessage',
    summary: 'Cancel a message',
    description: 'The same as `DELETE`.',
  })
  @ApiOkResponse({ type: MessageDto })
  @ApiConflictResponse({ type: ProblemDto, description: '`already_terminal`: it has already ended' })
  async cancel(
    @Param('id', messageIdPipe) id: string,
    @CallerOf() caller: Caller,
  ): Promise<Record<string, unknown>> {
    return messageJson(await this.cancelMessage.cancel(caller, id, BY_CLIENT));
  }

  @Post(':id/erase')
  @HttpCode(202)
  @ApiOperation({
    operationId: 'eraseMessage',
    summary: 'Erase a message that has ended',
    description:
      'With those that repeat it (`replay_of`). After the answer it can not be read any more; its records in the log ' +
      'are overwritten in the background. What stays is that it was erased, by whom and when.',
  })
  @ApiAcceptedResponse({ type: ErasedMessageDto })
  @ApiConflictResponse({ type: ProblemDto, description: '`not_ended`: it waits or runs; cancel it first' })
  async erase(
    @Param('id', messageIdPipe) id: string,
    @CallerOf() caller: Caller,
  ): Promise<Record<string, unknown>> {
    return { id, status: 'erased', messages: await this.eraseMessage.erase(caller, id) };
  }

  @Get()
  @ApiOperation({ operationId: 'listMessages', summary: 'List messages, by default the newest first' })
  @ApiOkResponse({ type: MessagePageDto })
  async list(
    @Query(new ValidRequest(ListMessagesDto)) query: ListMessagesDto,
    @CallerOf() caller: Caller,
  ): Promise<Record<string, unknown>> {
    const named = query.conversation_id;
    const conversation = named == null ? undefined : await this.conversations.nameInLog(caller, named);
    const filter = filterOf(caller.tenant, query, conversation);
    const limit = limitOf(query);
    return pageJson(await this.reader.list(filter, orderOf(query), limit, query.cursor ?? null));
  }
}
