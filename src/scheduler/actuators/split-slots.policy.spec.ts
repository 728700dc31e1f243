import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { splitSlots } from './split-slots.policy.js';

describe('slots for each worker', () => {
  it('add up to what is ordered, and differ by one at most', () => {
    const names = fc.uniqueArray(fc.string(), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(fc.nat(1_000), names, (total, workers) => {
        const parts = [...splitSlots(total, workers).values()];
        expect(parts.reduce((sum, part) => sum + part, 0)).toBe(total);
        expect(Math.max(...parts) - Math.min(...parts)).toBeLessThanOrEqual(1);
      }),
    );
  });
});
