import { Body, Controller, HttpCode, Post, Req, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiHeader, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LANES } from '../../domain/message/message.events.js';
import { traceparentOf } from '../../submission/submission-rules.policy.js';
import { callerOf } from '../caller.guard.js';
import { keyedRequest } from '../http/idempotency.hook.js';
import { ChatCompletions } from './chat-completions.js';
import { chatRequestOf } from './chat-request.js';
import { SERVICE_TIERS } from './service-tier.policy.js';

@ApiTags('openai')
@ApiBearerAuth()
@Controller('v1/chat/completions')
export class ChatCompletionsController {
  constructor(private readonly completions: ChatCompletions) {}

  @Post()
  @HttpCode(200)
  @ApiOperation({
    summary: 'A chat completion, for OpenAI SDKs',
    description:
      'Durable like every message: the connection waits for the answer, and a client that goes away loses nothing. ' +
      'The answer names the message in the header `x-llmq-message-id`. Repeated with its `Idempotency-Key`, a request ' +
      'joins the first message, which may be answered already; with `stream` its answer is streamed again.',
  })
  @ApiHeader({ name: 'x-llmq-priority', required: false, schema: { enum: [...LANES] } })
  @ApiHeader({ name: 'x-llmq-user-id', required: false, description: '`user` of the body when absent' })
  @ApiHeader({ name: 'x-llmq-conversation-id', required: false })
  @ApiHeader({ name: 'x-llmq-max-retries', required: false })
  @ApiHeader({ name: 'x-llmq-timeout-ms', required: false })
  @ApiBody({
    schema: {
      type: 'object',
      required: ['model', 'messages'],
      additionalProperties: true,
      properties: {
        model: { type: 'string' },
        messages: { type: 'array', items: { type: 'object' } },
        stream: { type: 'boolean' },
        stream_options: { type: 'object', properties: { include_usage: { type: 'boolean' } } },
        service_tier: { type: 'string', enum: SERVICE_TIERS },
      },
    },
  })
  async complete(
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const caller = callerOf(request);
    const chat = chatRequestOf(body, request.headers, caller);
    const order = {
      ...{ caller, chat, traceparent: traceparentOf(request.headers['traceparent']) },
      keyed: keyedRequest(request, ownHeaders(request)),
    };
    await this.completions.complete(order, reply);
  }
}

/** They say as much of what is asked as the body does. */
function ownHeaders({ headers }: FastifyRequest): Record<string, unknown> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('x-llmq-')));
}
