import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import type {
  ConversationChanges,
  WantedChange,
} from '../../../domain/conversation/change-conversation.decision.js';
import {
  CONVERSATION_STATES,
  type ConversationLifeState,
  DOUBLE_TEXTING,
  type DoubleTexting,
} from '../../../domain/conversation/conversation.events.js';
import type { ConversationState } from '../../../domain/conversation/conversation.state.js';
import type { NewConversation } from '../../../domain/conversation/create-conversation.decision.js';
import { shownId } from '../../../domain/conversation/given-id.policy.js';
import { LANES, type Lane } from '../../../domain/message/lane.policy.js';
import type { Page } from '../../../projection/read/page.js';
import * as rules from '../../../submission/submission-rules.policy.js';
import { MayObey, Obeys } from '../obeys.js';

/** What a conversation is made with, and what of it can be changed. */
class ConversationSettingsDto {
  @ApiPropertyOptional({ type: String, nullable: true, maxLength: rules.MAX_TITLE_LENGTH })
  @MayObey(rules.title)
  title?: string | null;

  @ApiPropertyOptional({ type: String, nullable: true, description: 'The system prompt' })
  @MayObey(rules.systemPrompt)
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
  @MayObey(rules.doubleTexting)
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

  @ApiPropertyOptional({
    ...{ type: String, maxLength: 128, example: 'support-4711' },
    description:
      'An id of your own: A-Z, a-z, 0-9, ".", "_", ":" and "-"; no UUID. The service gives one out when it is absent.',
  })
  @MayObey(rules.givenConversationId)
  id?: string | null;
}

/** The body of `PUT` and `PATCH /api/v1/conversations/{id}`: what is absent stays as it is, null takes it away. */
export class ChangeConversationDto extends ConversationSettingsDto {
  @ApiPropertyOptional({ enum: CONVERSATION_STATES })
  @MayObey(rules.conversationState)
  state?: ConversationLifeState | null;
}

/** The body of `PUT /api/v1/conversations/{id}/state`. */
export class MoveConversationDto {
  @ApiProperty({ enum: CONVERSATION_STATES })
  @Obeys(rules.conversationState)
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
  @ApiProperty({ description: 'A UUID, or the id that its client gave it' }) id!: string;
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
  @ApiProperty() id!: string;
  @ApiProperty({ example: 'erased' }) state!: string;
  @ApiProperty({ description: 'The number of messages that were erased with it' }) messages!: number;
}

/** A conversation as REST clients read it. */
export function conversationJson(conversation: ConversationState): Record<string, unknown> {
  return {
    id: shownId(conversation),
    user_id: conversation.userId,
    title: conversation.title,
    context: conversation.context,
    priority: conversation.priority,
    model: conversation.model,
    double_texting: conversation.doubleTexting,
    metadata: conversation.metadata,
    state: conversation.state,
    message_count: conversation.messageCount,
    created_at: conversation.createdAt,
    updated_at: conversation.updatedAt,
    last_message_at: conversation.lastMessageAt,
    summary: summaryJson(conversation.summary),
  };
}

function summaryJson(summary: ConversationState['summary']): Record<string, unknown> | null {
  if (summary === null) return null;
  return { content: summary.text, model: summary.model, up_to_message_id: summary.upToMessageId };
}

export function conversationPageJson(page: Page<ConversationState>): Record<string, unknown> {
  return { data: page.data.map(conversationJson), next_cursor: page.nextCursor };
}

type Settings = Omit<ChangeConversationDto, 'state'>;

export function newConversationOf({ user_id, id, ...settings }: CreateConversationDto): NewConversation {
  return { user_id, ...(id == null ? {} : { given_id: id }), ...changesOf(settings) };
}

export function changeOf({ state, ...settings }: ChangeConversationDto): WantedChange {
  return { changes: changesOf(settings), state: state ?? undefined };
}

/** Null is a value for what a conversation can do without, and the default for the rest. */
function changesOf(settings: Settings): ConversationChanges {
  const { title, context, priority, model, double_texting: texting, metadata } = settings;
  return {
    ...(title === undefined ? {} : { title }),
    ...(context === undefined ? {} : { context }),
    ...(priority === undefined ? {} : { priority }),
    ...(model === undefined ? {} : { model }),
    ...(texting === undefined ? {} : { double_texting: texting ?? 'enqueue' }),
    ...(metadata === undefined ? {} : { metadata: metadata ?? {} }),
  };
}
