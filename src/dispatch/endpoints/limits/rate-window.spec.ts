import fc from 'fast-check';
import { RateWindow } from './rate-window.js';

/** Calls whenever one may begin; returns when each began. */
function drive(share: number, forMs: number, everyMs = 20): number[] {
  const window = new RateWindow();
  const began: number[] = [];
  for (let now = 0; now < forMs; now += everyMs) {
    while (window.room(share, now) >= 1) {
      window.use(1, share, now);
      began.push(now);
    }
  }
  return began;
}

function most(began: readonly number[], spanMs: number): number {
  return began.reduce(
    (max, from) => Math.max(max, began.filter((at) => at >= from && at < from + spanMs).length),
    0,
  );
}

describe('a minute of requests', () => {
  it('never has more than its share, however it lies, and nearly all of it while there is demand', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 120 }), (share) => {
        const began = drive(share, 240_000, 50);
        expect(most(began, 60_000)).toBeLessThanOrEqual(share);
        const used = began.filter((at) => at >= 120_000).length;
        expect(used).toBeGreaterThanOrEqual(Math.floor(2 * share * 0.95) - 1);
      }),
      { numRuns: 20 },
    );
  });

  it('is let go evenly, not at once', () => {
    const began = drive(600, 10_000);
    expect(most(began, 1_000)).toBeLessThanOrEqual(60 + 40 + 2);
  });

  it('takes back what was not used, and takes more for what was more', () => {
    const window = new RateWindow();
    const first = window.use(400, 1_000, 0);
    window.correct(first, -400);
    expect([window.held(1), window.room(1_000, 1)]).toEqual([0, 100]);
    const second = window.use(100, 1_000, 1);
    window.correct(second, 700);
    expect(window.held(2)).toBe(800);
    expect(window.room(1_000, 2)).toBeLessThan(0);
    expect(window.held(62_000)).toBe(0);
  });

  it('knows when there is room again', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.nat(120_000), (share, startMs) => {
        const window = new RateWindow();
        let now = startMs;
        for (let call = 0; call < 2 * share; call += 1) {
          if (window.room(share, now) < 1) {
            const next = window.nextMs(1, share, now);
            expect(next).toBeGreaterThan(now);
            now = next;
          }
          expect(window.room(share, now)).toBeGreaterThanOrEqual(1 - 1e-6);
          window.use(1, share, now);
        }
      }),
    );
  });
});
