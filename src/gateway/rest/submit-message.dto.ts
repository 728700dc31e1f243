import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { type ChatMessage, LANES, type Lane } from '../../message/message.events.js';
import * as rules from '../submission-rules.policy.js';
import { MayObey, Obeys } from './obeys.js';

/** The body of `POST /api/v1/messages`. Exactly one of `content` and `messages` is there. */
export class SubmitMessageDto {
  @ApiProperty({
    description: 'Whose message it is',
    minLength: 1,
    maxLength: rules.MAX_IDENTIFIER_LENGTH,
    example: 'user123',
  })
  @Obeys(rules.identifier)
  user_id!: string;

  @ApiPropertyOptional({
    description: 'The question, in one string',
    minLength: 1,
    example: 'What is a queue?',
  })
  @MayObey(rules.content)
  content?: string | null;

  @ApiPropertyOptional({
    description: "In place of `content`: a chat in OpenAI's form",
    type: 'array',
    items: { type: 'object', properties: { role: { type: 'string' } }, required: ['role'] },
  })
  @MayObey(rules.chatMessages)
  messages?: ChatMessage[] | null;

  @ApiPropertyOptional({ type: String, maxLength: rules.MAX_IDENTIFIER_LENGTH })
  @MayObey(rules.identifier)
  conversation_id?: string | null;

  @ApiPropertyOptional({ enum: LANES, description: "The service's default when absent" })
  @MayObey(rules.priority)
  priority?: Lane | null;

  @ApiPropertyOptional({
    type: String,
    description: 'One of `GET /v1/models`; the default model when absent',
  })
  @MayObey(rules.identifier)
  model?: string | null;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    description: 'Yours; it comes back as it is',
  })
  @MayObey(rules.metadata)
  metadata?: Record<string, unknown> | null;

  @ApiPropertyOptional({
    type: String,
    format: 'uuid',
    description: 'The message that this one repeats; its timeline says so',
  })
  @MayObey(rules.messageId)
  replay_of?: string | null;

  @ApiPropertyOptional({ type: Number, minimum: 0, maximum: rules.MAX_RETRIES })
  @MayObey(rules.wholeNumber(0, rules.MAX_RETRIES))
  max_retries?: number | null;

  @ApiPropertyOptional({
    type: Number,
    minimum: 1,
    maximum: rules.MAX_TIMEOUT_MS,
    description: 'For one call to the model',
  })
  @MayObey(rules.wholeNumber(1, rules.MAX_TIMEOUT_MS))
  timeout_ms?: number | null;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    description: 'Handed to the model as they are',
    example: { temperature: 0.2, max_tokens: 200 },
  })
  @MayObey(rules.parameters)
  parameters?: Record<string, unknown> | null;
}
