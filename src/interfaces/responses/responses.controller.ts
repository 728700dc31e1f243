import { Body, Controller, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import { ApiBody, ApiHeader, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { isObject } from '../../submission/submission-rules.policy.js';
import { callerOf } from '../caller.guard.js';
import { ANSWER_HEADERS, orderOf, QUEUES, QueueHeaders } from '../openai/call-order.js';
import { OpenAiCalls } from '../openai/openai-calls.js';
import { responseJson } from './response.policy.js';
import { ResponseForm } from './response-form.js';
import { headOf } from './response-of.js';
import { responsesRef } from './responses.schemas.js';
import { responsesRequestOf } from './responses-request.js';
import { StoredResponses } from './stored-responses.js';

/** OpenAI's Responses API. A response is a message like any other, which an endpoint is asked for as a chat. */
@ApiTags('openai')
@Controller('v1/responses')
export class ResponsesController {
  constructor(
    private readonly calls: OpenAiCalls,
    private readonly stored: StoredResponses,
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
      required: ['input'],
      additionalProperties: true,
      properties: {
        model: {
          type: 'string',
          nullable: true,
          description: "The conversation's or the service's when absent",
        },
        input: {
          oneOf: [{ type: 'string' }, { type: 'array', items: responsesRef('ResponseItem'), minItems: 1 }],
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
    content: {
      'application/json': { schema: responsesRef('Response') },
      'text/event-stream': { schema: responsesRef('ResponseEvent') },
    },
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
    const { submission, stream, background } = order.request;
    if (stream || !background) return this.calls.answerAs(new ResponseForm(submission), order, reply);
    const accepted = await this.calls.accept(order, reply);
    const stand = { status: 'queued', model: accepted.model ?? '', output: [] } as const;
    void reply.send(responseJson(headOf(submission, accepted), stand));
  }

  private async withReferences(body: unknown, request: FastifyRequest): Promise<unknown> {
    if (!isObject(body)) return body;
    const input = await this.stored.withReferences(callerOf(request), body['input']);
    return input === body['input'] ? body : { ...body, input };
  }
}
