import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { LANES } from '../../domain/message/lane.policy.js';
import type { Rule } from '../../submission/submission-rules.policy.js';
import { Obeys } from './obeys.js';
import { FieldProblemDto } from './rest-api.js';
import { SubmitMessageDto } from './submit-message.dto.js';

export const MAX_BATCH = 1_000;

/** Each message is checked on its own, its numbers too, so that a wrong one does not keep the others out. */
const batch: Rule = (value) => {
  if (!Array.isArray(value)) return 'must be an array of messages';
  if (value.length === 0) return 'must not be empty';
  return value.length > MAX_BATCH ? `must have at most ${MAX_BATCH} messages` : null;
};

/** The body of `POST /api/v1/messages/batch`. */
export class SubmitBatchDto {
  @ApiProperty({ type: [SubmitMessageDto], minItems: 1, maxItems: MAX_BATCH })
  @Obeys(batch, 'all')
  messages!: unknown[];
}

class BatchItemProblemDto {
  @ApiProperty({ description: 'Stable, for programs' }) code!: string;
  @ApiProperty() detail!: string;
  @ApiPropertyOptional({ description: 'The first field that is wrong' }) field?: string;
  @ApiPropertyOptional({ type: [FieldProblemDto] }) errors?: FieldProblemDto[];
  @ApiPropertyOptional({ description: 'How many there are beyond those' }) more_errors?: number;
  @ApiPropertyOptional({ description: 'What the header `Retry-After` would have said' })
  retry_after_seconds?: number;
}

class BatchItemDto {
  @ApiProperty({ description: 'Which of the messages, from 0' }) index!: number;
  @ApiProperty({ description: 'What a request of its own would have been answered: 202, 422, ...' })
  status!: number;
  @ApiPropertyOptional({ format: 'uuid', description: 'The id of an accepted message' }) id?: string;
  @ApiPropertyOptional({ enum: LANES }) priority?: string;
  @ApiPropertyOptional({ example: 'explicit' }) priority_reason?: string;
  @ApiPropertyOptional({ format: 'date-time' }) created_at?: string;
  @ApiPropertyOptional({ type: BatchItemProblemDto }) error?: BatchItemProblemDto;
}

export class BatchResultDto {
  @ApiProperty() accepted!: number;
  @ApiProperty() rejected!: number;
  @ApiProperty({ type: [BatchItemDto], description: 'One result for each message, in their order' })
  results!: BatchItemDto[];
}
