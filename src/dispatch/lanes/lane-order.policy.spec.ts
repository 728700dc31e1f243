import fc from 'fast-check';
import { LANES, type Lane } from '../../domain/message/lane.policy.js';
import {
  boundOnWait,
  choicesInARow,
  chooseLane,
  creditsAfter,
  DISPATCH,
  type LaneCredits,
  type LaneLoad,
  type LaneLoads,
  type LaneOrder,
  laneOrder,
  NO_CREDITS,
  slotsHeldBackForRealtime,
} from './lane-order.policy.js';

const BOUND_ON_WAIT = { high: 5, normal: 11, low: 22 } as const;
const MIN_SHARE = { realtime: 0, high: 0.2, normal: 0.1, low: 0.05 } as const;
const order = (slots: number, minShare: Record<Lane, number> = MIN_SHARE): LaneOrder =>
  laneOrder({ slots, realtimeReserve: 0.1, minShare });
const DEFAULT_SHARES = order(1).shares;

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
  high: fc.nat({ max: 1.3 * DISPATCH }),
  normal: fc.nat({ max: 1.3 * DISPATCH }),
  low: fc.nat({ max: 1.3 * DISPATCH }),
});
const anySlots = fc.integer({ min: 1, max: 24 });

/** Chooses again and again as each call ends at once; `waits` says which lanes wait at each step. */
function serve(steps: readonly Record<Lane, boolean>[], oneSlot = order(1)): (Lane | null)[] {
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
      oneSlot,
      credits,
    );
    if (choice !== null) credits = choice.credits;
    return choice === null ? null : choice.lane;
  });
}

/** The most choices in a row in which the lane waited and another was served. */
function longestWait(
  lane: Lane,
  steps: readonly Record<Lane, boolean>[],
  served: readonly (Lane | null)[],
): number {
  let longest = 0;
  let waited = 0;
  steps.forEach((waits, step) => {
    waited = served[step] === lane || !waits[lane] ? 0 : waited + 1;
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

/** Shares of which some are 0 and whose sum is below 1. */
const anyShares: fc.Arbitrary<Record<Lane, number>> = fc
  .record({
    weights: fc.array(fc.nat({ max: 100 }), { minLength: 4, maxLength: 4 }),
    sum: fc.integer({ min: 1, max: 97 }),
  })
  .map(({ weights, sum }) => {
    const total = Math.max(1, weights[0]! + weights[1]! + weights[2]! + weights[3]!);
    const share = (at: number) => Math.floor((weights[at]! * sum * 1_000) / total) / 100_000;
    return { realtime: share(0), high: share(1), normal: share(2), low: share(3) };
  });

describe('chooseLane', () => {
  it('serves the highest waiting lane', () => {
    const choice = chooseLane(loads({ high: { waiting: 1 }, low: { waiting: 9 } }), order(2), NO_CREDITS);
    expect(choice?.lane).toBe('high');
  });

  it('holds one slot of four back for realtime', () => {
    const busy = loads({ low: { waiting: 1, running: 3 }, realtime: { waiting: 0 } });
    expect(chooseLane(busy, order(4), NO_CREDITS)).toBeNull();
    const urgent = loads({ low: { waiting: 1, running: 3 }, realtime: { waiting: 1 } });
    expect(chooseLane(urgent, order(4), NO_CREDITS)?.lane).toBe('realtime');
  });

  it('holds back nothing under four slots, and a tenth of many', () => {
    expect([1, 3, 4, 10, 16, 100].map((slots) => slotsHeldBackForRealtime(slots, 0.1))).toEqual([
      0, 0, 1, 1, 1, 10,
    ]);
    expect([4, 16].map((slots) => slotsHeldBackForRealtime(slots, 0))).toEqual([0, 0]);
    expect([4, 16].map((slots) => slotsHeldBackForRealtime(slots, 0.9))).toEqual([3, 14]);
  });

  it("keeps to a lane's limit", () => {
    const limited = loads({ high: { waiting: 5, running: 2, maxConcurrent: 2 }, low: { waiting: 1 } });
    expect(chooseLane(limited, order(16), NO_CREDITS)?.lane).toBe('low');
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
        const choice = chooseLane(load, order(slots), credits);
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
            Math.floor((dispatches * DEFAULT_SHARES[lane]) / DISPATCH) - 1,
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

  it('publishes these bounds', () => {
    const bounds = LANES.map((lane) => boundOnWait(lane, DEFAULT_SHARES));
    expect(bounds).toEqual([
      Number.POSITIVE_INFINITY,
      BOUND_ON_WAIT.high,
      BOUND_ON_WAIT.normal,
      BOUND_ON_WAIT.low,
    ]);
  });

  it('keeps the published bound for whatever shares are configured, and whatever the other lanes do', () => {
    fc.assert(
      fc.property(anyShares, fc.array(anyWaits, { minLength: 50, maxLength: 300 }), (minShare, steps) => {
        const oneSlot = order(1, minShare);
        const served = serve(steps, oneSlot);
        for (const lane of LANES) {
          expect(longestWait(lane, steps, served)).toBeLessThan(boundOnWait(lane, oneSlot.shares));
        }
      }),
      { numRuns: 500 },
    );
  });

  it('keeps the published bound for a lane that never stops waiting, for whatever shares', () => {
    const lanes = fc.constantFrom(...LANES);
    fc.assert(
      fc.property(
        anyShares,
        lanes,
        fc.array(anyWaits, { minLength: 300, maxLength: 600 }),
        (minShare, lane, steps) => {
          const oneSlot = order(1, minShare);
          const always = steps.map((waits) => ({ ...waits, [lane]: true }));
          expect(longestWait(lane, always, serve(always, oneSlot))).toBeLessThan(
            boundOnWait(lane, oneSlot.shares),
          );
        },
      ),
      { numRuns: 500 },
    );
  });

  it('keeps every configured share while all lanes are backlogged', () => {
    const all = { realtime: true, high: true, normal: true, low: true };
    fc.assert(
      fc.property(anyShares, (minShare) => {
        const { shares } = order(1, minShare);
        const dispatches = 1_000;
        const served = serve(
          Array.from({ length: dispatches }, () => all),
          order(1, minShare),
        );
        for (const lane of LANES) {
          const got = served.filter((choice) => choice === lane).length;
          // What the lane and those above it have together as credit is below one dispatch for each of them.
          const owing = LANES.slice(0, LANES.indexOf(lane) + 1).filter((upper) => shares[upper] > 0).length;
          expect(got).toBeGreaterThan((dispatches * shares[lane]) / DISPATCH - Math.max(1, owing));
        }
      }),
    );
  });

  it('keeps the bound, but for one choice, and the shares where two choose at the same moment without seeing each other', () => {
    const all = loads({
      ...{ realtime: { waiting: 9 }, high: { waiting: 9 }, normal: { waiting: 9 }, low: { waiting: 9 } },
    });
    const oneSlot = order(1);
    const accounts = [NO_CREDITS, NO_CREDITS];
    const served: Lane[] = [];
    for (let round = 0; round < 1_000; round += 1) {
      const chosen = accounts.map((credits) => chooseLane(all, oneSlot, credits, 1)!.lane);
      served.push(...chosen);
      accounts.forEach((credits, at) => {
        const inOrder = at === 0 ? chosen : [...chosen].reverse();
        accounts[at] = inOrder.reduce(
          (sum, lane) => creditsAfter(sum, lane, LANES, oneSlot.shares, 1),
          credits,
        );
      });
    }
    const always = served.map(() => ({ realtime: true, high: true, normal: true, low: true }));
    for (const lane of ['high', 'normal', 'low'] as const) {
      expect(longestWait(lane, always, served)).toBeLessThan(BOUND_ON_WAIT[lane] + 1);
      const share = served.filter((choice) => choice === lane).length / served.length;
      expect(share).toBeGreaterThanOrEqual(MIN_SHARE[lane] - 0.01);
    }
    expect(served.filter((lane) => lane === 'realtime').length / served.length).toBeGreaterThan(0.4);
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

describe('choicesInARow', () => {
  it('counts what one choice after the other would give to each lane', () => {
    const anyLanes = fc.subarray([...LANES], { minLength: 1 });
    const property = (lanes: readonly Lane[], credits: LaneCredits, count: number, unseen: number) => {
      const waiting = loads(Object.fromEntries(lanes.map((lane) => [lane, { waiting: 1 }])));
      const one = { ...order(1), heldBack: 0 };
      const expected = { realtime: 0, high: 0, normal: 0, low: 0 };
      let owed = credits;
      for (let step = 0; step < count; step += 1) {
        const choice = chooseLane(waiting, one, owed, unseen)!;
        owed = choice.credits;
        expected[choice.lane] += 1;
      }
      expect(choicesInARow(count, lanes, one.shares, credits, unseen)).toEqual(expected);
    };
    fc.assert(fc.property(anyLanes, anyCredits, fc.nat({ max: 60 }), fc.nat({ max: 2 }), property));
  });
});
