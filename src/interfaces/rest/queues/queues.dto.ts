import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import type { Pause } from '../../../dispatch/lanes/lane-pauses.js';
import { LANES, type Lane } from '../../../domain/message/lane.policy.js';
import { type StatsInSpan, TIME_RANGES, type TimeRange } from '../../../operations/queues/queue-stats.js';
import type { LaneStatus } from '../../../operations/queues/queue-status.js';
import {
  NO_SPREAD,
  NO_TOTALS,
  type SpanFigures,
  type Spread,
  type Totals,
} from '../../../projection/read/queue-figures.js';
import { priority, type Rule } from '../../../submission/submission-rules.policy.js';
import { MayObey } from '../obeys.js';

const timeRange: Rule = (value) =>
  (TIME_RANGES as readonly unknown[]).includes(value) ? null : `must be one of ${TIME_RANGES.join(', ')}`;

const MAX_REASON_LENGTH = 500;

const reason: Rule = (value) =>
  typeof value === 'string' && value.length <= MAX_REASON_LENGTH
    ? null
    : `must be a string of at most ${MAX_REASON_LENGTH} characters`;

/** The query of `GET /api/v1/queues/status`. */
export class QueueStatusQueryDto {
  @ApiPropertyOptional({ enum: LANES, description: 'Of this lane alone' })
  @MayObey(priority)
  lane?: Lane;
}

/** The query of `GET /api/v1/queues/stats`. */
export class QueueStatsQueryDto extends QueueStatusQueryDto {
  @ApiPropertyOptional({ enum: TIME_RANGES, default: '1h' })
  @MayObey(timeRange)
  time_range?: TimeRange;
}

/** The body of a pause or a resume; it may be left out. */
export class PauseDto {
  @ApiPropertyOptional({ description: 'Why; the status of the lanes shows it', maxLength: MAX_REASON_LENGTH })
  @MayObey(reason)
  reason?: string;
}

const nullableCount = { type: Number, nullable: true } as const;
const nullableNumber = { ...nullableCount, format: 'double' } as const;
const nullableTime = { type: String, format: 'date-time', nullable: true } as const;
const nullableText = { type: String, nullable: true } as const;

/** What names a lane. Before, it was called by the word for what a message asks for. */
class OfLaneDto {
  @ApiProperty({ enum: LANES }) lane!: Lane;
  @ApiProperty({ enum: LANES, deprecated: true, description: 'The old name of `lane`' }) priority!: Lane;
}

function ofLane(lane: Lane): OfLaneDto {
  return { lane, priority: lane };
}

export class LanePauseDto extends OfLaneDto {
  @ApiProperty() paused!: boolean;
  @ApiProperty(nullableTime) paused_since!: string | null;
  @ApiProperty(nullableText) paused_by!: string | null;
  @ApiProperty(nullableText) paused_reason!: string | null;
}

class LaneLimitsDto {
  @ApiProperty({ ...nullableCount, description: 'Of messages that wait; null: no limit' })
  max_size!: number | null;
  @ApiProperty({ ...nullableCount, description: 'Of calls at once in one worker; null: no limit' })
  max_concurrent!: number | null;
  @ApiProperty({ format: 'double', description: 'The least share of the dispatches, from 0 to 1' })
  min_share!: number;
}

class TotalDto {
  @ApiProperty({ description: 'Messages that completed or were given up' }) processed!: number;
  @ApiProperty({ description: 'Those that were given up' }) failed!: number;
}

class TotalsDto {
  @ApiProperty({ type: TotalDto, description: 'Since the hour began' }) this_hour!: TotalDto;
  @ApiProperty({ type: TotalDto, description: 'Since the day began, in UTC' }) today!: TotalDto;
}

export class LaneStatusDto extends TotalsDto {
  @ApiProperty({ enum: LANES }) lane!: Lane;
  @ApiProperty({ enum: LANES, deprecated: true, description: 'The old name of `lane`' }) priority!: Lane;
  @ApiProperty({
    ...nullableCount,
    description: 'Messages in the lane, including those that workers buffer',
  })
  waiting!: number | null;
  @ApiProperty({ description: 'Running calls' }) running!: number;
  @ApiProperty({
    description: 'Turns that wait, outside of the lane, for an earlier turn of their conversation',
  })
  held!: number;
  @ApiProperty({ description: 'Messages that are not due yet, including retries' }) scheduled!: number;
  @ApiProperty({ description: 'Dead letters' }) dead!: number;
  @ApiProperty({ ...nullableNumber, description: 'How long the oldest message has been in the lane' })
  oldest_age_seconds!: number | null;
  @ApiProperty({ description: 'The most calls at once, over all workers' }) capacity!: number;
  @ApiProperty({ ...nullableNumber, description: 'Running calls of the capacity, from 0 to 1' })
  utilisation!: number | null;
  @ApiProperty({ type: LaneLimitsDto }) limits!: LaneLimitsDto;
  @ApiProperty({ format: 'double', description: 'Messages per second that ended, over the last minute' })
  throughput!: number;
  @ApiProperty({ ...nullableNumber, description: 'Of the messages that ended in the last minute' })
  average_wait_ms!: number | null;
  @ApiProperty(nullableNumber) p95_wait_ms!: number | null;
  @ApiProperty() paused!: boolean;
}

export class QueueStatusDto {
  @ApiProperty({ type: [LaneStatusDto], description: 'From the most to the least urgent lane' })
  data!: LaneStatusDto[];
  @ApiProperty({ description: 'Workers that are alive' }) workers!: number;
}

class SpreadDto {
  @ApiProperty(nullableNumber) average!: number | null;
  @ApiProperty(nullableNumber) p95!: number | null;
  @ApiProperty(nullableNumber) least!: number | null;
  @ApiProperty(nullableNumber) most!: number | null;
}

class FiguresDto extends TotalsDto {
  @ApiProperty({ description: 'Messages that completed or were given up' }) processed!: number;
  @ApiProperty({ description: 'Those that were given up' }) failed!: number;
  @ApiProperty({ ...nullableNumber, description: 'Failed of processed, from 0 to 1' })
  error_rate!: number | null;
  @ApiProperty({ type: SpreadDto, description: 'In the lane before the first call' }) wait_ms!: SpreadDto;
  @ApiProperty({ type: SpreadDto, description: 'From the first call to the completion' })
  processing_ms!: SpreadDto;
}

class LaneFiguresDto extends FiguresDto {
  @ApiProperty({ enum: LANES }) lane!: Lane;
  @ApiProperty({ enum: LANES, deprecated: true, description: 'The old name of `lane`' }) priority!: Lane;
  @ApiProperty({ ...nullableNumber, description: 'Of all processed, from 0 to 1' }) share!: number | null;
}

export class QueueStatsDto extends FiguresDto {
  @ApiProperty({ enum: TIME_RANGES }) time_range!: string;
  @ApiProperty({ format: 'date-time' }) from!: string;
  @ApiProperty({ format: 'date-time' }) to!: string;
  @ApiProperty({ type: [LaneFiguresDto] }) by_lane!: LaneFiguresDto[];
  @ApiProperty({ type: [LaneFiguresDto], deprecated: true, description: 'The old name of `by_lane`' })
  by_priority!: LaneFiguresDto[];
}

/** @param lane null for all of them */
export function statusJson(
  lanes: readonly LaneStatus[],
  workers: number,
  lane: Lane | null,
): Record<string, unknown> {
  const wanted = lane === null ? lanes : lanes.filter((one) => one.lane === lane);
  return { data: wanted.map(laneJson), workers };
}

function laneJson(status: LaneStatus): Record<string, unknown> {
  return {
    ...ofLane(status.lane),
    waiting: status.waiting,
    running: status.running,
    held: status.held,
    scheduled: status.scheduled,
    dead: status.dead,
    oldest_age_seconds: rounded(status.oldestAgeSeconds),
    capacity: status.capacity,
    utilisation: rounded(status.utilisation, 4),
    limits: {
      max_size: status.limits.maxSize,
      max_concurrent: status.limits.maxConcurrent,
      min_share: status.limits.minShare,
    },
    ...totalsJson(status.totals),
    throughput: rounded(status.throughput),
    average_wait_ms: rounded(status.averageWaitMs),
    p95_wait_ms: rounded(status.p95WaitMs),
    paused: status.pause !== null,
  };
}

export function pauseJson(lane: Lane, pause: Pause | null): Record<string, unknown> {
  return {
    ...ofLane(lane),
    paused: pause !== null,
    paused_since: pause?.since ?? null,
    paused_by: pause?.by ?? null,
    // A pause without a reason has an empty one in the log.
    paused_reason: pause?.reason || null,
  };
}

const NOTHING: Omit<SpanFigures, 'priority'> = {
  completed: 0,
  failed: 0,
  wait: NO_SPREAD,
  processing: NO_SPREAD,
};

/** @param lane null for all of them; with one, all figures but its share are of it alone */
export function statsJson(
  range: TimeRange,
  { from, to, figures, totals }: StatsInSpan,
  lane: Lane | null,
): Record<string, unknown> {
  const spanOf = (priority: Lane | null) => figures.find((one) => one.priority === priority) ?? NOTHING;
  const all = spanOf(null);
  const processed = all.completed + all.failed;
  const of = (one: Lane | null) => ({
    ...figuresJson(spanOf(one)),
    ...totalsJson(totals.get(one) ?? NO_TOTALS),
  });
  const lanes = lanesOf(lane).map((one) => {
    const { completed, failed } = spanOf(one);
    const share = processed === 0 ? null : rounded((completed + failed) / processed, 4);
    return { ...ofLane(one), share, ...of(one) };
  });
  return {
    ...{ time_range: range, from, to },
    ...of(lane),
    ...{ by_lane: lanes, by_priority: lanes },
  };
}

function lanesOf(lane: Lane | null): readonly Lane[] {
  return lane === null ? LANES : [lane];
}

function figuresJson(figures: Omit<SpanFigures, 'priority'>): Record<string, unknown> {
  const processed = figures.completed + figures.failed;
  return {
    processed,
    failed: figures.failed,
    error_rate: processed === 0 ? null : rounded(figures.failed / processed, 4),
    wait_ms: spreadJson(figures.wait),
    processing_ms: spreadJson(figures.processing),
  };
}

function spreadJson({ average, p95, least, most }: Spread): Record<string, unknown> {
  return { average: rounded(average), p95: rounded(p95), least: rounded(least), most: rounded(most) };
}

function totalsJson({ thisHour, today }: Totals): Record<string, unknown> {
  return { this_hour: thisHour, today };
}

function rounded(value: number | null, digits = 2): number | null {
  return value === null ? null : Number(value.toFixed(digits));
}
