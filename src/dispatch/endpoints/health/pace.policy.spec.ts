import fc from 'fast-check';
import {
  began,
  firstCalls,
  learned,
  NO_PACE,
  nextCallMs,
  nextFirstCallsMs,
  type Pace,
  rateAt,
  refused,
  took,
} from './pace.policy.js';

/** A deployment that allows so many calls in each window, and takes or refuses at once. */
function windowed(perWindow: number, windowMs: number) {
  const calls: number[] = [];
  return (nowMs: number) => {
    while (calls.length > 0 && calls[0]! <= nowMs - windowMs) calls.shift();
    if (calls.length >= perWindow) return false;
    calls.push(nowMs);
    return true;
  };
}

/** Sends calls as fast as the pace lets them go. */
function drive(takes: (nowMs: number) => boolean, wanted: number, coolMs: number) {
  let pace: Pace = NO_PACE;
  let coolUntilMs = 0;
  let now = 0;
  const done: number[] = [];
  let refusals = 0;
  while (done.length < wanted && now < 3_600_000) {
    pace = learned(pace, 0, now);
    if (now < coolUntilMs || nextCallMs(pace, now) > now) {
      now += 1;
      continue;
    }
    pace = began(pace, now, 1);
    if (takes(now)) {
      pace = took(pace, 1);
      done.push(now);
    } else {
      refusals += 1;
      coolUntilMs = now + coolMs;
      pace = refused(pace, now, coolUntilMs);
    }
    now += 1;
  }
  return { lastMs: done.at(-1) ?? 0, refusals, done: done.length };
}

describe('a pace', () => {
  it('brings 24 calls to a deployment of two a second in about 12 s', () => {
    const { lastMs, refusals } = drive(windowed(2, 1_000), 24, 1_000);
    expect(lastMs).toBeGreaterThan(10_500);
    expect(lastMs).toBeLessThan(14_000);
    expect(refusals).toBeLessThanOrEqual(3);
  });

  it('asks one call at a time where the very first calls are refused', () => {
    const closedFor = (ms: number) => drive((nowMs) => nowMs >= ms, 20, 1_000);
    const { lastMs, refusals } = closedFor(500);
    expect(lastMs).toBeLessThan(20_000);
    expect(refusals).toBe(1);
    // As often as the deployment says, one call at a time.
    expect(closedFor(60_000).refusals).toBeLessThanOrEqual(61);
  });

  it('uses most of any limit, with few refusals', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 500, max: 2_000 }), (limit, coolMs) => {
        const wanted = limit * 40;
        const { lastMs, refusals, done } = drive(windowed(limit, 1_000), wanted, coolMs);
        expect(done).toBe(wanted);
        expect(lastMs).toBeLessThan((wanted / limit) * 1_000 * 1.25 + 2 * coolMs);
        expect(refusals).toBeLessThanOrEqual(7);
      }),
      { numRuns: 40 },
    );
  });

  it('never lets more calls begin in a span than its rate, for all parts together', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.5, max: 50, noNaN: true }),
        fc.integer({ min: 1, max: 4 }),
        (perSecond, parts) => {
          let calls = 0;
          for (let worker = 0; worker < parts; worker += 1) {
            let pace: Pace = { ...NO_PACE, perSecond, learnedAtMs: 0, nextAtMs: 0 };
            for (let now = 0; now <= 5_000; now += 5) {
              if (nextCallMs(pace, now) > now) continue;
              pace = began(pace, now, 1 / parts);
              calls += 1;
            }
          }
          const most = rateAt({ ...NO_PACE, perSecond }, 5_000)! * 5;
          expect(calls).toBeLessThanOrEqual(most + 2 * parts);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('is learned again as slower by each refusal, and forgotten in the end', () => {
    const first = learned(refused(took(began(NO_PACE, 0, 1), 10), 0, 2_000), 0, 2_000);
    expect(first.perSecond).toBeCloseTo(4.75);
    const again = learned(refused(took(began(first, 2_000, 1), 900), 2_000, 3_000), 0, 3_000);
    expect(again.perSecond).toBeLessThan(first.perSecond!);
    expect(rateAt(again, 10_000)).toBeGreaterThan(again.perSecond!);
    expect(rateAt(again, 3_600_000)).toBeNull();
  });

  it('falls a little below what was refused after it went well, and not to the mean of the time before', () => {
    const first = learned(refused(took(began(NO_PACE, 0, 1), 10), 0, 2_000), 0, 2_000);
    const refusedAtMs = 12_000;
    const rate = rateAt(first, refusedAtMs)!;
    expect(rate).toBeGreaterThan(2 * first.perSecond!);
    const again = learned(refused(took(first, 70), refusedAtMs, 14_000), 0, 14_000);
    expect(again.perSecond).toBeGreaterThan(0.75 * rate);
    expect(again.perSecond).toBeLessThan(0.95 * rate);
    // Hardly any calls came: the rate that they were allowed was never tried.
    const unused = learned(refused(took(first, 10), refusedAtMs, 14_000), 0, 14_000);
    expect(unused.perSecond).toBeCloseTo((10 / 12) * 0.95, 2);
  });

  it('counts what is under way when the cool-down is over as taken', () => {
    const pace = refused(began(NO_PACE, 0, 1), 0, 1_000);
    expect([learned(pace, 4, 999).perSecond, learned(pace, 4, 1_000).perSecond]).toEqual([null, 3.8]);
  });
});

describe('the first calls', () => {
  it('are few, and more with each that is taken and with time', () => {
    expect(firstCalls(null, 0, 0)).toBe(4);
    expect([0, 499, 500, 2_000].map((now) => firstCalls(0, 0, now))).toEqual([4, 4, 8, 64]);
    expect([firstCalls(0, 10, 0), firstCalls(0, 0, 2_500)]).toEqual([24, Infinity]);
    expect([nextFirstCallsMs(null, 0), nextFirstCallsMs(0, 300), nextFirstCallsMs(0, 2_500)]).toEqual([
      ...[null, 500, null],
    ]);
  });
});
