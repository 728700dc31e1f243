import { Body, Controller, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { CallAnswers, CallBody, callOrder, QueueHeaders } from './call-order.js';
import { schemaRef } from './openai.schemas.js';
import { OpenAiCalls } from './openai-calls.js';

@ApiTags('openai')
@Controller('v1/embeddings')
export class EmbeddingsController {
  constructor(
    private readonly calls: OpenAiCalls,
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
  ) {}

  @Post()
  @HttpCode(200)
  @ApiOperation({
    operationId: 'createEmbeddings',
    summary: 'Embeddings of one text or of many, for OpenAI SDKs',
    description:
      'As durable as a chat completion, and served in the same lanes. It is no turn of a conversation.',
  })
  @QueueHeaders()
  @CallBody('input', {
    input: schemaRef('TextOrTokens'),
    encoding_format: { type: 'string', enum: ['float', 'base64'] },
  })
  @CallAnswers('EmbeddingList')
  async embed(
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.calls.answer(callOrder('embeddings', body, request, this.config.openai), reply);
  }
}
