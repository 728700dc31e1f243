import fc from 'fast-check';
import { backoffDelayMs } from './backoff.policy.js';

const backoff = { baseDelayMs: 1_000, maxDelayMs: 60_000 };
const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe('backoffDelayMs', () => {
  it('doubles its ceiling with each attempt, up to the longest delay', () => {
    const almostOne = 1 - Number.EPSILON;
    expect([1, 2, 3, 6, 7, 50].map((attempt) => backoffDelayMs(attempt, backoff, almostOne))).toEqual([
      1_000, 2_000, 4_000, 32_000, 60_000, 60_000,
    ]);
  });

  it('never calls again at once', () => {
    expect(backoffDelayMs(1, backoff, 0)).toBe(500);
    expect(backoffDelayMs(9, backoff, 0)).toBe(500);
  });

  it('stays between half the base and the ceiling, and is a whole number', () => {
    const settings = fc.record({
      baseDelayMs: fc.integer({ min: 1, max: 100_000 }),
      maxDelayMs: fc.integer({ min: 1, max: 100_000 }),
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5_000 }), settings, chance, (attempt, { ...some }, random) => {
        const delay = backoffDelayMs(attempt, some, random);
        const ceiling = Math.min(some.maxDelayMs, some.baseDelayMs * 2 ** (attempt - 1));
        expect(Number.isSafeInteger(delay)).toBe(true);
        expect(delay).toBeGreaterThanOrEqual(Math.floor(Math.min(some.baseDelayMs / 2, ceiling)));
        expect(delay).toBeLessThanOrEqual(Math.ceil(ceiling));
      }),
    );
  });
});
