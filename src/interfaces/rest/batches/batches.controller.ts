import { Readable } from 'node:stream';
import { Controller, Get, HttpCode, Param, Post, Query, Req, Res } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiBody,
  ApiConflictResponse,
  ApiConsumes,
  ApiExtraModels,
  ApiOkResponse,
  ApiOperation,
  getSchemaPath,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../../../domain/caller.js';
import { hasEnded } from '../../../operations/batches/batch.state.js';
import { Batches } from '../../../operations/batches/batches.js';
import { Files } from '../../../operations/batches/files/files.js';
import { InvalidCursorError } from '../../../projection/read/page.js';
import { invalidFields, refused } from '../../../submission/refusal.js';
import { AdminOnly, CallerOf, callerOf } from '../../caller.guard.js';
import { executionOf } from '../../http/idempotency.hook.js';
import { bodyOf, passOver } from '../../http/streamed-bodies.js';
import { traceOfRequest } from '../../http/traced-requests.js';
import { limitOf } from '../list-query.dto.js';
import { ProblemDto, RestApi } from '../rest-api.js';
import { ValidRequest } from '../valid-request.pipe.js';
import {
  BatchResultLineDto,
  batchJson,
  batchPageJson,
  ListBatchesDto,
  newBatch,
  SubmitLinesDto,
  SubmittedBatchDto,
  SubmittedBatchPageDto,
} from './batch.dto.js';

const LINES = 'application/x-ndjson';

/** The batches of OpenAI's API, without files: lines go in, and lines come out. */
@RestApi('batches')
@Controller('api/v1/batches')
export class BatchesController {
  constructor(
    private readonly batches: Batches,
    private readonly files: Files,
  ) {}

  @Post()
  @HttpCode(202)
  @ApiOperation({
    operationId: 'submitBatch',
    summary: 'Submit up to 50,000 lines as a batch',
    description:
      'NDJSON: a line `{"custom_id", "body"}` for each request, whose body is what the endpoint takes. They become ' +
      'messages of the lane `low`. All lines are checked first: one that is wrong fails the batch, and `errors` tells where.',
  })
  @ApiConsumes(LINES)
  @ApiBody({ schema: { type: 'string' } })
  @ApiAcceptedResponse({ type: SubmittedBatchDto })
  async submit(
    @Query(new ValidRequest(SubmitLinesDto)) asked: SubmitLinesDto,
    @Req() request: FastifyRequest,
  ): Promise<Record<string, unknown>> {
    const caller = callerOf(request);
    if (!(request.headers['content-type'] ?? '').startsWith(LINES)) {
      throw invalidFields([{ field: 'body', reason: `must be ${LINES}` }]);
    }
    const { raw } = request;
    const received = await this.files.receive(caller.tenant, bodyOf(raw)).catch((error: unknown) => {
      passOver(raw);
      if (raw.destroyed && !raw.complete) throw refused('invalid_json', 'The body is not whole.');
      throw error;
    });
    try {
      const file = await this.files.keep(caller.tenant, received, { name: 'lines.jsonl', purpose: 'batch' });
      const wanted = { ...newBatch(file.id, asked), trace: traceOfRequest(request) };
      const batch = await this.batches.create(caller, wanted, executionOf(request));
      // An earlier run of the same request has made it, of lines of its own.
      if (batch.inputFileId !== file.id) this.files.drop(caller.tenant, received);
      return batchJson(batch, caller.role);
    } catch (error) {
      this.files.dropAfter(error, caller.tenant, received);
      throw error;
    }
  }

  @Get()
  @ApiOperation({ operationId: 'listSubmittedBatches', summary: 'Batches, the newest first' })
  @ApiOkResponse({ type: SubmittedBatchPageDto })
  async list(
    @Query(new ValidRequest(ListBatchesDto)) query: ListBatchesDto,
    @CallerOf() caller: Caller,
  ): Promise<Record<string, unknown>> {
    const request = { after: query.cursor ?? null, limit: limitOf(query), order: 'desc' as const };
    const page = await this.batches.list(caller, request);
    if (page === null) throw new InvalidCursorError();
    return batchPageJson(page, caller.role);
  }

  @Get(':id')
  @ApiOperation({ operationId: 'readBatch', summary: 'How far a batch is' })
  @ApiOkResponse({ type: SubmittedBatchDto })
  async find(@Param('id') id: string, @CallerOf() caller: Caller): Promise<Record<string, unknown>> {
    return batchJson(await this.batches.get(caller, id), caller.role);
  }

  @Post(':id/cancel')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'cancelSubmittedBatch',
    summary: 'Cancel a batch',
    description: 'What has been answered until then is in its results; every other line has an error there.',
  })
  @ApiOkResponse({ type: SubmittedBatchDto })
  async cancel(@Param('id') id: string, @CallerOf() caller: Caller): Promise<Record<string, unknown>> {
    return batchJson(await this.batches.cancel(caller, id), caller.role);
  }

  @Post(':id/webhook/redeliver')
  @AdminOnly()
  @HttpCode(202)
  @ApiOperation({
    operationId: 'redeliverBatchWebhook',
    summary: 'Deliver the webhook of a batch that has ended once more',
    description:
      'Soon, under the same `webhook-id` and with all its tries again. A receiver that is switched off has to be ' +
      'switched on before.',
  })
  @ApiConflictResponse({ type: ProblemDto, description: '`not_ended`' })
  @ApiAcceptedResponse({ type: SubmittedBatchDto })
  async redeliver(@Param('id') id: string, @CallerOf() caller: Caller): Promise<Record<string, unknown>> {
    return batchJson(await this.batches.redeliver(caller, id), caller.role);
  }

  @Get(':id/results')
  @ApiOperation({
    operationId: 'readBatchResults',
    summary: 'The results of a batch that has ended',
    description: 'NDJSON: first the lines with an answer, then those with an error. `409 not_ended` before.',
  })
  @ApiExtraModels(BatchResultLineDto)
  @ApiConflictResponse({ type: ProblemDto, description: '`not_ended`' })
  @ApiOkResponse({
    description: 'Lines of JSON; the schema is that of each line',
    content: { [LINES]: { schema: { $ref: getSchemaPath(BatchResultLineDto) } } },
  })
  async results(
    @Param('id') id: string,
    @CallerOf() caller: Caller,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const batch = await this.batches.get(caller, id);
    if (!hasEnded(batch))
      throw refused('not_ended', `The batch ${batch.id} has not ended: it is ${batch.status}.`);
    const ids = [batch.outputFileId, batch.errorFileId].filter((file) => file !== null);
    const all = await Promise.all(ids.map((file) => this.files.get(caller, file)));
    void reply
      .header('content-type', `${LINES}; charset=utf-8`)
      .header(
        'content-length',
        all.reduce((sum, { bytes }) => sum + bytes, 0),
      )
      .send(Readable.from(this.contents(ids), { objectMode: false }));
  }

  private async *contents(ids: readonly string[]): AsyncIterable<Uint8Array> {
    for (const id of ids) yield* this.files.content({ id });
  }
}
