import fc from 'fast-check';
import { consecutiveEnds, restartDelayMs } from './restart-backoff.policy.js';

describe('the delay before a server is started again', () => {
  it('is short after a first crash', () => {
    expect(restartDelayMs(consecutiveEnds(0, 1_000))).toBe(100);
  });

  it('grows while the server keeps ending, up to a limit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2_000 }), (ends) => {
        const delay = restartDelayMs(ends);
        expect(restartDelayMs(ends + 1)).toBeGreaterThanOrEqual(delay);
        expect(delay).toBeLessThanOrEqual(10_000);
      }),
    );
  });

  it('starts anew when the server had run well for a while', () => {
    expect(consecutiveEnds(7, 59_999)).toBe(8);
    expect(consecutiveEnds(7, 60_000)).toBe(1);
  });
});
