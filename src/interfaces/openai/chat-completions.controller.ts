import { Body, Controller, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { CallAnswers, CallBody, callOrder, QueueHeaders, STREAMED } from './call-order.js';
import { schemaRef } from './openai.schemas.js';
import { OpenAiCalls } from './openai-calls.js';

@ApiTags('openai')
@Controller('v1/chat/completions')
export class ChatCompletionsController {
  constructor(
    private readonly calls: OpenAiCalls,
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
  ) {}

  @Post()
  @HttpCode(200)
  @ApiOperation({
    operationId: 'createChatCompletion',
    summary: 'A chat completion, for OpenAI SDKs',
    description:
      'Durable like every message: the connection waits for the answer, and a client that goes away loses nothing. ' +
      'The answer names the message in the header `x-llmq-message-id`. Repeated with its `Idempotency-Key`, a request ' +
      'joins the first message, which may be answered already; with `stream` its answer is streamed again.',
  })
  @QueueHeaders()
  @ApiHeader({ name: 'x-llmq-conversation-id', required: false })
  @CallBody('messages', {
    messages: { type: 'array', items: schemaRef('ChatMessage'), minItems: 1 },
    ...STREAMED,
  })
  @CallAnswers('ChatCompletion', 'ChatCompletionChunk')
  async complete(
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.calls.answer(callOrder('chat', body, request, this.config.openai), reply);
  }
}
