import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DEFAULT_RETRY_TIMES_MS, nextTryInMs } from './retry-times.policy.js';

const DAY_MS = 86_400_000;
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
/** Times that rise. */
const times = fc
  .array(fc.integer({ min: 1, max: DAY_MS }), { maxLength: 15 })
  .map((waits) => waits.map((_, at) => waits.slice(0, at + 1).reduce((sum, wait) => sum + wait, 0)));

function waits(timesMs: readonly number[], wishMs: number | null, chance: number): number[] {
  const found: number[] = [];
  for (let tries = 1; ; tries += 1) {
    const wait = nextTryInMs(timesMs, tries, wishMs, chance);
    if (wait === null) return found;
    found.push(wait);
  }
}

it('tries ten times in a day where nothing else is set', () => {
  const found = waits(DEFAULT_RETRY_TIMES_MS, null, 0.5);
  const minute = 60_000;
  expect(found).toEqual([
    ...[5_000, 5 * minute - 5_000, 25 * minute, 90 * minute, 180 * minute, 300 * minute],
    ...[240 * minute, 360 * minute, 240 * minute],
  ]);
  expect(found.reduce((sum, wait) => sum + wait)).toBe(DAY_MS);
});

it('ends after as many further tries as there are times, whatever the receiver wishes', () => {
  fc.assert(
    fc.property(times, fc.option(fc.nat(), { nil: null }), random, (timesMs, wishMs, chance) => {
      expect(waits(timesMs, wishMs, chance)).toHaveLength(timesMs.length);
    }),
  );
});

it('keeps each wait within a tenth of the times', () => {
  fc.assert(
    fc.property(times, random, (timesMs, chance) => {
      const found = waits(timesMs, null, chance);
      for (const [at, wait] of found.entries()) {
        const plain = timesMs[at]! - (timesMs[at - 1] ?? 0);
        expect(Math.abs(wait - plain)).toBeLessThanOrEqual(plain / 10 + 1);
      }
    }),
  );
});

it('waits as long as the receiver wishes, within reason, and never less than without its wish', () => {
  fc.assert(
    fc.property(times, fc.integer({ min: 0, max: 10 * DAY_MS }), random, (timesMs, wishMs, chance) => {
      const plain = waits(timesMs, null, chance);
      const wished = waits(timesMs, wishMs, chance);
      for (const [at, wait] of wished.entries()) {
        expect(wait).toBeGreaterThanOrEqual(plain[at]!);
        expect(wait).toBeGreaterThanOrEqual(Math.min(wishMs, 6 * 3_600_000));
        expect(wait).toBeLessThanOrEqual(Math.max(plain[at]!, 6 * 3_600_000));
      }
    }),
  );
});
