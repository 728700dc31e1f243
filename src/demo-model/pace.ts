import { setTimeout as sleep } from 'node:timers/promises';

/** So many at once at most, so that even an unlimited rate lets other calls in between. */
const MOST_AT_ONCE = 64;

/**
 * Gives the items at a steady rate, the first at once. Timers are no finer than a millisecond, so higher rates give
 * several items together. Throws the signal's reason when it aborts.
 */
export async function* pace<T>(
  items: readonly T[],
  perSecond: number,
  signal: AbortSignal,
): AsyncGenerator<readonly T[]> {
  const startedMs = performance.now();
  let given = 0;
  while (given < items.length) {
    signal.throwIfAborted();
    const due = Math.floor(((performance.now() - startedMs) / 1_000) * perSecond) + 1;
    const upTo = Math.min(items.length, given + MOST_AT_ONCE, due);
    if (upTo > given) {
      yield items.slice(given, upTo);
      given = upTo;
    } else {
      await sleep(startedMs + (given / perSecond) * 1_000 - performance.now(), undefined, { signal });
    }
  }
}
