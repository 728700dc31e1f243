import { LANES, type Lane } from '../../domain/message/lane.policy.js';
import { SeededRandom } from './seeded-random.js';

export interface TracedRequest {
  /** Since the first one. */
  readonly atMs: number;
  readonly promptTokens: number;
  readonly answerTokens: number;
}

export interface LanedRequest extends TracedRequest {
  readonly lane: Lane;
}

/** The traces know no priorities. So many of a hundred requests get each, at random. */
export const LANE_SPLIT: Readonly<Record<Lane, number>> = { realtime: 10, high: 20, normal: 50, low: 20 };

export function withLanes(trace: readonly TracedRequest[], seed: number): LanedRequest[] {
  const random = new SeededRandom(seed);
  return trace.map((request) => ({ ...request, lane: drawnLane(random.uniform() * 100) }));
}

function drawnLane(drawn: number): Lane {
  let sum = 0;
  return LANES.find((lane) => {
    sum += LANE_SPLIT[lane];
    return drawn < sum;
  })!;
}

export interface TraceStatistics {
  readonly requests: number;
  readonly seconds: number;
  readonly perSecond: number;
  /** Deviation of the times between arrivals, divided by their mean: 1 for a Poisson process. */
  readonly gapVariation: number;
  readonly peakToMeanOf1s: number;
  readonly peakToMeanOf60s: number;
}

export function statisticsOf(trace: readonly TracedRequest[]): TraceStatistics {
  const gaps = trace.slice(1).map((request, at) => request.atMs - trace[at]!.atMs);
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length;
  const seconds = (mean * gaps.length) / 1000;
  const perSecond = trace.length / seconds;
  return {
    ...{ requests: trace.length, seconds, perSecond },
    gapVariation: Math.sqrt(variance) / mean,
    peakToMeanOf1s: busiest(trace, 1_000) / perSecond,
    peakToMeanOf60s: busiest(trace, 60_000) / (perSecond * 60),
  };
}

/** The most requests in one bin of the given length. */
export function busiest(trace: readonly TracedRequest[], binMs: number): number {
  const counts = new Map<number, number>();
  for (const { atMs } of trace) {
    const bin = Math.floor(atMs / binMs);
    counts.set(bin, (counts.get(bin) ?? 0) + 1);
  }
  return Math.max(...counts.values());
}
