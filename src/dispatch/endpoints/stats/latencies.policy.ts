/**
 * Counts of latencies by size: bucket n holds those above `BASE ** (n - 1)` milliseconds, up to `BASE ** n`. Sums of such
 * counts are exact, which means of percentiles would not be, so that processes can be added up.
 */
export type Latencies = Readonly<Record<string, number>>;

/** A percentile is told at most a fifth above what it was. */
const BASE = 1.2;
const LOG_BASE = Math.log(BASE);

/** Counts one more, in place. */
export function countLatency(latencies: Record<string, number>, ms: number): void {
  const bucket = ms <= 1 ? 0 : Math.ceil(Math.log(ms) / LOG_BASE - 1e-9);
  latencies[bucket] = (latencies[bucket] ?? 0) + 1;
}

export function addedLatencies(one: Latencies, other: Latencies): Latencies {
  const sum: Record<string, number> = { ...one };
  for (const [bucket, count] of Object.entries(other)) sum[bucket] = (sum[bucket] ?? 0) + count;
  return sum;
}

/** So many milliseconds, or less, for this part of the calls; null without any. */
export function percentile(latencies: Latencies, part: number): number | null {
  const buckets = Object.entries(latencies)
    .map(([bucket, count]) => [Number(bucket), count] as const)
    .sort(([one], [other]) => one - other);
  const total = buckets.reduce((sum, [, count]) => sum + count, 0);
  let left = Math.ceil(part * total);
  for (const [bucket, count] of buckets) {
    left -= count;
    if (left <= 0) return Math.round(BASE ** bucket);
  }
  return null;
}
