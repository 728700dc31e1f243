import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { LANES, type Lane } from '../../../domain/message/lane.policy.js';
import type {
  AttemptView,
  DeadLetter,
  DeadLetterFilter,
} from '../../../projection/read/dead-letter-reader.js';
import type { Page } from '../../../projection/read/page.js';
import { identifier, priority, type Rule, wholeNumber } from '../../../submission/submission-rules.policy.js';
import { instant, instantText } from '../list-messages.dto.js';
import { ListQueryDto } from '../list-query.dto.js';
import { MessageDto } from '../message.dto.js';
import { MayObey } from '../obeys.js';

export const MAX_REQUEUED = 10_000;

// biome-ignore lint/suspicious/noExplicitAny: TypeScript asks for it of what gets more fields.
type Fields = new (...args: any[]) => object;

/** The filter of dead letters, beside the fields of a query or of a body. */
function withFilter<T extends Fields>(Others: T) {
  class DeadLetterFilterDto extends Others {
    @ApiPropertyOptional()
    @MayObey(identifier)
    user_id?: string;

    @ApiPropertyOptional({ enum: LANES })
    @MayObey(priority)
    priority?: Lane;

    @ApiPropertyOptional({ description: 'The model that the message asked for' })
    @MayObey(identifier)
    model?: string;

    @ApiPropertyOptional({ example: 'endpoint_error' })
    @MayObey(identifier)
    error_code?: string;

    @ApiPropertyOptional({ format: 'date-time', description: 'When it failed; inclusive' })
    @MayObey(instant)
    failed_after?: string;

    @ApiPropertyOptional({ format: 'date-time', description: 'Exclusive' })
    @MayObey(instant)
    failed_before?: string;
  }
  return DeadLetterFilterDto;
}

/** The query of `GET /api/v1/admin/dead-letters`. */
export class ListDeadLettersDto extends withFilter(ListQueryDto) {}

const isTrue: Rule = (value) => (value === true ? null : 'must be true or absent');

/** The body of `POST /api/v1/admin/dead-letters/{id}/requeue`, which may be absent. */
export class RequeueOneDto {
  @ApiPropertyOptional({ description: 'Why; it goes into the log' })
  @MayObey(identifier)
  reason?: string;
}

/** The body of `POST /api/v1/admin/dead-letters/requeue-all`, which may be absent: what it does not name is requeued too. */
export class RequeueAllDto extends withFilter(class {}) {
  @ApiPropertyOptional({
    type: Number,
    minimum: 1,
    maximum: MAX_REQUEUED,
    description: `${MAX_REQUEUED} when absent`,
  })
  @MayObey(wholeNumber(1, MAX_REQUEUED))
  limit?: number;

  @ApiPropertyOptional({ description: 'Why; it goes into the log' })
  @MayObey(identifier)
  reason?: string;
}

/** The body of `POST /api/v1/admin/dead-letters/requeue`: a filter, or `all`. */
export class RequeueDto extends RequeueAllDto {
  @ApiPropertyOptional({ description: 'True to requeue without a filter' })
  @MayObey(isTrue)
  all?: boolean;
}

export function filterOf(
  tenant: string,
  dto: Omit<ListDeadLettersDto, keyof ListQueryDto>,
): DeadLetterFilter {
  return {
    tenant,
    userId: dto.user_id ?? undefined,
    priority: dto.priority ?? undefined,
    model: dto.model ?? undefined,
    errorCode: dto.error_code ?? undefined,
    after: instantText(dto.failed_after),
    before: instantText(dto.failed_before),
  };
}

class RemoteErrorDto {
  @ApiProperty({ type: Number, nullable: true }) status!: number | null;
  @ApiProperty({ type: String, nullable: true }) code!: string | null;
  @ApiProperty({ type: String, nullable: true }) type!: string | null;
  @ApiProperty({ type: String, nullable: true }) param!: string | null;
  @ApiPropertyOptional({ type: String, nullable: true }) message?: string | null;
}

class AttemptErrorDto {
  @ApiProperty({ description: 'Stable, for programs' }) code!: string;
  @ApiProperty() message!: string;
  @ApiProperty() retryable!: boolean;
  @ApiProperty({ type: Number, nullable: true, description: "The endpoint's HTTP status" })
  status!: number | null;
  @ApiPropertyOptional({ type: RemoteErrorDto, nullable: true, description: 'What the endpoint said itself' })
  remote?: RemoteErrorDto | null;
  @ApiPropertyOptional({
    ...{ type: Number, format: 'double', nullable: true },
    description: 'What the endpoint asked to wait before the next request',
  })
  retry_after_ms?: number | null;
}

export class DeadLetterDto {
  @ApiProperty({ format: 'uuid' }) id!: string;
  @ApiProperty() user_id!: string;
  @ApiProperty({ enum: LANES }) priority!: string;
  @ApiProperty({ type: String, nullable: true }) model!: string | null;
  @ApiProperty() attempts!: number;
  @ApiProperty({ type: AttemptErrorDto, description: 'The error of the last attempt' })
  error!: AttemptErrorDto;
  @ApiProperty({ format: 'date-time' }) created_at!: string;
  @ApiProperty({ format: 'date-time' }) failed_at!: string;
}

class AttemptDto {
  @ApiProperty() attempt!: number;
  @ApiProperty({ description: 'From 1; a second one means that a worker died' }) delivery!: number;
  @ApiProperty({ type: String, nullable: true }) worker!: string | null;
  @ApiProperty({ type: String, nullable: true }) endpoint!: string | null;
  @ApiProperty({ type: String, nullable: true }) model!: string | null;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) started_at!: string | null;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) ended_at!: string | null;
  @ApiProperty({ type: String, nullable: true, description: 'Null if the worker died' })
  outcome!: string | null;
  @ApiProperty({ type: AttemptErrorDto, nullable: true }) error!: AttemptErrorDto | null;
}

export class DeadLetterDetailDto extends DeadLetterDto {
  @ApiProperty({ type: MessageDto }) message!: MessageDto;
  @ApiProperty({ type: [AttemptDto] }) history!: AttemptDto[];
}

export class DeadLetterPageDto {
  @ApiProperty({ type: [DeadLetterDto] }) data!: DeadLetterDto[];
  @ApiProperty({ type: String, nullable: true }) next_cursor!: string | null;
}

export class RequeuedDto {
  @ApiProperty() requeued!: number;
  @ApiProperty({ description: 'Left on the list, since they would expire at once' }) past_deadline!: number;
  @ApiProperty({ description: 'There are more; ask again' }) more!: boolean;
}

export function deadLetterJson(letter: DeadLetter): Record<string, unknown> {
  return {
    id: letter.messageId,
    user_id: letter.userId,
    priority: letter.priority,
    model: letter.model,
    attempts: letter.attempts,
    error: letter.error,
    created_at: letter.createdAt,
    failed_at: letter.deadLetteredAt,
  };
}

export function deadLetterPageJson(page: Page<DeadLetter>): Record<string, unknown> {
  return { data: page.data.map(deadLetterJson), next_cursor: page.nextCursor };
}

export function attemptJson(attempt: AttemptView): Record<string, unknown> {
  const { attempt: number, delivery, worker, endpoint, model, startedAt, endedAt, outcome, error } = attempt;
  return {
    ...{ attempt: number, delivery, worker, endpoint, model },
    ...{ started_at: startedAt, ended_at: endedAt, outcome, error },
  };
}
