import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import type { CallerRole } from '../../../domain/caller-role.policy.js';
import {
  BATCH_ENDPOINTS,
  BATCH_STATUSES,
  type Batch,
  type BatchEndpoint,
  type BatchStatus,
  endedAtMs,
} from '../../../operations/batches/batch.state.js';
import type { NewBatch } from '../../../operations/batches/batches.js';
import type { ListPage } from '../../../operations/batches/list-page.policy.js';
import { callbackUrl, type Rule } from '../../../submission/submission-rules.policy.js';
import { durationMs } from '../duration.policy.js';
import { PageQueryDto } from '../list-query.dto.js';
import { MayObey } from '../obeys.js';
import { BatchWebhookDto, batchWebhookJson } from './batch-webhook.dto.js';

const MOST_WINDOW_MS = 7 * 86_400_000;
const USUAL_WINDOW = '24h';
const [USUAL_ENDPOINT] = BATCH_ENDPOINTS;

const endpoint: Rule = (value) =>
  (BATCH_ENDPOINTS as readonly unknown[]).includes(value)
    ? null
    : `must be one of ${BATCH_ENDPOINTS.join(', ')}`;

const window: Rule = (value) => {
  const ms = durationMs(value);
  return ms !== null && ms > 0 && ms <= MOST_WINDOW_MS
    ? null
    : 'must be a duration such as 24h, of 7 days at most';
};

/** The query of `POST /api/v1/batches`, whose body is the lines. */
export class SubmitLinesDto {
  @ApiPropertyOptional({
    enum: BATCH_ENDPOINTS,
    default: USUAL_ENDPOINT,
    description: 'What the lines ask for',
  })
  @MayObey(endpoint)
  endpoint?: BatchEndpoint;

  @ApiPropertyOptional({ type: String, default: USUAL_WINDOW, description: 'When it expires: a duration' })
  @MayObey(window)
  completion_window?: string;

  @ApiPropertyOptional({ type: String, description: 'Is told by a signed webhook when the batch has ended' })
  @MayObey(callbackUrl)
  callback_url?: string;
}

/** The query of `GET /api/v1/batches`. */
export class ListBatchesDto extends PageQueryDto {}

class BatchErrorDto {
  @ApiProperty() code!: string;
  @ApiProperty() message!: string;
  @ApiProperty({ type: String, nullable: true }) param!: string | null;
  @ApiProperty({ type: Number, nullable: true, description: 'Counted from 1' }) line!: number | null;
}

class BatchCountsDto {
  @ApiProperty() total!: number;
  @ApiProperty() completed!: number;
  @ApiProperty() failed!: number;
}

export class SubmittedBatchDto {
  @ApiProperty() id!: string;
  @ApiProperty({ enum: BATCH_STATUSES }) status!: BatchStatus;
  @ApiProperty({ enum: BATCH_ENDPOINTS }) endpoint!: BatchEndpoint;
  @ApiProperty() completion_window!: string;
  @ApiProperty({ type: String, nullable: true, description: 'The only one that its lines ask for' })
  model!: string | null;
  @ApiProperty({ type: BatchCountsDto }) lines!: BatchCountsDto;
  @ApiProperty({ type: [BatchErrorDto], description: 'Why it failed' }) errors!: BatchErrorDto[];
  @ApiProperty({ format: 'date-time' }) created_at!: string;
  @ApiProperty({ format: 'date-time' }) expires_at!: string;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) ended_at!: string | null;
  @ApiProperty({ type: BatchWebhookDto, nullable: true, description: 'Null where nobody is told of its end' })
  webhook!: BatchWebhookDto | null;
}

export class SubmittedBatchPageDto {
  @ApiProperty({ type: [SubmittedBatchDto] }) data!: SubmittedBatchDto[];
  @ApiProperty({ type: String, nullable: true }) next_cursor!: string | null;
}

class LineResponseDto {
  @ApiProperty() status_code!: number;
  @ApiProperty({ format: 'uuid', description: 'The message of the line' }) request_id!: string;
  @ApiProperty({ type: 'object', additionalProperties: true }) body!: Record<string, unknown>;
}

class LineErrorDto {
  @ApiProperty() code!: string;
  @ApiProperty() message!: string;
}

export class BatchResultLineDto {
  @ApiProperty() id!: string;
  @ApiProperty() custom_id!: string;
  @ApiProperty({ type: LineResponseDto, nullable: true }) response!: LineResponseDto | null;
  @ApiProperty({ type: LineErrorDto, nullable: true }) error!: LineErrorDto | null;
}

export function newBatch(inputFileId: string, asked: SubmitLinesDto): NewBatch {
  const completionWindow = asked.completion_window ?? USUAL_WINDOW;
  return {
    ...{ inputFileId, endpoint: asked.endpoint ?? USUAL_ENDPOINT, completionWindow },
    ...{ windowMs: durationMs(completionWindow) ?? 0, metadata: null, outputExpiresAfterS: null },
    callbackUrl: asked.callback_url ?? undefined,
  };
}

/** @param role of who reads it */
export function batchJson(batch: Batch, role: CallerRole): Record<string, unknown> {
  const { id, status, endpoint, completionWindow, model, total, completed, failed, errors } = batch;
  const endedMs = endedAtMs(batch);
  return {
    ...{ id, status, endpoint, completion_window: completionWindow, model },
    ...{ lines: { total, completed, failed }, errors },
    created_at: isoTime(batch.createdAtMs),
    expires_at: isoTime(batch.expiresAtMs),
    ended_at: endedMs === null ? null : isoTime(endedMs),
    webhook: batchWebhookJson(batch, role),
  };
}

export function batchPageJson({ data, hasMore }: ListPage<Batch>, role: CallerRole): Record<string, unknown> {
  return {
    data: data.map((batch) => batchJson(batch, role)),
    next_cursor: hasMore ? (data.at(-1)?.id ?? null) : null,
  };
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
