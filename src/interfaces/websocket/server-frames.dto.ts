import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import {
  EndedEventDto,
  PieceEventDto,
  RestartEventDto,
  StatusEventDto,
} from '../rest/live/live-streams.dto.js';
import { AcceptedMessageDto, MessageDto } from '../rest/message.dto.js';
import { FieldProblemDto } from '../rest/rest-api.js';

/** What the service sends, for its description only. What is told of messages that are followed is that of the streams. */

abstract class AnswerFrameDto {
  @ApiProperty({ description: "The request's own name" }) request_id!: string;
}

export class AuthenticatedFrameDto extends AnswerFrameDto {
  @ApiProperty({ enum: ['authenticated'] }) type!: string;
}

export class AcceptedFrameDto extends AnswerFrameDto {
  @ApiProperty({ enum: ['accepted'] }) type!: string;
  @ApiProperty({ type: AcceptedMessageDto }) message!: AcceptedMessageDto;
  @ApiProperty({ description: 'It was accepted before, under the same key' }) replayed!: boolean;
}

export class CancelledFrameDto extends AnswerFrameDto {
  @ApiProperty({ enum: ['cancelled'] }) type!: string;
  @ApiProperty({ type: MessageDto }) message!: MessageDto;
}

export class SubscribedFrameDto extends AnswerFrameDto {
  @ApiProperty({ enum: ['subscribed'] }) type!: string;
  @ApiProperty({ description: 'Its name: the `request_id`' }) subscription!: string;
  @ApiProperty({ description: 'The message has ended, and `starting_after` is its end: nothing more comes' })
  over!: boolean;
}

export class UnsubscribedFrameDto extends AnswerFrameDto {
  @ApiProperty({ enum: ['unsubscribed'] }) type!: string;
  @ApiProperty() subscription!: string;
}

export class PongFrameDto extends AnswerFrameDto {
  @ApiProperty({ enum: ['pong'] }) type!: string;
}

const EVENT_ID = {
  ...{ type: String, nullable: true },
  description: 'To be sent as `starting_after`. Null where the one before stays the one to send',
} as const;
const SUBSCRIPTION = { description: 'The `request_id` that it was asked for with' };

export class StatusFrameDto extends StatusEventDto {
  @ApiProperty(EVENT_ID) id!: string | null;
  @ApiProperty(SUBSCRIPTION) subscription!: string;
}

export class PieceFrameDto extends PieceEventDto {
  @ApiProperty(EVENT_ID) id!: string | null;
  @ApiProperty(SUBSCRIPTION) subscription!: string;
}

export class RestartFrameDto extends RestartEventDto {
  @ApiProperty(EVENT_ID) id!: string | null;
  @ApiProperty(SUBSCRIPTION) subscription!: string;
}

export class EndedFrameDto extends EndedEventDto {
  @ApiProperty(EVENT_ID) id!: string | null;
  @ApiProperty(SUBSCRIPTION) subscription!: string;
}

class FrameErrorDto {
  @ApiProperty({ description: 'Stable, for programs' }) code!: string;
  @ApiProperty() message!: string;
  @ApiPropertyOptional({ type: [FieldProblemDto] }) problems?: FieldProblemDto[];
  @ApiPropertyOptional({ description: 'How many there are beyond those' }) more_problems?: number;
  @ApiPropertyOptional({ description: 'The same request may be served then' }) retry_after_seconds?: number;
}

export class ErrorFrameDto {
  @ApiProperty({ enum: ['error'] }) type!: string;

  @ApiProperty({ type: String, nullable: true, description: 'Null where no request is answered by it' })
  request_id!: string | null;

  @ApiPropertyOptional({ description: 'The subscription that is over by it' }) subscription?: string;
  @ApiProperty({ type: FrameErrorDto }) error!: FrameErrorDto;
}
