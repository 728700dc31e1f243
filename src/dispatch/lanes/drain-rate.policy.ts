/** How many messages had left a lane for good at a time; the count only grows. */
export interface SettledAt {
  readonly atMs: number;
  readonly settled: number;
}

const WINDOW_MS = 15_000;

/** The readings that still count, with the new one behind them. A lane that was made anew counts from 0 again. */
export function withReading(readings: readonly SettledAt[], latest: SettledAt): SettledAt[] {
  const kept = readings.filter(
    ({ atMs, settled }) => atMs > latest.atMs - WINDOW_MS && settled <= latest.settled,
  );
  return [...kept, latest];
}

/** Messages per second that left the lane over the readings; null where they don't tell. */
export function drainRate(readings: readonly SettledAt[]): number | null {
  const first = readings[0];
  const last = readings[readings.length - 1];
  if (first === undefined || last === undefined || last.atMs <= first.atMs) return null;
  return ((last.settled - first.settled) * 1_000) / (last.atMs - first.atMs);
}
