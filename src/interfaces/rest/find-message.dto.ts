import { ApiPropertyOptional } from '@nestjs/swagger';
import type { Rule } from '../../submission/submission-rules.policy.js';
import { MayObey } from './obeys.js';
import { waitDuration } from './wait-duration.policy.js';

const wait: Rule = (value) =>
  typeof value === 'string' && waitDuration(value) !== null
    ? null
    : 'must be a duration such as 30s, 500ms or 1m, and at most a minute';

/** The query of `GET /api/v1/messages/{id}`. */
export class FindMessageDto {
  @ApiPropertyOptional({
    description: 'How long to wait for the message to end: `30s`, `500ms`, `1m` or seconds; at most a minute',
    example: '30s',
  })
  @MayObey(wait)
  wait?: string;
}
