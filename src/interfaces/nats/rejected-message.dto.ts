import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { FieldProblemDto } from '../rest/rest-api.js';

/** Why something was refused. */
export class CallErrorDto {
  @ApiProperty({ description: 'Stable, for programs' }) code!: string;
  @ApiProperty({ description: 'For people' }) message!: string;
  @ApiPropertyOptional({ type: [FieldProblemDto] }) problems?: FieldProblemDto[];
  @ApiPropertyOptional({ description: 'How many there are beyond those' }) more_problems?: number;
  @ApiPropertyOptional({ description: 'The same may be accepted after this time' })
  retry_after_seconds?: number;
}

class OriginalDto {
  @ApiPropertyOptional({ description: 'What was sent, where it was text' }) text?: string;
  @ApiPropertyOptional({ description: 'What was sent, where it was not' }) base64?: string;
  @ApiProperty() bytes!: number;
  @ApiPropertyOptional({ description: 'It is longer than what is kept of it' }) cut?: boolean;
}

/** What stands on `llmq.intake.rejected`. */
export class RejectedMessageDto {
  @ApiProperty({ format: 'date-time' }) rejected_at!: string;
  @ApiProperty({ description: 'To which it was published' }) subject!: string;
  @ApiProperty({ format: 'uuid', description: 'The id that its message would have had' }) message_id!: string;
  @ApiProperty({ type: String, nullable: true }) nats_msg_id!: string | null;
  @ApiProperty({ description: 'Of its acknowledgement' }) stream!: string;
  @ApiProperty({ description: 'Of its acknowledgement' }) sequence!: number;
  @ApiProperty({ type: CallErrorDto }) error!: CallErrorDto;
  @ApiProperty({ type: OriginalDto }) original!: OriginalDto;
}

export class RejectedPageDto {
  @ApiProperty({ type: [RejectedMessageDto] }) data!: RejectedMessageDto[];
  @ApiProperty({ type: Number, nullable: true, description: '`after` of the next page; null on the last' })
  next_after!: number | null;
}
