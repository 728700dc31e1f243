import { setTimeout as sleep } from 'node:timers/promises';
import { isPassing } from './api-codes.js';

/** How long a start waits for a broker that is starting too: a cluster elects its leaders first. */
export const SETTLE_TIMEOUT_MS = 30_000;
const BETWEEN_TRIES_MS = 250;

/**
 * Asks again until the broker has settled.
 *
 * @param passes whether it is worth asking again
 * @throws what it was answered last
 */
export async function whenSettled<T>(
  ask: () => Promise<T>,
  passes = isPassing,
  withinMs = SETTLE_TIMEOUT_MS,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!passes(error) || performance.now() >= deadline) throw error;
      await sleep(BETWEEN_TRIES_MS);
    }
  }
}
