import fc from 'fast-check';
import { drainSeconds, roomIn, UNKNOWN_RETRY_AFTER_S } from './lane-limit.policy.js';

describe('roomIn', () => {
  const view = { limit: 10, waiting: 0, delivered: 0, running: 0, since: 0 };

  it('counts what workers hold ready as waiting, and what runs as not', () => {
    expect(roomIn({ ...view, waiting: 4 })).toBe(6);
    expect(roomIn({ ...view, waiting: 4, delivered: 7, running: 3 })).toBe(2);
  });

  it('counts what was put in since as waiting, but for what free slots take', () => {
    expect(roomIn({ ...view, waiting: 4, since: 6 })).toBe(0);
    expect(roomIn({ ...view, since: 20, running: 16 })).toBe(6);
  });
});

describe('drainSeconds', () => {
  it('is the time that the missing places need at the drain rate', () => {
    expect(drainSeconds(100, 10)).toBe(10);
    expect(drainSeconds(101, 10)).toBe(11);
    expect(drainSeconds(1, 1_000)).toBe(1);
  });

  it('is a guess while nothing drains', () => {
    expect(drainSeconds(5, 0)).toBe(UNKNOWN_RETRY_AFTER_S);
    expect(drainSeconds(5, null)).toBe(UNKNOWN_RETRY_AFTER_S);
  });

  it('is whole seconds, never 0 and never more than ten minutes', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e9 }),
        fc.double({ min: 1e-9, max: 1e6, noNaN: true }),
        (missing, rate) => {
          const seconds = drainSeconds(missing, rate);
          expect(Number.isInteger(seconds) && seconds >= 1 && seconds <= 600).toBe(true);
        },
      ),
    );
  });
});
