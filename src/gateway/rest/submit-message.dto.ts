import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional } from 'class-validator';
import { type ChatMessage, LANES, type Lane } from '../../message/message.events.js';
import * as rules from '../submission-rules.policy.js';
import { Obeys } from './obeys.js';

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
  @IsOptional()
  @Obeys(rules.content)
  content?: string | null;

  @ApiPropertyOptional({
    description: "In place of `content`: a chat in OpenAI's form",
    type: 'array',
    items: { type: 'object', properties: { role: { type: 'string' } }, required: ['role'] },
  })
  @IsOptional()
  @Obeys(rules.chatMessages)
  messages?: ChatMessage[] | null;

  @ApiPropertyOptional({ type: String, maxLength: rules.MAX_IDENTIFIER_LENGTH })
  @IsOptional()
  @Obeys(rules.identifier)
  conversation_id?: string | null;

  @ApiPropertyOptional({ enum: LANES, description: "The service's default when absent" })
  @IsOptional()
  @Obeys(rules.priority)
  priority?: Lane | null;

  @ApiPropertyOptional({
    type: String,
    description: 'One of `GET /v1/models`; the default model when absent',
  })
  @IsOptional()
  @Obeys(rules.identifier)
  model?: string | null;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    description: 'Yours; it comes back as it is',
  })
  @IsOptional()
  @Obeys(rules.metadata)
  metadata?: Record<string, unknown> | null;

  @ApiPropertyOptional({ type: Number, minimum: 0, maximum: rules.MAX_RETRIES })
  @IsOptional()
  @Obeys(rules.wholeNumber(0, rules.MAX_RETRIES))
  max_retries?: number | null;

  @ApiPropertyOptional({
    type: Number,
    minimum: 1,
    maximum: rules.MAX_TIMEOUT_MS,
    description: 'For one call to the model',
  })
  @IsOptional()
  @Obeys(rules.wholeNumber(1, rules.MAX_TIMEOUT_MS))
  timeout_ms?: number | null;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    description: 'Handed to the model as they are',
    example: { temperature: 0.2, max_tokens: 200 },
  })
  @IsOptional()
  @Obeys(rules.parameters)
  parameters?: Record<string, unknown> | null;
}
