import { Body, Controller, Get, HttpCode, Param, Post, Query, Req } from '@nestjs/common';
import { ApiBody, ApiHeader, ApiOkResponse, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import type { Caller } from '../../../domain/caller.js';
import { Batches } from '../../../operations/batches/batches.js';
import { refusedField } from '../../../submission/refusal.js';
import { CallerOf, callerOf } from '../../caller.guard.js';
import { executionOf } from '../../http/idempotency.hook.js';
import { traceOfRequest } from '../../http/traced-requests.js';
import { isRepeatedTry } from '../call-order.js';
import { listJson, listRequestOf } from '../list-query.js';
import { schemaRef } from '../openai.schemas.js';
import { ownHeaders } from '../own-headers.js';
import { batchJson } from './batch.json.js';
import { newBatchOf } from './batch-request.js';

const MOST_LISTED = 100;
const LISTED = 20;

@ApiTags('openai')
@Controller('v1/batches')
export class BatchesController {
  constructor(private readonly batches: Batches) {}

  @Post()
  @HttpCode(200)
  @ApiOperation({
    operationId: 'createBatch',
    summary: 'A batch of many calls, from an uploaded file',
    description:
      'Each line of the file becomes a message of the lane `low`, with the rights of the key that makes the batch. All ' +
      'lines are checked first: one that is wrong fails the batch, and tells where. The results are files, to be read ' +
      'when the batch has ended.',
  })
  @ApiHeader({
    ...{ name: 'x-llmq-callback-url', required: false, schema: { type: 'string', format: 'uri' } },
    description: 'Is told by a signed webhook when the batch has ended',
  })
  @ApiBody({ schema: schemaRef('NewBatch') })
  @ApiOkResponse({ schema: schemaRef('Batch') })
  async create(@Body() body: unknown, @Req() request: FastifyRequest): Promise<object> {
    const asked = { ...newBatchOf(body, ownHeaders(request.headers)), trace: traceOfRequest(request) };
    const caller = callerOf(request);
    const execution = executionOf(request);
    const isRepeated = execution === null && isRepeatedTry(request.headers);
    const earlier = isRepeated ? await this.batches.ofEarlierTry(caller, asked) : null;
    return batchJson(earlier ?? (await this.batches.create(caller, asked, execution)));
  }

  @Get()
  @ApiOperation({ operationId: 'listBatches', summary: 'Batches, the newest first' })
  @ApiQuery({ name: 'after', required: false, type: String, description: 'The last id of the page before' })
  @ApiQuery({ name: 'limit', required: false, schema: { type: 'integer', minimum: 1, maximum: MOST_LISTED } })
  @ApiOkResponse({ schema: schemaRef('BatchList') })
  async list(@Query() query: Record<string, unknown>, @CallerOf() caller: Caller): Promise<object> {
    const page = await this.batches.list(caller, listRequestOf(query, MOST_LISTED, LISTED));
    if (page === null) throw refusedField('invalid_fields', 'after', 'names no batch');
    return listJson(page.data, page.hasMore, batchJson);
  }

  @Get(':batch_id')
  @ApiOperation({ operationId: 'getBatch', summary: 'How far a batch is' })
  @ApiOkResponse({ schema: schemaRef('Batch') })
  async find(@Param('batch_id') id: string, @CallerOf() caller: Caller): Promise<object> {
    return batchJson(await this.batches.get(caller, id));
  }

  @Post(':batch_id/cancel')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'cancelBatch',
    summary: 'Cancel a batch',
    description: 'What has been answered until then is in its results; every other line has an error there.',
  })
  @ApiOkResponse({ schema: schemaRef('Batch') })
  async cancel(@Param('batch_id') id: string, @CallerOf() caller: Caller): Promise<object> {
    return batchJson(await this.batches.cancel(caller, id));
  }
}
