import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import type { PageWish, TimelinePage } from '../../../operations/timeline/timelines.js';
import type { Rule } from '../../../submission/submission-rules.policy.js';
import { MayObey } from '../obeys.js';

export const MAX_EVENTS = 1_000;

export function wholeNumberText(least: number, most: number): Rule {
  return (value) =>
    typeof value === 'string' && /^\d{1,16}$/.test(value) && Number(value) >= least && Number(value) <= most
      ? null
      : `must be a whole number from ${least} to ${most}`;
}

export const sequenceText = wholeNumberText(0, Number.MAX_SAFE_INTEGER);

/** The query of a timeline. */
export class TimelineQueryDto {
  @ApiPropertyOptional({ type: Number, minimum: 0, description: 'Only events after this sequence' })
  @MayObey(sequenceText)
  after?: string;

  @ApiPropertyOptional({ type: Number, minimum: 1, maximum: MAX_EVENTS, default: MAX_EVENTS })
  @MayObey(wholeNumberText(1, MAX_EVENTS))
  limit?: string;
}

export function pageWish({ after, limit }: TimelineQueryDto): PageWish {
  return { after: Number(after ?? 0), limit: Number(limit ?? MAX_EVENTS) };
}

class TimelineEntryDto {
  @ApiProperty({ description: 'Its place in the log' }) sequence!: number;
  @ApiProperty({ format: 'uuid' }) id!: string;
  @ApiProperty({ example: 'llmq.message.dispatched.v1' }) type!: string;
  @ApiProperty({ format: 'date-time' }) time!: string;
  @ApiProperty({ description: 'The message, conversation or lane that it is about' }) subject!: string;
  @ApiProperty({ description: 'What happened, in words' }) text!: string;
  @ApiProperty({ type: 'object', additionalProperties: true }) data!: object;
}

export class TimelineDto {
  @ApiProperty({ type: [TimelineEntryDto] }) data!: TimelineEntryDto[];
  @ApiProperty({
    type: Number,
    nullable: true,
    description: 'The `after` of the next page; null on the last',
  })
  next_after!: number | null;
}

export function timelineJson({ entries, nextAfter }: TimelinePage): Record<string, unknown> {
  return {
    data: entries.map(({ sequence, event, text, data }) => ({
      sequence,
      id: event.id,
      type: event.type,
      time: event.time,
      subject: event.subject,
      text,
      data,
    })),
    next_after: nextAfter,
  };
}
