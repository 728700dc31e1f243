import { ApiProperty, ApiPropertyOptional, PickType } from '@nestjs/swagger';
import type { Rule } from '../../../submission/submission-rules.policy.js';
import { MessageDto, WaitingMessageDto } from '../message.dto.js';
import { MayObey } from '../obeys.js';

/** What an id says of a place is known where it is gone on from. */
const startingAfter: Rule = (value) =>
  typeof value === 'string' && value !== '' ? null : 'must be the id of an event of this stream';

/** The query of the streams. */
export class FollowDto {
  @ApiPropertyOptional({
    description: 'The id of the last event that was read, for clients that do not send `Last-Event-ID`',
  })
  @MayObey(startingAfter)
  starting_after?: string;
}

class LiveStatusDto extends PickType(WaitingMessageDto, [
  ...(['id', 'user_id', 'conversation_id', 'status', 'priority', 'priority_reason', 'attempts'] as const),
  ...(['max_retries', 'model', 'created_at', 'updated_at', 'scheduled_at', 'deadline'] as const),
  ...(['started_at', 'completed_at', 'error', 'position', 'eta_seconds', 'waiting_for'] as const),
]) {}

export class StatusEventDto {
  @ApiProperty({ enum: ['status'] }) type!: 'status';
  @ApiProperty({ format: 'uuid' }) message_id!: string;
  @ApiProperty({ type: LiveStatusDto, description: 'Where it stands now' }) message!: LiveStatusDto;
}

export class PieceEventDto {
  @ApiProperty({ enum: ['piece'] }) type!: 'piece';
  @ApiProperty({ format: 'uuid' }) message_id!: string;
  @ApiProperty() attempt!: number;
  @ApiProperty({
    ...{ type: 'object', additionalProperties: true },
    description: "More of the answer, as OpenAI's `delta`; with `index` for another choice than the first",
  })
  delta!: object;
  @ApiPropertyOptional({ description: 'Who speaks, if that is not the model that was asked for' })
  model?: string;
}

export class RestartEventDto {
  @ApiProperty({ enum: ['restart'], description: 'Throw away what came of the answer: it begins anew' })
  type!: 'restart';
  @ApiProperty({ format: 'uuid' }) message_id!: string;
}

export class EndedEventDto {
  @ApiProperty({ enum: ['ended'] }) type!: 'ended';
  @ApiProperty({ format: 'uuid' }) message_id!: string;
  @ApiProperty({ type: MessageDto, description: 'With the whole answer, or why there is none' })
  message!: MessageDto;
}

export class ClosedEventDto {
  @ApiProperty({ enum: ['closed'], description: 'The service ends the stream before its end' })
  type!: 'closed';
  @ApiProperty({
    description: 'Stable, for programs: `service_stopping`, `too_slow`, `not_found`, `unauthorized`',
  })
  code!: string;
  @ApiProperty() message!: string;
  @ApiProperty({
    ...{ type: Number, nullable: true },
    description: 'When to connect again, with the last id; null where that is of no use',
  })
  retry_after_seconds!: number | null;
}
