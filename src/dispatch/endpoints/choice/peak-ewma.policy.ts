/** A mean of latencies that rises at once and sinks slowly. */
export interface PeakEwma {
  readonly ms: number;
  /** When it was right, in milliseconds of any clock that only rises. */
  readonly atMs: number;
}

/**
 * Folds in a time that was measured. What is slower than the mean replaces it, so that a deployment that has become slow
 * is passed over from the first call on; what is quicker pulls it down by `1 - e^(-elapsed / decay)`, as in Finagle.
 */
export function withMeasured(mean: PeakEwma | null, ms: number, nowMs: number, decayMs: number): PeakEwma {
  if (mean === null || ms >= mean.ms) return { ms, atMs: nowMs };
  const kept = keptAfter(nowMs - mean.atMs, decayMs);
  return { ms: mean.ms * kept + ms * (1 - kept), atMs: nowMs };
}

/**
 * The mean as it counts now. It sinks without calls as well: one that nobody chooses any more because it was slow is
 * tried again after some decay times, and pays for it with one slow call if it still is.
 */
export function meanAt(mean: PeakEwma, nowMs: number, decayMs: number): number {
  return mean.ms * keptAfter(nowMs - mean.atMs, decayMs);
}

function keptAfter(elapsedMs: number, decayMs: number): number {
  return Math.exp(-Math.max(0, elapsedMs) / decayMs);
}
