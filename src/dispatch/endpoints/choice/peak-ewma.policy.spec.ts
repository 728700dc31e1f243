import fc from 'fast-check';
import { meanAt, withMeasured } from './peak-ewma.policy.js';

const DECAY_MS = 10_000;
const SINKING = { decayMs: DECAY_MS, forgetMs: 100 * DECAY_MS };
const ms = fc.integer({ min: 1, max: 100_000 });

describe('the peak-sensitive mean', () => {
  it('rises at once, and never leaves what was measured', () => {
    fc.assert(
      fc.property(ms, fc.array(fc.tuple(ms, fc.nat(20_000)), { maxLength: 30 }), (first, further) => {
        let mean = withMeasured(null, first, 0, DECAY_MS);
        let now = 0;
        for (const [measured, later] of further) {
          now += later;
          const before = mean.ms;
          mean = withMeasured(mean, measured, now, DECAY_MS);
          if (measured >= before) expect(mean.ms).toBe(measured);
          expect(mean.ms).toBeGreaterThanOrEqual(measured - 1e-6);
          expect(mean.ms).toBeLessThanOrEqual(Math.max(before, measured));
        }
      }),
    );
  });

  it('forgets a peak in some decay times, with calls and without, and what lasts much later', () => {
    const peak = withMeasured(null, 1_000, 0, DECAY_MS);
    expect(withMeasured(peak, 100, DECAY_MS, DECAY_MS).ms).toBeCloseTo(100 + 900 / Math.E);
    const sunk = (recentMs: number, afterMs: number) => meanAt(peak, recentMs, afterMs, SINKING);
    expect(sunk(100, 0)).toBe(1_000);
    expect(sunk(100, DECAY_MS)).toBeCloseTo((100 + 900 / Math.E) * Math.exp(-0.01));
    expect(sunk(100, 10 * DECAY_MS)).toBeLessThan(100);
    expect(sunk(1_000, DECAY_MS)).toBeGreaterThan(980);
    expect(sunk(1_000, 100 * DECAY_MS)).toBeCloseTo(1_000 / Math.E);
  });

  it('is not disturbed by a clock that went back', () => {
    const mean = withMeasured(null, 1_000, 500, DECAY_MS);
    expect(meanAt(mean, 100, 0, SINKING)).toBe(1_000);
    expect(withMeasured(mean, 100, 0, DECAY_MS).ms).toBe(1_000);
  });
});
