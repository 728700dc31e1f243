import { ApiProperty, ApiPropertyOptional, OmitType } from '@nestjs/swagger';
import { CHOICE_STRATEGIES } from '../../domain/choice-strategies.policy.js';
import { DOUBLE_TEXTING, type DoubleTexting } from '../../domain/conversation/conversation.events.js';
import { LANES, type Lane } from '../../domain/message/lane.policy.js';
import type { BackoffChoice, ChatMessage } from '../../domain/message/message.events.js';
import * as rules from '../../submission/submission-rules.policy.js';
import { schemaRef } from '../openai/openai.schemas.js';
import { durationMs } from './duration.policy.js';
import { instant } from './list-messages.dto.js';
import { MayObey, Obeys } from './obeys.js';

const duration: rules.Rule = (value) =>
  durationMs(value) === null
    ? 'must be a number of seconds, or a duration such as "90s", "5m" or "12h"'
    : null;

const DURATION = { oneOf: [{ type: 'string' as const }, { type: 'number' as const, format: 'double' }] };

/** The body of `POST /api/v1/messages`. Exactly one of `content`, `messages`, `prompt` and `input` is there. */
export class SubmitMessageDto {
  @ApiProperty({
    description: 'The user that the message belongs to',
    minLength: 1,
    maxLength: rules.MAX_IDENTIFIER_LENGTH,
    example: 'user123',
  })
  @Obeys(rules.identifier)
  user_id!: string;

  @ApiPropertyOptional({
    type: String,
    description: 'The question, in one string',
    minLength: 1,
    example: 'What is a queue?',
  })
  @MayObey(rules.content)
  content?: string | null;

  @ApiPropertyOptional({
    description: "In place of `content`: a chat in OpenAI's form",
    type: 'array',
    items: schemaRef('ChatMessage'),
    minItems: 1,
    maxItems: rules.MAX_MESSAGES,
  })
  @MayObey(rules.chatMessages)
  messages?: ChatMessage[] | null;

  @ApiPropertyOptional({
    oneOf: [{ type: 'string' }, { type: 'array', items: {} }],
    description: 'In place of `content`: a text to go on with, several, or their tokens (a completion)',
  })
  @MayObey(rules.prompt)
  prompt?: string | unknown[] | null;

  @ApiPropertyOptional({
    oneOf: [{ type: 'string' }, { type: 'array', items: {} }],
    description: 'In place of `content`: what embeddings are wanted of, one text, several, or their tokens',
  })
  @MayObey(rules.input)
  input?: string | unknown[] | null;

  @ApiPropertyOptional({
    ...{ type: String, maxLength: 128 },
    description:
      'A conversation by its id. One of your own (A-Z, a-z, 0-9, ".", "_", ":", "-"; no UUID) is made on first use.',
  })
  @MayObey(rules.conversationId)
  conversation_id?: string | null;

  @ApiPropertyOptional({
    enum: DOUBLE_TEXTING,
    description:
      "What happens while a turn of its conversation runs or waits; the conversation's own when absent",
  })
  @MayObey(rules.doubleTexting)
  double_texting?: DoubleTexting | null;

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
    description: 'Your own data, returned unchanged. A valid `user_priority` in it sets the priority',
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

  @ApiPropertyOptional({
    ...{ type: String, format: 'uri', maxLength: rules.MAX_URL_LENGTH },
    description:
      "Is told by a signed webhook when the message has ended; the API key's or the service's own URL when absent",
    example: 'https://shop.example.com/hooks/llmq',
  })
  @MayObey(rules.callbackUrl)
  callback_url?: string | null;

  @ApiPropertyOptional({ type: Number, minimum: 0, maximum: rules.MAX_RETRIES })
  @MayObey(rules.wholeNumber(0, rules.MAX_RETRIES))
  max_retries?: number | null;

  @ApiPropertyOptional({
    type: Number,
    minimum: 1,
    maximum: rules.MAX_TIMEOUT_MS,
    description: 'The time limit of one call to the model',
  })
  @MayObey(rules.wholeNumber(1, rules.MAX_TIMEOUT_MS))
  timeout_ms?: number | null;

  @ApiPropertyOptional({
    type: 'object',
    properties: {
      kind: { type: 'string', enum: ['exponential', 'fixed'] },
      base_delay_ms: { type: 'integer', minimum: 1, maximum: rules.MAX_BASE_DELAY_MS },
    },
    required: ['kind', 'base_delay_ms'],
    description: "The wait between attempts; the service's setting when absent",
  })
  @MayObey(rules.retryBackoff)
  retry_backoff?: BackoffChoice | null;

  @ApiPropertyOptional({
    ...DURATION,
    description: 'The message starts after this time, at most 30 days: seconds, or a duration with its unit',
    example: '90s',
  })
  @MayObey(duration)
  delay?: string | number | null;

  @ApiPropertyOptional({
    type: String,
    format: 'date-time',
    description: 'In place of `delay`: the message starts at this time. A time in the past means at once',
  })
  @MayObey(instant)
  scheduled_at?: string | null;

  @ApiPropertyOptional({
    ...DURATION,
    description: 'After this time no model is called any more, and the message expires',
    example: '5m',
  })
  @MayObey(duration)
  ttl?: string | number | null;

  @ApiPropertyOptional({ type: String, format: 'date-time', description: 'In place of `ttl`, as a time' })
  @MayObey(instant)
  deadline?: string | null;

  @ApiPropertyOptional({
    type: [String],
    maxItems: rules.MAX_FALLBACKS,
    description: 'Models that answer where no endpoint of `model` can, the first that can first',
  })
  @MayObey(rules.fallbacks)
  fallbacks?: string[] | null;

  @ApiPropertyOptional({
    enum: ['continue', 'restart', 'fail'],
    description: "What follows an answer that is cut; the service's setting when absent",
  })
  @MayObey(rules.failover)
  failover?: string | null;

  @ApiPropertyOptional({
    type: 'object',
    properties: {
      strategy: { type: 'string', enum: [...CHOICE_STRATEGIES], nullable: true },
      session: { type: 'string', nullable: true },
    },
    description: 'How to choose among endpoints: by which strategy, and what is to stay at one endpoint',
  })
  @MayObey(rules.routing)
  routing?: { strategy?: string | null; session?: string | null } | null;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    description: 'Passed to the model unchanged',
    example: { temperature: 0.2, max_tokens: 200 },
  })
  @MayObey(rules.parameters, 'numbers')
  parameters?: Record<string, unknown> | null;
}

/** The body of `POST /api/v1/conversations/{id}/messages`, whose user is the conversation's where it names none. */
export class SubmitTurnDto extends OmitType(SubmitMessageDto, ['user_id', 'prompt', 'input']) {
  @ApiPropertyOptional({ minLength: 1, maxLength: rules.MAX_IDENTIFIER_LENGTH, example: 'user123' })
  user_id?: string;
}
