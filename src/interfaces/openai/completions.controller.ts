import { Body, Controller, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { CallAnswers, CallBody, callOrder, QueueHeaders, STREAMED } from './call-order.js';
import { schemaRef } from './openai.schemas.js';
import { OpenAiCalls } from './openai-calls.js';

@ApiTags('openai')
@Controller('v1/completions')
export class CompletionsController {
  constructor(
    private readonly calls: OpenAiCalls,
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
  ) {}

  @Post()
  @HttpCode(200)
  @ApiOperation({
    operationId: 'createCompletion',
    summary: 'A text goes on, for OpenAI SDKs',
    description:
      'As durable as a chat completion, and served in the same lanes. It is no turn of a conversation.',
  })
  @QueueHeaders()
  @CallBody('prompt', { prompt: schemaRef('TextOrTokens'), ...STREAMED })
  @CallAnswers('TextCompletion', 'TextCompletion')
  async complete(
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.calls.answer(callOrder('completion', body, request, this.config.openai), reply);
  }
}
