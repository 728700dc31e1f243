import fc from 'fast-check';
import { retryAfterSeconds, UNKNOWN_RETRY_AFTER_S } from './retry-after.policy.js';

describe('retryAfterSeconds', () => {
  it('is the time that the missing places need at the drain rate', () => {
    expect(retryAfterSeconds(100, 10)).toBe(10);
    expect(retryAfterSeconds(101, 10)).toBe(11);
    expect(retryAfterSeconds(1, 1_000)).toBe(1);
  });

  it('is a guess while nothing drains', () => {
    expect(retryAfterSeconds(5, 0)).toBe(UNKNOWN_RETRY_AFTER_S);
    expect(retryAfterSeconds(5, null)).toBe(UNKNOWN_RETRY_AFTER_S);
  });

  it('is whole seconds, never 0 and never more than ten minutes', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e9 }),
        fc.double({ min: 1e-9, max: 1e6, noNaN: true }),
        (missing, rate) => {
          const seconds = retryAfterSeconds(missing, rate);
          expect(Number.isInteger(seconds) && seconds >= 1 && seconds <= 600).toBe(true);
        },
      ),
    );
  });
});
