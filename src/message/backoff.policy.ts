export interface Backoff {
  /** The delay before the second attempt; it doubles with each further one. */
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
}

/**
 * Exponential backoff with full jitter: uniform between 0 and min(max, base * 2^(attempt-1)), but never under half
 * the base, so that a failing endpoint is not called again at once.
 * Source: M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
 *
 * @param attempt the attempt that failed, from 1
 * @param random uniform in [0, 1)
 */
export function backoffDelayMs(attempt: number, backoff: Backoff, random: number): number {
  const ceiling = Math.min(backoff.maxDelayMs, backoff.baseDelayMs * 2 ** (attempt - 1));
  return Math.round(Math.max(Math.min(backoff.baseDelayMs / 2, ceiling), random * ceiling));
}
