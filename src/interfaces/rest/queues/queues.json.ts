import type { Pause } from '../../../dispatch/lanes/lane-pauses.js';
import { LANES, type Lane } from '../../../domain/message/message.events.js';
import type { StatsInSpan, TimeRange } from '../../../operations/queues/queue-stats.js';
import type { LaneStatus } from '../../../operations/queues/queue-status.js';
import type { SpanFigures } from '../../../projection/read/queue-figures.js';

export function statusJson(lanes: readonly LaneStatus[], workers: number): Record<string, unknown> {
  return { data: lanes.map(laneJson), workers };
}

function laneJson(status: LaneStatus): Record<string, unknown> {
  return {
    priority: status.lane,
    waiting: status.waiting,
    running: status.running,
    held: status.held,
    scheduled: status.scheduled,
    dead: status.dead,
    oldest_age_seconds: rounded(status.oldestAgeSeconds),
    capacity: status.capacity,
    throughput: rounded(status.throughput),
    average_wait_ms: rounded(status.averageWaitMs),
    p95_wait_ms: rounded(status.p95WaitMs),
    paused: status.pause !== null,
  };
}

export function pauseJson(lane: Lane, pause: Pause | null): Record<string, unknown> {
  return {
    priority: lane,
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
  averageWaitMs: null,
  p95WaitMs: null,
  averageProcessingMs: null,
  p95ProcessingMs: null,
};

export function statsJson(range: TimeRange, { from, to, figures }: StatsInSpan): Record<string, unknown> {
  const of = (priority: Lane | null) => figures.find((one) => one.priority === priority) ?? NOTHING;
  const all = of(null);
  const processed = all.completed + all.failed;
  return {
    ...{ time_range: range, from, to },
    ...figuresJson(all),
    by_priority: LANES.map((lane) => {
      const one = of(lane);
      const share = processed === 0 ? null : rounded((one.completed + one.failed) / processed, 4);
      return { priority: lane, share, ...figuresJson(one) };
    }),
  };
}

function figuresJson(figures: Omit<SpanFigures, 'priority'>): Record<string, unknown> {
  const processed = figures.completed + figures.failed;
  return {
    processed,
    failed: figures.failed,
    error_rate: processed === 0 ? null : rounded(figures.failed / processed, 4),
    wait_ms: { average: rounded(figures.averageWaitMs), p95: rounded(figures.p95WaitMs) },
    processing_ms: { average: rounded(figures.averageProcessingMs), p95: rounded(figures.p95ProcessingMs) },
  };
}

function rounded(value: number | null, digits = 2): number | null {
  return value === null ? null : Number(value.toFixed(digits));
}
