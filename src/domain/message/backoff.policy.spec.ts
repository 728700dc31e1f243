import fc from 'fast-check';
import { backoffDelayMs, backoffOf } from './backoff.policy.js';

const backoff = { baseDelayMs: 1_000, maxDelayMs: 60_000 };
const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe('backoffDelayMs', () => {
  it('doubles its ceiling with each attempt, up to the longest delay', () => {
    const almostOne = 1 - Number.EPSILON;
    expect([1, 2, 3, 6, 7, 50].map((attempt) => backoffDelayMs(attempt, backoff, almostOne))).toEqual([
      1_000, 2_000, 4_000, 32_000, 60_000, 60_000,
    ]);
  });

  it('never calls again at once', () => {
    expect(backoffDelayMs(1, backoff, 0)).toBe(500);
    expect(backoffDelayMs(9, backoff, 0)).toBe(500);
  });

  it('does not clump: each delay between the floor and the ceiling is as likely as any other', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 200, max: 50_000 }), (attempt, base) => {
        const settings = { baseDelayMs: base, maxDelayMs: 60_000 };
        const delay = (random: number) => backoffDelayMs(attempt, settings, random);
        const draws = Array.from({ length: 1_000 }, (_, draw) => delay((draw + 0.5) / 1_000));
        const [floor, ceiling] = [delay(0), delay(1)];
        const tenths = new Array<number>(10).fill(0);
        for (const drawn of draws) {
          tenths[Math.min(9, Math.floor(((drawn - floor) / (ceiling - floor)) * 10))]! += 1;
        }
        // Whole milliseconds put some draws into the next tenth.
        for (const count of tenths) expect(Math.abs(count - 100)).toBeLessThanOrEqual(25);
      }),
    );
  });

  it('gives messages that failed together different delays', () => {
    const draws = Array.from({ length: 37 }, (_, draw) => backoffDelayMs(1, backoff, (draw + 0.5) / 37));
    expect(new Set(draws).size).toBe(37);
  });

  it('stays between half the base and the ceiling, and is a whole number', () => {
    const settings = fc.record({
      baseDelayMs: fc.integer({ min: 1, max: 100_000 }),
      maxDelayMs: fc.integer({ min: 1, max: 100_000 }),
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5_000 }), settings, chance, (attempt, { ...some }, random) => {
        const delay = backoffDelayMs(attempt, some, random);
        const ceiling = Math.min(some.maxDelayMs, some.baseDelayMs * 2 ** (attempt - 1));
        expect(Number.isSafeInteger(delay)).toBe(true);
        expect(delay).toBeGreaterThanOrEqual(Math.floor(Math.min(some.baseDelayMs, ceiling) / 2));
        expect(delay).toBeLessThanOrEqual(Math.ceil(ceiling));
      }),
    );
  });
});

describe('a fixed backoff', () => {
  const fixed = { kind: 'fixed', baseDelayMs: 1_000, maxDelayMs: 60_000 } as const;

  it('stays the same with each attempt, and strays a fifth to both sides', () => {
    expect([1, 2, 50].map((attempt) => backoffDelayMs(attempt, fixed, 0.5))).toEqual([1_000, 1_000, 1_000]);
    expect(backoffDelayMs(1, fixed, 0)).toBe(800);
    expect(backoffDelayMs(1, fixed, 1 - Number.EPSILON)).toBe(1_200);
  });

  it('is never longer than the longest delay', () => {
    fc.assert(
      fc.property(
        fc.nat(1_000_000),
        fc.integer({ min: 1, max: 100_000 }),
        chance,
        (base, longest, random) => {
          const delay = backoffDelayMs(1, { kind: 'fixed', baseDelayMs: base, maxDelayMs: longest }, random);
          return Number.isSafeInteger(delay) && delay >= 0 && delay <= longest;
        },
      ),
    );
  });
});

describe('backoffOf', () => {
  it("takes the message's choice within the service's longest delay, else the service's own", () => {
    expect(backoffOf(null, backoff)).toBe(backoff);
    expect(backoffOf({ kind: 'fixed', base_delay_ms: 5 }, backoff)).toEqual({
      ...{ kind: 'fixed', baseDelayMs: 5, maxDelayMs: 60_000 },
    });
  });
});
