import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import type { Caller } from '../../../domain/caller.js';
import { covers } from '../../../domain/caller-role.policy.js';
import { LOG_EVENT_TYPES } from '../../../domain/log-event.events.js';
import { LANES, type Lane } from '../../../domain/message/lane.policy.js';
import { type EventFilter, typesNamed } from '../../../operations/timeline/event-filter.policy.js';
import { identifier, messageId, priority, type Rule } from '../../../submission/submission-rules.policy.js';
import { instant, instantText } from '../list-messages.dto.js';
import { MayObey } from '../obeys.js';
import { sequenceText } from './timeline.dto.js';

const types: Rule = (value) => {
  if (typeof value !== 'string') return 'must be event types separated by commas';
  const unknown = value.split(',').find((name) => typesNamed(name, LOG_EVENT_TYPES).length === 0);
  return unknown === undefined ? null : `names ${JSON.stringify(unknown)}, which is no type of event`;
};

/** The query of `GET /api/v1/audit/events`. */
export class AuditEventsDto {
  @ApiPropertyOptional({ format: 'date-time', description: 'Inclusive' })
  @MayObey(instant)
  from?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'Exclusive' })
  @MayObey(instant)
  to?: string;

  @ApiPropertyOptional({
    description: 'Event types separated by commas, in full or short',
    example: 'completed,llmq.message.dead-lettered.v1',
  })
  @MayObey(types)
  type?: string;

  @ApiPropertyOptional()
  @MayObey(identifier)
  user_id?: string;

  @ApiPropertyOptional()
  @MayObey(identifier)
  conversation_id?: string;

  @ApiPropertyOptional({ enum: LANES })
  @MayObey(priority)
  priority?: Lane;

  @ApiPropertyOptional({ format: 'uuid' })
  @MayObey(messageId)
  message_id?: string;

  @ApiPropertyOptional({ type: Number, minimum: 0, description: 'Only events after this sequence' })
  @MayObey(sequenceText)
  after?: string;
}

class EventDto {
  @ApiProperty({ enum: ['1.0'] }) specversion!: string;
  @ApiProperty({ format: 'uuid' }) id!: string;
  @ApiProperty({ example: '/llm-message-queue' }) source!: string;
  @ApiProperty({ example: 'llmq.message.completed.v1' }) type!: string;
  @ApiProperty({ description: 'The message, conversation or thing that it is about' }) subject!: string;
  @ApiProperty({ format: 'date-time' }) time!: string;
  @ApiProperty({ example: 'application/json' }) datacontenttype!: string;
  @ApiProperty() tenant!: string;
  @ApiPropertyOptional({ enum: LANES, description: "The message's" }) lane?: Lane;
  @ApiPropertyOptional({ description: 'W3C Trace Context' }) traceparent?: string;
  @ApiPropertyOptional({ description: 'W3C Trace Context' }) tracestate?: string;
  @ApiProperty({ type: 'object', additionalProperties: true, description: 'See docs/asyncapi.yaml' })
  data!: object;
}

/** A line of `GET /api/v1/audit/events`. */
export class StoredEventDto {
  @ApiProperty({ description: 'Its place in the log' }) sequence!: number;
  @ApiProperty({ type: EventDto, description: 'A CloudEvent 1.0' }) event!: EventDto;
}

class ReadUpToDto {
  @ApiProperty({ description: 'The `after` with which to go on' }) after!: number;
}

/** Its last line. */
export class EndOfEventsDto {
  @ApiProperty({ type: ReadUpToDto }) end!: ReadUpToDto;
}

/** About what all tenants share: an admin of one of them is not told, even if it was its own tenant's key. */
const OF_OPERATORS = /^llmq\.admin\.(lane|endpoint)-/;

/**
 * The events of the caller's tenant that a query asks for.
 *
 * @param conversationId as events name it
 */
export function eventFilterOf(
  { tenant, role }: Caller,
  query: AuditEventsDto,
  conversationId: string | undefined,
): EventFilter {
  const named = query.type?.split(',').flatMap((name) => typesNamed(name, LOG_EVENT_TYPES));
  const told = covers(role, 'operator')
    ? named
    : (named ?? LOG_EVENT_TYPES).filter((type) => !OF_OPERATORS.test(type));
  return {
    tenant,
    from: instantText(query.from),
    to: instantText(query.to),
    types: told,
    userId: query.user_id,
    conversationId,
    priority: query.priority,
    messageId: query.message_id?.toLowerCase(),
  };
}
