import { setImmediate as othersServed } from 'node:timers/promises';
import { Body, Controller, HttpCode, Post, Req } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { isFailure, RefusedError } from '../../submission/refusal.js';
import type { Submission } from '../../submission/submission.js';
import { SubmitMessage, type SubmitResult } from '../../submission/submit-message.js';
import { callerOf } from '../caller.guard.js';
import { executionOf } from '../http/idempotency.hook.js';
import { traceOfRequest } from '../http/traced-requests.js';
import { batchJson } from './message.json.js';
import { BatchResultDto, SubmitBatchDto } from './message-batch.dto.js';
import { ApiLaneFull, RestApi } from './rest-api.js';
import { submissionOf } from './submission-of.js';
import { SubmitMessageDto } from './submit-message.dto.js';
import { ValidRequest } from './valid-request.pipe.js';

const CHECKED_AT_ONCE = 100;

const validBatch = new ValidRequest(SubmitBatchDto);
const validSubmission = new ValidRequest(SubmitMessageDto);

@RestApi('messages')
@Controller('api/v1/messages/batch')
export class MessageBatchController {
  constructor(private readonly submitMessage: SubmitMessage) {}

  @Post()
  @HttpCode(200)
  @ApiOperation({
    operationId: 'submitMessageBatch',
    summary: 'Submit up to 1,000 messages at once',
    description:
      'Each message has its own result. The accepted ones are durable when the answer ' +
      'is sent. They are stored 500 at a time, each 500 completely or not at all, in the order of the batch.',
  })
  @ApiBody({ type: SubmitBatchDto })
  @ApiLaneFull()
  @ApiOkResponse({ type: BatchResultDto })
  async submit(@Body() body: unknown, @Req() request: FastifyRequest): Promise<Record<string, unknown>> {
    const items = await inSlices(validBatch.transform(body).messages, CHECKED_AT_ONCE, submissionIn);
    const trace = traceOfRequest(request);
    const execution = executionOf(request);
    const results = await this.submitMessage.submitMany(callerOf(request), items, { trace, execution });
    refuseWhatFailedWhole(results);
    // Another try under the same key must then do the rest, and not be told the same again.
    if (results.some(hasFailed)) await execution?.uncertain();
    return batchJson(results);
  }
}

function submissionIn(message: unknown): Submission | RefusedError {
  try {
    return submissionOf(validSubmission.transform(message));
  } catch (error) {
    if (error instanceof RefusedError) return error;
    throw error;
  }
}

/**
 * Where nothing at all was accepted because the log is away, or because every lane is full, the request failed as a
 * single one would have. One that is wrong beside those for a full lane has a result to be told.
 *
 * @throws that failure
 */
function refuseWhatFailedWhole(results: readonly SubmitResult[]): void {
  if (!results.every((result) => result instanceof RefusedError)) return;
  const failure = results.find((result) => hasFailed(result) && result.code !== 'queue_full');
  if (failure !== undefined) throw failure;
  if (results.every(hasFailed)) throw results[0];
}

function hasFailed(result: SubmitResult): result is RefusedError {
  return result instanceof RefusedError && isFailure(result.refusal);
}

/**
 * Maps the items in their order, so many in one go: between two goes the event loop serves other requests, for which a
 * thousand at once would be some hundredths of a second. What a map throws is thrown, and nothing more is mapped.
 */
export async function inSlices<T, R>(
  items: readonly T[],
  size: number,
  map: (item: T, index: number) => R,
): Promise<R[]> {
  const mapped: R[] = [];
  for (let from = 0; from < items.length; from += size) {
    if (from > 0) await othersServed();
    for (const [at, item] of items.slice(from, from + size).entries()) mapped.push(map(item, from + at));
  }
  return mapped;
}
