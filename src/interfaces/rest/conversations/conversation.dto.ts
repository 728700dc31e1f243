import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import {
  CONVERSATION_STATES,
  type ConversationLifeState,
  DOUBLE_TEXTING,
  type DoubleTexting,
} from '../../../domain/conversation/conversation.events.js';
import { LANES, type Lane } from '../../../domain/message/message.events.js';
import * as conversation from '../../../submission/conversations/conversation-rules.policy.js';
import * as rules from '../../../submission/submission-rules.policy.js';
import { MayObey, Obeys } from '../obeys.js';

/** What a conversation is made with, and what of it can be changed. */
class ConversationSettingsDto {
  @ApiPropertyOptional({ type: String, nullable: true, maxLength: conversation.MAX_TITLE_LENGTH })
  @MayObey(conversation.title)
  title?: string | null;

  @ApiPropertyOptional({ type: String, nullable: true, description: 'The system prompt' })
  @MayObey(conversation.systemPrompt)
  context?: string | null;

  @ApiPropertyOptional({ enum: LANES, nullable: true, description: 'For its messages that set none' })
  @MayObey(rules.priority)
  priority?: Lane | null;

  @ApiPropertyOptional({ type: String, nullable: true, description: 'For its messages that set none' })
  @MayObey(rules.identifier)
  model?: string | null;

  @ApiPropertyOptional({
    enum: DOUBLE_TEXTING,
    description: 'What happens to a message that is sent while a turn runs or waits',
  })
  @MayObey(conversation.doubleTexting)
  double_texting?: DoubleTexting | null;

  @ApiPropertyOptional({ type: 'object', additionalProperties: true })
  @MayObey(rules.metadata)
  metadata?: Record<string, unknown> | null;
}

/** The body of `POST /api/v1/conversations`. */
export class CreateConversationDto extends ConversationSettingsDto {
  @ApiProperty({ minLength: 1, maxLength: rules.MAX_IDENTIFIER_LENGTH, example: 'user123' })
  @Obeys(rules.identifier)
  user_id!: string;
}

/** The body of `PUT` and `PATCH /api/v1/conversations/{id}`: what is absent stays as it is, null takes it away. */
export class ChangeConversationDto extends ConversationSettingsDto {
  @ApiPropertyOptional({ enum: CONVERSATION_STATES })
  @MayObey(conversation.conversationState)
  state?: ConversationLifeState | null;
}

/** The body of `PUT /api/v1/conversations/{id}/state`. */
export class MoveConversationDto {
  @ApiProperty({ enum: CONVERSATION_STATES })
  @Obeys(conversation.conversationState)
  state!: ConversationLifeState;
}

const time = { type: String, format: 'date-time' } as const;

export class ConversationSummaryDto {
  @ApiProperty() content!: string;
  @ApiProperty({ description: 'The model that made it' }) model!: string;
  @ApiProperty({ type: String, nullable: true, description: 'The last turn that it covers' })
  up_to_message_id!: string | null;
}

export class ConversationDto {
  @ApiProperty({ format: 'uuid' }) id!: string;
  @ApiProperty() user_id!: string;
  @ApiProperty({ type: String, nullable: true }) title!: string | null;
  @ApiProperty({ type: String, nullable: true, description: 'The system prompt' }) context!: string | null;
  @ApiProperty({ enum: LANES, nullable: true }) priority!: string | null;
  @ApiProperty({ type: String, nullable: true }) model!: string | null;
  @ApiProperty({ enum: DOUBLE_TEXTING }) double_texting!: string;
  @ApiProperty({ type: 'object', additionalProperties: true }) metadata!: object;
  @ApiProperty({ enum: CONVERSATION_STATES }) state!: string;
  @ApiProperty() message_count!: number;
  @ApiProperty(time) created_at!: string;
  @ApiProperty(time) updated_at!: string;
  @ApiProperty({ ...time, nullable: true }) last_message_at!: string | null;
  @ApiProperty({
    ...{ type: ConversationSummaryDto, nullable: true },
    description: 'What models get in place of the older turns (`conversation.summary`)',
  })
  summary!: ConversationSummaryDto | null;
}

export class ConversationPageDto {
  @ApiProperty({ type: [ConversationDto] }) data!: ConversationDto[];
  @ApiProperty({ type: String, nullable: true, description: 'For the next page; null on the last' })
  next_cursor!: string | null;
}

export class ErasedConversationDto {
  @ApiProperty({ format: 'uuid' }) id!: string;
  @ApiProperty({ example: 'erased' }) state!: string;
  @ApiProperty({ description: 'The number of messages that were erased with it' }) messages!: number;
}
