import { setTimeout as sleep } from 'node:timers/promises';

export interface EventuallyOptions {
  /** Default 60 s: long, because it only costs time when the test fails. */
  readonly withinMs?: number;
  readonly everyMs?: number;
}

/**
 * Runs the assertion again until it holds, and returns what it returned.
 * @throws what the assertion threw last, when the time is over
 */
export async function eventually<T>(
  assertion: () => T | Promise<T>,
  { withinMs = 60_000, everyMs = 25 }: EventuallyOptions = {},
): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    try {
      return await assertion();
    } catch (error) {
      if (Date.now() >= deadline) throw error;
    }
    await sleep(everyMs);
  }
}
