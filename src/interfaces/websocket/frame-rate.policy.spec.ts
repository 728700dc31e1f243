import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Allowance, afterFrame, fullAllowance } from './frame-rate.policy.js';

describe('frame-rate', () => {
  it('lets ten seconds of frames through at once, and then one for each part of a second', () => {
    let left: Allowance | null = fullAllowance(2, 0);
    for (let frame = 0; frame < 20; frame += 1) {
      left = afterFrame(left!, 2, 0);
      expect(left).not.toBeNull();
    }
    expect(afterFrame(left!, 2, 499)).toBeNull();
    expect(afterFrame(left!, 2, 500)).not.toBeNull();
  });

  it('never lets more through than the rate allows over any time, and never less than one that keeps to it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.array(fc.nat(400), { minLength: 1, maxLength: 300 }),
        (perSecond, gapsMs) => {
          let now = 0;
          let left = fullAllowance(perSecond, now);
          let taken = 0;
          for (const gap of gapsMs) {
            now += gap;
            const next = afterFrame(left, perSecond, now);
            if (next === null) continue;
            left = next;
            taken += 1;
          }
          expect(taken).toBeLessThanOrEqual(perSecond * 10 + (now / 1_000) * perSecond + 1e-6);
        },
      ),
    );
    let left: Allowance | null = fullAllowance(4, 0);
    for (let now = 0; now < 100_000; now += 250) {
      left = afterFrame(left!, 4, now);
      expect(left).not.toBeNull();
    }
  });
});
