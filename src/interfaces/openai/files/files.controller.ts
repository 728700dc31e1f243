import { finished, Readable } from 'node:stream';
import { Controller, Delete, Get, HttpCode, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiOkResponse, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../../../domain/caller.js';
import { Batches } from '../../../operations/batches/batches.js';
import { FILE_PURPOSES, type FilePurpose } from '../../../operations/batches/files/file.state.js';
import { Files, type NewFile } from '../../../operations/batches/files/files.js';
import { behind } from '../../../operations/batches/runner/batch-results.js';
import {
  type GrowingFile,
  isGrowing,
  ResultsSoFar,
} from '../../../operations/batches/runner/results-so-far.js';
import { type FieldProblem, invalidFields } from '../../../submission/refusal.js';
import { WaitingRequests } from '../../../submission/waiting/waiting-requests.js';
import { CallerOf, callerOf } from '../../caller.guard.js';
import { listJson, listRequestOf } from '../list-query.js';
import { schemaRef } from '../openai.schemas.js';
import { fileJson } from './file.json.js';
import { readUpload } from './upload.js';

const MOST_LISTED = 10_000;
const MIN_LIFE_S = 3_600;
const MAX_LIFE_S = 2_592_000;
const LIFE = 'expires_after[seconds]';
const ANCHOR = 'expires_after[anchor]';
const MOST_NAME_CHARACTERS = 255;

@ApiTags('openai')
@Controller('v1/files')
export class FilesController {
  constructor(
    private readonly files: Files,
    private readonly batches: Batches,
    private readonly results: ResultsSoFar,
    private readonly waitingRequests: WaitingRequests,
  ) {}

  @Post()
  @HttpCode(200)
  @ApiOperation({
    operationId: 'createFile',
    summary: 'Upload a file, for a batch',
    description:
      'The file passes through to the store as it comes. Its lines are looked at when a batch is made of it. ' +
      'The upload must arrive within `server.request_timeout_ms`.',
  })
  @ApiConsumes('multipart/form-data')
  @ApiBody({
    schema: {
      type: 'object',
      required: ['file', 'purpose'],
      properties: {
        file: { type: 'string', format: 'binary' },
        purpose: { type: 'string', enum: ['batch'] },
        [ANCHOR]: { type: 'string', enum: ['created_at'] },
        [LIFE]: { type: 'integer', minimum: MIN_LIFE_S, maximum: MAX_LIFE_S },
      },
    },
  })
  @ApiOkResponse({ schema: schemaRef('File') })
  async create(@Req() request: FastifyRequest): Promise<object> {
    const { tenant } = callerOf(request);
    if (!/^multipart\/form-data\b/i.test(request.headers['content-type'] ?? '')) {
      throw invalidFields([{ field: 'body', reason: 'must be multipart/form-data, with the file in it' }]);
    }
    const upload = await readUpload(
      request.raw,
      (content) => this.files.receive(tenant, content),
      (stored) => this.files.drop(tenant, stored),
    );
    try {
      return fileJson(await this.files.keep(tenant, upload.stored, newFile(upload)));
    } catch (error) {
      this.files.dropAfter(error, tenant, upload.stored);
      throw error;
    }
  }

  @Get()
  @ApiOperation({ operationId: 'listFiles', summary: 'Files, the newest first' })
  @ApiQuery({ name: 'after', required: false, type: String, description: 'The last id of the page before' })
  @ApiQuery({ name: 'limit', required: false, schema: { type: 'integer', minimum: 1, maximum: MOST_LISTED } })
  @ApiQuery({ name: 'order', required: false, enum: ['asc', 'desc'] })
  @ApiQuery({ name: 'purpose', required: false, type: String })
  @ApiOkResponse({ schema: schemaRef('FileList') })
  async list(@Query() query: Record<string, unknown>, @CallerOf() caller: Caller): Promise<object> {
    const request = listRequestOf(query, MOST_LISTED, MOST_LISTED);
    const { data, hasMore } = await this.files.list(caller, { ...request, purpose: purposeIn(query) });
    return listJson(data, hasMore, fileJson);
  }

  @Get(':file_id')
  @ApiOperation({ operationId: 'getFile', summary: 'What is known of a file' })
  @ApiOkResponse({ schema: schemaRef('File') })
  async find(@Param('file_id') id: string, @CallerOf() caller: Caller): Promise<object> {
    return fileJson(await this.results.get(caller.tenant, id));
  }

  @Get(':file_id/content')
  @ApiOperation({ operationId: 'getFileContent', summary: 'The content of a file' })
  @ApiOkResponse({
    description:
      'The bytes as they were uploaded, or the lines of a batch. While the batch runs these are the lines that have ended so far, and the header `x-llmq-batch-status` tells its status.',
    content: { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } },
  })
  async content(
    @Param('file_id') id: string,
    @CallerOf() caller: Caller,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const file = await this.results.get(caller.tenant, id);
    void reply
      .header('content-type', 'application/octet-stream')
      .header('content-disposition', `attachment; filename*=UTF-8''${encodeURIComponent(file.name)}`);
    if (isGrowing(file)) return this.sendSoFar(file, caller, reply);
    void reply.header('content-length', file.bytes);
    void reply.send(Readable.from(this.files.content(file), { objectMode: false }));
  }

  @Delete(':file_id')
  @ApiOperation({
    operationId: 'deleteFile',
    summary: 'Delete a file',
    description: 'Files of a batch that has not ended stay until then: `409 not_ended`.',
  })
  @ApiOkResponse({ schema: schemaRef('FileDeleted') })
  async remove(@Param('file_id') id: string, @CallerOf() caller: Caller): Promise<object> {
    await this.batches.removeFile(await this.results.get(caller.tenant, id));
    return { id, object: 'file', deleted: true };
  }

  /** What fails before the first lines is told by a status. */
  private async sendSoFar(file: GrowingFile, caller: Caller, reply: FastifyReply): Promise<void> {
    const waiting = this.waitingRequests.enter(reply.raw, caller.name);
    const parts = this.results.content(file, waiting.signal);
    // Also of a client that leaves before anything was read: its place is another one's then.
    finished(reply.raw, () => {
      waiting.leave();
      void parts.return().catch(() => undefined);
    });
    const first = await parts.next();
    waiting.begun();
    void reply.header('x-llmq-batch-status', file.batch.status);
    const content = first.done === true ? [] : behind(first.value, parts);
    void reply.send(Readable.from(content, { objectMode: false }));
  }
}

/** @throws {RefusedError} `invalid_fields` */
function newFile({
  fields,
  fileName,
}: {
  fields: Readonly<Record<string, string>>;
  fileName: string;
}): NewFile {
  const problems: FieldProblem[] = [];
  if (fields['purpose'] !== 'batch') {
    const reason =
      fields['purpose'] === undefined ? 'is missing' : 'must be batch: files are for batches here';
    problems.push({ field: 'purpose', reason });
  }
  const life = fields[LIFE];
  const seconds = life === undefined ? null : Number(life);
  if (seconds !== null && !(Number.isInteger(seconds) && seconds >= MIN_LIFE_S && seconds <= MAX_LIFE_S)) {
    problems.push({ field: LIFE, reason: `must be a whole number from ${MIN_LIFE_S} to ${MAX_LIFE_S}` });
  }
  if (life !== undefined && (fields[ANCHOR] ?? 'created_at') !== 'created_at') {
    problems.push({ field: ANCHOR, reason: 'must be created_at' });
  }
  if (problems.length > 0) throw invalidFields(problems);
  // Well-formed behind the cut, which may go through a character: no header could tell the name otherwise.
  const name = fileName.slice(0, MOST_NAME_CHARACTERS).toWellFormed();
  return { name: name === '' ? 'batch.jsonl' : name, purpose: 'batch', expiresAfterS: seconds };
}

/** @throws {RefusedError} `invalid_fields` */
function purposeIn({ purpose }: Record<string, unknown>): FilePurpose | null {
  if (purpose === undefined) return null;
  const known = FILE_PURPOSES.find((each) => each === purpose);
  if (known === undefined) {
    throw invalidFields([{ field: 'purpose', reason: `must be one of ${FILE_PURPOSES.join(', ')}` }]);
  }
  return known;
}
