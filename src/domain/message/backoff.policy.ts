import type { BackoffChoice } from './message.events.js';

export interface Backoff {
  /**
   * - `exponential`: the delay doubles with each further attempt.
   * - `fixed`: it stays the same.
   *
   * Exponential when absent.
   */
  readonly kind?: BackoffChoice['kind'];
  /** The delay before the second attempt. */
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
}

/** A fixed delay strays this much to both sides, so that messages that failed together don't come back together. */
const FIXED_JITTER = 0.2;

/** The message's own choice, where it made one, within the service's longest delay. */
export function backoffOf(choice: BackoffChoice | null | undefined, service: Backoff): Backoff {
  if (choice === null || choice === undefined) return service;
  return { kind: choice.kind, baseDelayMs: choice.base_delay_ms, maxDelayMs: service.maxDelayMs };
}

/**
 * The delay after a failed attempt, in milliseconds, never above the longest.
 *
 * Exponential with jitter: uniform between half the base and min(max, base * 2^(attempt-1)). The floor keeps a failing
 * endpoint from being called again at once; delays are spread above it and never rounded up to it, since messages that
 * failed together would come back together there.
 * Source: M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
 *
 * @param attempt the attempt that failed, from 1
 * @param random uniform in [0, 1)
 */
export function backoffDelayMs(attempt: number, backoff: Backoff, random: number): number {
  const { kind, baseDelayMs, maxDelayMs } = backoff;
  if (kind === 'fixed') {
    const delay = Math.min(baseDelayMs, maxDelayMs) * (1 - FIXED_JITTER + 2 * FIXED_JITTER * random);
    return Math.min(maxDelayMs, Math.round(delay));
  }
  const ceiling = Math.min(maxDelayMs, baseDelayMs * 2 ** (attempt - 1));
  const floor = Math.min(baseDelayMs / 2, ceiling / 2);
  return Math.round(floor + random * (ceiling - floor));
}
