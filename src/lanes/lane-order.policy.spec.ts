import fc from 'fast-check';
import { LANES, type Lane } from '../message/message.events.js';
import {
  chooseLane,
  type LaneCredits,
  type LaneLoad,
  type LaneLoads,
  MINIMUM_SHARE_PERCENT,
  NO_CREDITS,
  slotsHeldBackForRealtime,
} from './lane-order.policy.js';

const BOUND_ON_WAIT = { high: 5, normal: 11, low: 22 } as const;

function loads(of: Partial<Record<Lane, Partial<LaneLoad>>>): LaneLoads {
  const load = (lane: Lane): LaneLoad => ({ waiting: 0, running: 0, maxConcurrent: null, ...of[lane] });
  return { realtime: load('realtime'), high: load('high'), normal: load('normal'), low: load('low') };
}

const anyLoad = fc.record({
  waiting: fc.nat({ max: 3 }),
  running: fc.nat({ max: 6 }),
  maxConcurrent: fc.option(fc.integer({ min: 1, max: 6 })),
});
const anyLoads: fc.Arbitrary<LaneLoads> = fc.record({
  realtime: anyLoad,
  high: anyLoad,
  normal: anyLoad,
  low: anyLoad,
});
const anyCredits: fc.Arbitrary<LaneCredits> = fc.record({
  realtime: fc.constant(0),
  high: fc.nat({ max: 130 }),
  normal: fc.nat({ max: 130 }),
  low: fc.nat({ max: 130 }),
});
const anySlots = fc.integer({ min: 1, max: 24 });

/** Chooses again and again as each call ends at once; `waits` says which lanes wait at each step. */
function serve(steps: readonly Record<Lane, boolean>[]): (Lane | null)[] {
  let credits = NO_CREDITS;
  return steps.map((waits) => {
    const waiting = (lane: Lane) => ({ waiting: waits[lane] ? 1 : 0 });
    const choice = chooseLane(
      loads({
        realtime: waiting('realtime'),
        high: waiting('high'),
        normal: waiting('normal'),
        low: waiting('low'),
      }),
      1,
      credits,
    );
    if (choice !== null) credits = choice.credits;
    return choice === null ? null : choice.lane;
  });
}

/** The most choices in a row at which the lane waited and another was served. */
function longestWait(
  lane: Lane,
  steps: readonly Record<Lane, boolean>[],
  served: readonly (Lane | null)[],
): number {
  let longest = 0;
  let waited = 0;
  steps.forEach((waits, step) => {
    waited = served[step] === lane ? 0 : waited + (waits[lane] ? 1 : 0);
    longest = Math.max(longest, waited);
  });
  return longest;
}

const anyWaits = fc.record({
  realtime: fc.boolean(),
  high: fc.boolean(),
  normal: fc.boolean(),
  low: fc.boolean(),
});

describe('chooseLane', () => {
  it('serves the highest waiting lane', () => {
    const choice = chooseLane(loads({ high: { waiting: 1 }, low: { waiting: 9 } }), 2, NO_CREDITS);
    expect(choice?.lane).toBe('high');
  });

  it('holds one slot of four back for realtime', () => {
    const busy = loads({ low: { waiting: 1, running: 3 }, realtime: { waiting: 0 } });
    expect(chooseLane(busy, 4, NO_CREDITS)).toBeNull();
    const urgent = loads({ low: { waiting: 1, running: 3 }, realtime: { waiting: 1 } });
    expect(chooseLane(urgent, 4, NO_CREDITS)?.lane).toBe('realtime');
  });

  it('holds back nothing under four slots, and a tenth of many', () => {
    expect([1, 3, 4, 10, 16, 100].map(slotsHeldBackForRealtime)).toEqual([0, 0, 1, 1, 1, 10]);
  });

  it("keeps to a lane's limit", () => {
    const limited = loads({ high: { waiting: 5, running: 2, maxConcurrent: 2 }, low: { waiting: 1 } });
    expect(chooseLane(limited, 16, NO_CREDITS)?.lane).toBe('low');
  });

  it('is work-conserving: it chooses nobody only when nobody may go, and only who may go', () => {
    fc.assert(
      fc.property(anyLoads, anySlots, anyCredits, (load, slots, credits) => {
        const running = LANES.reduce((sum, lane) => sum + load[lane].running, 0);
        const ordinaryRoom =
          running - load.realtime.running < slots - (slots >= 4 ? Math.max(1, Math.floor(slots / 10)) : 0);
        const mayGo = LANES.filter(
          (lane) =>
            running < slots &&
            load[lane].waiting > 0 &&
            (load[lane].maxConcurrent === null || load[lane].running < load[lane].maxConcurrent) &&
            (lane === 'realtime' || ordinaryRoom),
        );
        const choice = chooseLane(load, slots, credits);
        if (mayGo.length === 0) expect(choice).toBeNull();
        else expect(mayGo).toContain(choice?.lane);
      }),
    );
  });

  it('keeps every minimum share while all lanes are backlogged', () => {
    fc.assert(
      fc.property(fc.integer({ min: 22, max: 2_000 }), (dispatches) => {
        const all = { realtime: true, high: true, normal: true, low: true };
        const served = serve(Array.from({ length: dispatches }, () => all));
        for (const lane of ['high', 'normal', 'low'] as const) {
          const share = served.filter((choice) => choice === lane).length;
          // One less than the share is the one that is owed just now.
          expect(share).toBeGreaterThanOrEqual(
            Math.floor((dispatches * MINIMUM_SHARE_PERCENT[lane]) / 100) - 1,
          );
        }
        const urgent = served.filter((choice) => choice === 'realtime').length;
        expect(urgent).toBeGreaterThanOrEqual(Math.floor(dispatches * 0.65) - 3);
      }),
    );
  });

  it('bounds the wait of every lane, whatever the other lanes do', () => {
    fc.assert(
      fc.property(fc.array(anyWaits, { minLength: 50, maxLength: 300 }), (steps) => {
        const served = serve(steps);
        expect(longestWait('high', steps, served)).toBeLessThan(BOUND_ON_WAIT.high);
        expect(longestWait('normal', steps, served)).toBeLessThan(BOUND_ON_WAIT.normal);
        expect(longestWait('low', steps, served)).toBeLessThan(BOUND_ON_WAIT.low);
      }),
    );
  });

  it('never lets realtime wait for more than the three owed lanes', () => {
    fc.assert(
      fc.property(fc.array(anyWaits, { minLength: 50, maxLength: 300 }), (steps) => {
        expect(longestWait('realtime', steps, serve(steps))).toBeLessThanOrEqual(3);
      }),
    );
  });

  it('gives an idle lane no claim to a burst', () => {
    const lowOnlyAtTheEnd = [
      ...Array.from({ length: 500 }, () => ({ realtime: true, high: false, normal: false, low: false })),
      ...Array.from({ length: 19 }, () => ({ realtime: true, high: false, normal: false, low: true })),
    ];
    expect(serve(lowOnlyAtTheEnd).filter((lane) => lane === 'low')).toHaveLength(0);
  });
});
