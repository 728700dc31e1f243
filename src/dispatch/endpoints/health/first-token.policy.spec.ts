import fc from 'fast-check';
import { isSlow, NO_TIMES, timed } from './first-token.policy.js';

describe('times to the first piece', () => {
  it('keep every mean within what was measured', () => {
    const sample = fc.integer({ min: 1, max: 100_000 });
    fc.assert(
      fc.property(fc.array(sample, { minLength: 1, maxLength: 100 }), fc.nat(5_000), (samples, gapMs) => {
        const times = samples.reduce((before, ms, at) => timed(before, ms, at * gapMs), NO_TIMES);
        const [low, high] = [Math.min(...samples) - 1e-6, Math.max(...samples) + 1e-6];
        for (const mean of [times.peak!.ms, times.recentMs, times.usualMs]) {
          expect(mean).toBeGreaterThanOrEqual(low);
          expect(mean).toBeLessThanOrEqual(high);
        }
        expect(times.peak!.ms).toBeGreaterThanOrEqual(samples.at(-1)! - 1e-6);
      }),
    );
  });

  it('are slow against what is usual, not against a number', () => {
    const usual = (ms: number, count = 100) => Array.from({ length: count }, () => ms);
    const after = (samples: number[]) => samples.reduce((times, ms, at) => timed(times, ms, at), NO_TIMES);
    expect(isSlow(after(usual(5_000)))).toBe(false);
    expect(isSlow(after([...usual(100), ...usual(200, 10)]))).toBe(false);
    expect(isSlow(after([...usual(300), ...usual(3_000, 10)]))).toBe(true);
    expect(isSlow(after([...usual(300, 5), ...usual(3_000, 5)]))).toBe(false);
  });
});
