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
 * The mean as it counts now. Without calls a peak sinks to what was measured before and after it, so that a moment's
 * delay keeps nobody out for long. All of it is forgotten much more slowly: one that nobody chooses any more because it is
 * slow is tried again now and then, and each try is a slow call where it still is.
 *
 * @param recentMs the plain mean of the last calls
 */
export function meanAt(
  { ms, atMs }: PeakEwma,
  recentMs: number,
  nowMs: number,
  { decayMs, forgetMs }: { readonly decayMs: number; readonly forgetMs: number },
): number {
  const lasting = Math.min(ms, recentMs);
  const elapsedMs = nowMs - atMs;
  return (lasting + (ms - lasting) * keptAfter(elapsedMs, decayMs)) * keptAfter(elapsedMs, forgetMs);
}

function keptAfter(elapsedMs: number, decayMs: number): number {
  return Math.exp(-Math.max(0, elapsedMs) / decayMs);
}
