import { ApiPropertyOptional } from '@nestjs/swagger';
import type { Rule } from '../../submission/submission-rules.policy.js';
import { MayObey } from '../rest/obeys.js';
import { SubmitMessageDto } from '../rest/submit-message.dto.js';

const subject: Rule = (value) => (typeof value === 'string' ? null : 'must be a string');

/** What is published to `llmq.intake.<lane>`: the body of `POST /api/v1/messages`, and where its end is told. */
export class PublishedMessageDto extends SubmitMessageDto {
  @ApiPropertyOptional({
    type: String,
    description: 'Where its end is told: below `llmq.results.`; `llmq.results.<message id>` when absent',
    example: 'llmq.results.orders',
  })
  @MayObey(subject)
  reply_subject?: string | null;
}
