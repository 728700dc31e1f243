import fc from 'fast-check';
import { stillCounts } from './claims.js';

const NOW = 1_800_000_000_000;
const LONGEST_MS = 120_000;
const HOUR_MS = 3_600_000;
const counts = (until: number) => stillCounts({ holder: 'a', until }, NOW, LONGEST_MS);

it('counts until its time, and not when its time lies further ahead than any claim is made for', () => {
  expect(counts(NOW + LONGEST_MS)).toBe(true);
  expect(counts(NOW)).toBe(false);
  expect(counts(NOW + HOUR_MS)).toBe(false);
});

it('ends in a bounded time, however far a clock was set', () => {
  fc.assert(
    fc.property(fc.integer({ min: -10 * HOUR_MS, max: 10 * HOUR_MS }), (stepMs) => {
      const until = NOW + stepMs + LONGEST_MS;
      const countsFor = counts(until) ? until - NOW : 0;
      expect(countsFor).toBeLessThanOrEqual(LONGEST_MS + 30_000);
    }),
  );
});
