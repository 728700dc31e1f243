import { applyDecorators } from '@nestjs/common';
import {
  ApiExtraModels,
  ApiProperty,
  ApiPropertyOptional,
  ApiTags,
  ApiTooManyRequestsResponse,
  getSchemaPath,
} from '@nestjs/swagger';

export class FieldProblemDto {
  @ApiProperty() field!: string;
  @ApiProperty() reason!: string;
}

export class ProblemDto {
  @ApiProperty({ format: 'uri', example: 'urn:llm-message-queue:problem:not_found' }) type!: string;
  @ApiProperty() title!: string;
  @ApiProperty() status!: number;
  @ApiProperty() detail!: string;
  @ApiProperty({ description: 'Stable, for programs' }) code!: string;
  @ApiPropertyOptional({ description: 'The first field that is wrong' }) field?: string;
  @ApiPropertyOptional({ type: [FieldProblemDto] }) errors?: FieldProblemDto[];
  @ApiPropertyOptional({ description: 'How many there are beyond those' }) more_errors?: number;
}

/** A failure has a media type of its own (RFC 9457). */
const PROBLEM = { 'application/problem+json': { schema: { $ref: getSchemaPath(ProblemDto) } } };

/** Documents what a submission is told whose lane has reached its limit. */
export const ApiLaneFull = () =>
  ApiTooManyRequestsResponse({
    content: PROBLEM,
    description:
      '`queue_full`: the lane has as many messages waiting as `queue.levels.<lane>.max_size` allows. Nothing was stored',
    headers: {
      'Retry-After': {
        description:
          'Seconds until there is likely to be room, by the rate at which the lane drained of late',
        schema: { type: 'integer' },
      },
    },
  });

/** Documents what a request that would wait is told where its key has as many open as it may. */
export const ApiKeyFull = () =>
  ApiTooManyRequestsResponse({
    content: PROBLEM,
    description:
      '`too_many_of_key`: the key has as many long polls and streams open as `server.max_waiting_requests_per_key` allows',
    headers: {
      'Retry-After': {
        description: 'Seconds after which it may be tried again',
        schema: { type: 'integer' },
      },
    },
  });

/** Documents what opening a conversation is told when its user has as many as there may be. */
export const ApiConversationsFull = () =>
  ApiTooManyRequestsResponse({
    content: PROBLEM,
    description:
      '`too_many_conversations`: the user has as many open ones as `conversation.max_per_user` allows',
  });

/**
 * Documents what all routes of a REST controller have in common. How its routes may be refused and fail is not for
 * decorators to say: the description takes it from what the routes are.
 */
export const RestApi = (tag: string) => applyDecorators(ApiTags(tag), ApiExtraModels(ProblemDto));
