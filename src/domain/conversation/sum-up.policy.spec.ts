import fc from 'fast-check';
import { turnsToSumUp } from './sum-up.policy.js';

const limits = { afterTokens: 100, maxInputTokens: 1_000 };

it('leaves turns alone while they are few', () => {
  expect(turnsToSumUp([], false, limits)).toBe(0);
  expect(turnsToSumUp([50, 50], false, limits)).toBe(0);
});

it('takes the oldest until what stays is at most half of what may stay', () => {
  expect(turnsToSumUp([30, 30, 30, 30], false, limits)).toBe(3);
  expect(turnsToSumUp([90, 20, 20, 10], false, limits)).toBe(1);
});

it('leaves the newest turn whole, however long it is', () => {
  expect(turnsToSumUp([500], false, limits)).toBe(0);
  expect(turnsToSumUp([10, 500], false, limits)).toBe(1);
});

it('takes no more at once than a request may hold, but one that is longer alone', () => {
  expect(turnsToSumUp([600, 600, 600], true, limits)).toBe(1);
  expect(turnsToSumUp([2_000, 10, 10], true, limits)).toBe(1);
});

it('comes to an end, with few turns left, whatever their lengths', () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 40 });
  fc.assert(
    fc.property(lengths, fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 400 }), (all, a, m) => {
      const own = { afterTokens: a, maxInputTokens: m };
      let left = all;
      for (let taken = turnsToSumUp(left, false, own); taken > 0; taken = turnsToSumUp(left, false, own)) {
        const input = left.slice(0, taken).reduce((sum, each) => sum + each, 0);
        if (taken > 1) expect(input).toBeLessThanOrEqual(m);
        left = left.slice(taken);
      }
      if (left.length > 1) expect(left.reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(a);
      if (all.length > 0) expect(left.length).toBeGreaterThan(0);
    }),
  );
});
