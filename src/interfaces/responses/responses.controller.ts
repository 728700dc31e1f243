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
  ApiBody,
  ApiExcludeEndpoint,
  ApiHeader,
  ApiOkResponse,
  ApiOperation,
  ApiQuery,
  ApiResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { isObject } from '../../submission/submission-rules.policy.js';
import { ClientOnly, callerOf } from '../caller.guard.js';
import { sendFailure } from '../http/error.filter.js';
import { methodNotAllowed } from '../http/failure.js';
import { ANSWER_HEADERS, orderOf, QUEUES, QueueHeaders } from '../openai/call-order.js';
import { OpenAiCalls } from '../openai/openai-calls.js';
import type { ItemQuery } from './item-page.policy.js';
import { responseJson } from './response.policy.js';
import { ResponseEndings } from './response-endings.js';
import { ResponseForm } from './response-form.js';
import { headOf } from './response-of.js';
import { ResponseReplay } from './response-replay.js';
import { ResponseSockets } from './response-sockets.js';
import { responsesRef } from './responses.schemas.js';
import { ItemListQuery, listOf, streamQuery } from './responses-query.js';
import { responsesRequestOf } from './responses-request.js';
import { StoredResponses } from './stored-responses.js';

const RESPONSE_OR_EVENTS = {
  'application/json': { schema: responsesRef('Response') },
  'text/event-stream': { schema: responsesRef('ResponseEvent') },
};

/** OpenAI's Responses API. A response is a message like any other, which an endpoint is asked for as a chat. */
@ApiTags('openai')
@Controller('v1/responses')
export class ResponsesController {
  constructor(
    private readonly calls: OpenAiCalls,
    private readonly stored: StoredResponses,
    private readonly replay: ResponseReplay,
    private readonly sockets: ResponseSockets,
    private readonly endings: ResponseEndings,
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
  ) {}

  @Post()
  @HttpCode(200)
  @ApiOperation({
    operationId: 'createResponse',
    summary: 'A response, for OpenAI SDKs',
    description:
      'As durable as a chat completion, and served in the same lanes. With `background` the client does not wait: it ' +
      'reads the response by its id. Hosted tools are refused by their names.',
  })
  @QueueHeaders()
  @ApiHeader({ name: 'x-llmq-conversation-id', required: false })
  @ApiBody({
    schema: {
      type: 'object',
      additionalProperties: true,
      properties: {
        model: {
          type: 'string',
          nullable: true,
          description: "The conversation's or the service's when absent",
        },
        input: {
          oneOf: [{ type: 'string' }, { type: 'array', items: responsesRef('ResponseItem') }],
          description:
            'It may be absent where the response goes on from another one, or is in a conversation',
        },
        instructions: {
          type: 'string',
          nullable: true,
          description: 'Said in front, for this response alone',
        },
        max_output_tokens: { type: 'integer', minimum: 1, nullable: true },
        tools: { type: 'array', items: { type: 'object', additionalProperties: true }, nullable: true },
        text: { type: 'object', additionalProperties: true, nullable: true },
        stream: { type: 'boolean', nullable: true },
        background: { type: 'boolean', nullable: true },
        store: {
          ...{ type: 'boolean', nullable: true },
          description: 'False: what was asked and answered is erased once it is answered',
        },
        ...QUEUES,
      },
    },
  })
  @ApiResponse({
    status: 200,
    description:
      'The response, or with `stream` its events; where a stream breaks off, the last of them is an `error`',
    headers: ANSWER_HEADERS,
    content: RESPONSE_OR_EVENTS,
  })
  async create(
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const whole = await this.withReferences(body, request);
    const order = orderOf('response', request, (headers, caller) =>
      responsesRequestOf(whole, headers, caller, this.config.openai),
    );
    const { submission, previous, stream, background } = order.request;
    if (previous !== null) await this.stored.previous(order.caller, previous);
    if (stream || !background) return this.calls.answerAs(new ResponseForm(submission), order, reply);
    const accepted = await this.calls.accept(order, reply);
    const stand = { status: 'queued', model: accepted.model ?? '', output: [] } as const;
    void reply.send(responseJson(headOf(submission, accepted), stand));
  }

  /** OpenAPI has no words for what follows a handshake. */
  @Get()
  @ClientOnly()
  @ApiExcludeEndpoint()
  openSocket(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    if (this.sockets.open(request)) return void reply.hijack();
    sendFailure(reply, methodNotAllowed(request.method, ['POST']), request.url);
  }

  @Get(':id')
  @ApiOperation({
    operationId: 'getResponse',
    summary: 'A response that was stored',
    description:
      'With `stream` its events from the first on, or from behind `starting_after`, while it is answered and for some ' +
      'ten minutes after. Later the answer comes in one piece.',
  })
  @ApiQuery({ name: 'stream', required: false, schema: { type: 'boolean' } })
  @ApiQuery({
    ...{ name: 'starting_after', required: false, schema: { type: 'integer', minimum: 0 } },
    description: 'The `sequence_number` of the last event that was read',
  })
  @ApiResponse({ status: 200, description: 'The response, or its events', content: RESPONSE_OR_EVENTS })
  async find(
    @Param('id') id: string,
    @Query() query: Record<string, unknown>,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { stream, after } = streamQuery(query);
    const view = await this.stored.find(callerOf(request), id);
    if (stream) return this.replay.serve(view, after, request, reply);
    void reply.send(this.stored.json(view));
  }

  @Post(':id/cancel')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'cancelResponse',
    summary: 'Cancel a response in the background',
    description: 'One that has ended stays as it is, and is answered so.',
  })
  @ApiOkResponse({ schema: responsesRef('Response') })
  async cancel(@Param('id') id: string, @Req() request: FastifyRequest): Promise<object> {
    return this.stored.json(await this.endings.cancel(callerOf(request), id));
  }

  @Delete(':id')
  @ApiOperation({
    operationId: 'deleteResponse',
    summary: 'Erase a response',
    description: 'With what was asked, out of the log too. One that waits or runs is cancelled first.',
  })
  @ApiOkResponse({ schema: responsesRef('DeletedResponse') })
  async erase(@Param('id') id: string, @Req() request: FastifyRequest): Promise<object> {
    await this.endings.erase(callerOf(request), id);
    return { id, object: 'response', deleted: true };
  }

  @Get(':id/input_items')
  @ApiOperation({ operationId: 'listInputItems', summary: 'What was asked of a response' })
  @ItemListQuery()
  @ApiOkResponse({ schema: responsesRef('ResponseItemList') })
  async inputItems(
    @Param('id') id: string,
    @Query() query: ItemQuery,
    @Req() request: FastifyRequest,
  ): Promise<object> {
    const view = await this.stored.find(callerOf(request), id);
    return listOf(await this.stored.inputItems(view), query);
  }

  private async withReferences(body: unknown, request: FastifyRequest): Promise<unknown> {
    if (!isObject(body)) return body;
    const input = await this.stored.withReferences(callerOf(request), body['input']);
    return input === body['input'] ? body : { ...body, input };
  }
}
