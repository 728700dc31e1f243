import { table } from '../table.policy.js';
import { numberText, shareText, spanText } from '../terminal/amounts.policy.js';

/** The lanes as `GET /api/v1/queues/status` tells them. */
export interface ToldLanes {
  readonly data: readonly ToldLane[];
  readonly workers: number;
}

export interface ToldLane {
  readonly lane: string;
  readonly waiting: number | null;
  readonly running: number | null;
  readonly held: number;
  readonly scheduled: number | null;
  readonly dead: number | null;
  readonly oldest_age_seconds: number | null;
  readonly utilisation: number | null;
  readonly throughput: number | null;
  readonly p95_wait_ms: number | null;
  readonly paused: boolean;
}

export function lanesText(lanes: readonly ToldLane[]): string {
  return table([
    [
      ...['lane', 'waiting', 'running', 'held', 'scheduled', 'dead', 'oldest', 'in use'],
      ...['ended/s', 'p95 wait', ''],
    ],
    ...lanes.map((lane) => [
      lane.lane,
      numberText(lane.waiting),
      numberText(lane.running),
      numberText(lane.held),
      numberText(lane.scheduled),
      numberText(lane.dead),
      lane.oldest_age_seconds === null ? '-' : spanText(lane.oldest_age_seconds),
      shareText(lane.utilisation),
      numberText(lane.throughput, 1),
      lane.p95_wait_ms === null ? '-' : `${Math.round(lane.p95_wait_ms)} ms`,
      lane.paused ? 'paused' : '',
    ]),
  ]);
}
