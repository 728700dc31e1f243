import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { LANES } from '../../domain/message/lane.policy.js';
import { CALL_KINDS } from '../../domain/message/message.events.js';
import { MESSAGE_STATUSES } from '../../domain/message/message.state.js';
import { WAITS_FOR } from '../../submission/waiting/message-wait.policy.js';
import { schemaRef } from '../openai/openai.schemas.js';

/** What REST answers, for its documentation only: `message.json` makes the answers. */

/** Open: an endpoint may tell more of it than anybody knows here. */
const DETAILS = { type: 'object', additionalProperties: true, nullable: true } as const;
const USAGE = {
  type: 'object' as const,
  required: ['prompt_tokens', 'completion_tokens'],
  additionalProperties: true,
  nullable: true,
  properties: {
    prompt_tokens: { type: 'integer' as const },
    completion_tokens: { type: 'integer' as const },
    total_tokens: { type: 'integer' as const },
    prompt_tokens_details: { ...DETAILS, description: 'What the endpoint tells, such as `cached_tokens`' },
    completion_tokens_details: {
      ...DETAILS,
      description: 'What the endpoint tells, such as `reasoning_tokens`',
    },
    estimated: {
      type: 'boolean' as const,
      description: 'True if the service counted, since the endpoint told no usage',
    },
  },
};
const TOOL_CALLS = { type: 'array', items: schemaRef('ToolCall'), nullable: true } as const;
const ASKED = { oneOf: [{ type: 'string' }, { type: 'array', items: {} }] };

class ChoiceDto {
  @ApiProperty() index!: number;
  @ApiProperty({ type: String, nullable: true }) content!: string | null;
  @ApiPropertyOptional(TOOL_CALLS) tool_calls?: object[] | null;
  @ApiProperty({ type: String, nullable: true }) finish_reason!: string | null;
}

class ResultDto {
  @ApiProperty({ type: String, nullable: true }) content!: string | null;
  @ApiPropertyOptional({ ...TOOL_CALLS, description: 'The calls of tools, if the model made any' })
  tool_calls?: object[] | null;
  @ApiPropertyOptional({
    ...{ type: 'array', items: { type: 'object', additionalProperties: true } },
    description: 'The embeddings',
  })
  data?: object[];
  @ApiProperty({ type: String, nullable: true }) finish_reason!: string | null;
  @ApiPropertyOptional({
    type: [ChoiceDto],
    description: 'All answers, the first one too, if there are several (`n` above 1)',
  })
  choices?: ChoiceDto[];
  @ApiProperty({ description: 'The model that the endpoint says it used' }) model!: string;
  @ApiProperty() endpoint!: string;
  @ApiProperty(USAGE) usage!: object | null;
  @ApiProperty({
    type: String,
    nullable: true,
    example: '0.00042',
    description: 'In the currency of the prices, as a decimal number; null without a price',
  })
  cost!: string | null;
  @ApiPropertyOptional({
    ...{ type: 'object', additionalProperties: true },
    example: { history: { left_out: true, exceeds: false, tokens: 3000, max_tokens: 3300 } },
    description: 'What of its conversation did not fit into the request, where something did not',
  })
  metadata?: object;
}

export class AnalysisDto {
  @ApiProperty() tokens!: number;
  @ApiProperty() words!: number;
  @ApiProperty({ type: String, nullable: true, description: 'ISO 639-1' }) language!: string | null;
  @ApiProperty() question!: boolean;
  @ApiProperty({ format: 'double', minimum: -1, maximum: 1 }) sentiment!: number;
  @ApiProperty({ format: 'double', minimum: 0, maximum: 1, description: 'Urgency' }) score!: number;
}

class MessageErrorDto {
  @ApiProperty({ description: 'Stable, for programs' }) code!: string;
  @ApiProperty() message!: string;
}

const time = { type: String, format: 'date-time' } as const;
const laterTime = { ...time, nullable: true } as const;

export class AcceptedMessageDto {
  @ApiProperty({ format: 'uuid' }) id!: string;
  @ApiProperty({ enum: MESSAGE_STATUSES, example: 'pending' }) status!: string;
  @ApiProperty({ enum: LANES }) priority!: string;
  @ApiProperty({ example: 'explicit' }) priority_reason!: string;
  @ApiProperty() user_id!: string;
  @ApiProperty({ type: String, nullable: true }) conversation_id!: string | null;
  @ApiProperty({ type: String, nullable: true }) model!: string | null;
  @ApiProperty(time) created_at!: string;
  @ApiProperty({
    ...laterTime,
    description: 'When the message or its next attempt is due; null while it waits for no time',
  })
  scheduled_at!: string | null;
  @ApiProperty({ ...laterTime, description: 'After it no model is called' }) deadline!: string | null;
}

export class ErasedMessageDto {
  @ApiProperty({ format: 'uuid' }) id!: string;
  @ApiProperty({ example: 'erased' }) status!: string;
  @ApiProperty({ description: 'How many were erased, with those that repeat it' }) messages!: number;
}

export class MessageDto extends AcceptedMessageDto {
  @ApiPropertyOptional({
    type: Boolean,
    description: 'True where what was asked and answered has been erased (`retention.content`)',
  })
  content_erased?: boolean;
  @ApiProperty({ type: String, nullable: true }) content!: string | null;
  @ApiPropertyOptional({
    ...{ type: 'array', items: schemaRef('ChatMessage') },
    description: 'If a chat was submitted',
  })
  messages?: object[];
  @ApiPropertyOptional({
    type: 'array',
    items: {
      type: 'object',
      properties: { at: { type: 'string' }, bytes: { type: 'integer' } },
      required: ['at', 'bytes'],
    },
    description:
      'Large parts that are not shown here: where they stand, as JSON pointers. One message alone is shown with them; then those that are listed are lost',
  })
  large_parts?: object[];
  @ApiPropertyOptional({
    enum: CALL_KINDS,
    description: 'There for all but chats: a completion of `prompt`, or embeddings of `input`',
  })
  kind?: string;
  @ApiPropertyOptional(ASKED) prompt?: unknown;
  @ApiPropertyOptional(ASKED) input?: unknown;
  @ApiProperty({
    type: String,
    format: 'uuid',
    nullable: true,
    description: 'The message that this one repeats',
  })
  replay_of!: string | null;
  @ApiProperty({ description: 'Calls to a model so far' }) attempts!: number;
  @ApiProperty() max_retries!: number;
  @ApiProperty(time) updated_at!: string;
  @ApiProperty(laterTime) started_at!: string | null;
  @ApiProperty(laterTime) completed_at!: string | null;
  @ApiProperty({ type: 'object', additionalProperties: true }) metadata!: object;
  @ApiProperty({ type: AnalysisDto, nullable: true, description: 'The analysis of the content' })
  analysis!: AnalysisDto | null;
  @ApiProperty({ type: ResultDto, nullable: true }) result!: ResultDto | null;
  @ApiProperty({ type: MessageErrorDto, nullable: true }) error!: MessageErrorDto | null;
}

export class WaitingMessageDto extends MessageDto {
  @ApiProperty({
    ...{ type: Number, nullable: true },
    description: 'Its place among those that wait in its lane, from 1; exact to 10,000, an estimate beyond',
  })
  position!: number | null;
  @ApiProperty({ type: Number, nullable: true, description: 'The estimated time until it is called' })
  eta_seconds!: number | null;
  @ApiProperty({ enum: WAITS_FOR, nullable: true, description: 'Null while it does not wait' })
  waiting_for!: string | null;
}

export class MessagePageDto {
  @ApiProperty({ type: [MessageDto] }) data!: MessageDto[];
  @ApiProperty({ type: String, nullable: true, description: 'For the next page; null on the last' })
  next_cursor!: string | null;
}
