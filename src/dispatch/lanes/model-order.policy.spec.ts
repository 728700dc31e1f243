import fc from 'fast-check';
import { LANES, type Lane } from '../../domain/message/lane.policy.js';
import { boundOnWait, type LaneCredits, laneOrder, NO_CREDITS } from './lane-order.policy.js';
import {
  chooseInModel,
  type LaneLook,
  type LaneLooks,
  lookAhead,
  meanService,
  toFetch,
} from './model-order.policy.js';

const { shares } = laneOrder({
  ...{ slots: 1, realtimeReserve: 0 },
  minShare: { realtime: 0, high: 0.2, normal: 0.1, low: 0.05 },
});
const EMPTY: LaneLook = { ready: 0, supposed: false, undecided: false, unanswered: false };
const looks = (of: Partial<Record<Lane, Partial<LaneLook>>>): LaneLooks => {
  const look = (lane: Lane) => ({ ...EMPTY, ...of[lane] });
  return { realtime: look('realtime'), high: look('high'), normal: look('normal'), low: look('low') };
};
const all = () => true;

describe('chooseInModel', () => {
  it('takes the highest lane that is ready, and waits for one above it that may hold something', () => {
    const ready = { normal: { ready: 1 }, low: { ready: 3 } };
    expect(chooseInModel(looks(ready), all, shares, NO_CREDITS)).toMatchObject({
      kind: 'go',
      lane: 'normal',
    });
    const asked = { ...ready, realtime: { undecided: true } };
    expect(chooseInModel(looks(asked), all, shares, NO_CREDITS)).toEqual({ kind: 'not_yet', asked: true });
    const supposed = { ...ready, high: { supposed: true } };
    expect(chooseInModel(looks(supposed), all, shares, NO_CREDITS)).toEqual({
      kind: 'not_yet',
      asked: false,
    });
    const below = { ...ready, low: { undecided: true } };
    expect(chooseInModel(looks(below), all, shares, NO_CREDITS)).toMatchObject({
      kind: 'go',
      lane: 'normal',
    });
  });

  it('lets a lane earn whose answer is not here yet, but never up to a whole call by that', () => {
    const unanswered = looks({ realtime: { ready: 1 }, high: { undecided: true, unanswered: true } });
    const slow = looks({ realtime: { ready: 1 }, high: { unanswered: true } });
    const there = looks({ realtime: { ready: 1 }, high: { ready: 1 } });
    // The first call goes before the answer. Even so, the lane is served within its bound.
    let choice = chooseInModel(unanswered, all, shares, NO_CREDITS);
    const served: (Lane | null)[] = [];
    for (let call = 1; call <= boundOnWait('high', shares); call += 1) {
      if (choice?.kind !== 'go') throw new Error('Something is ready.');
      served.push(choice.lane);
      choice = chooseInModel(there, all, shares, choice.credits);
    }
    expect(served).toEqual(['realtime', 'realtime', 'realtime', 'realtime', 'high']);

    let credits: LaneCredits = NO_CREDITS;
    for (let call = 0; call < 50; call += 1) {
      const next = chooseInModel(slow, all, shares, credits);
      if (next?.kind !== 'go') throw new Error('Something is ready.');
      credits = next.credits;
    }
    expect(credits.high).toBeLessThan(1_000_000);
    expect(credits.normal).toBe(0);
  });

  it('competes by its most urgent lane, whichever is owed the call', () => {
    const owed: LaneCredits = { ...NO_CREDITS, low: 999_999 };
    const both = looks({ realtime: { ready: 1 }, low: { ready: 1 } });
    expect(chooseInModel(both, all, shares, owed)).toMatchObject({ lane: 'low', urgency: 'realtime' });
  });

  it('is nothing where nothing waits, or nothing may begin', () => {
    expect(chooseInModel(looks({}), all, shares, NO_CREDITS)).toBeNull();
    const low = looks({ low: { ready: 1 } });
    expect(chooseInModel(low, (lane) => lane !== 'low', shares, NO_CREDITS)).toBeNull();
  });
});

interface Backlog {
  waiting: Record<Lane, number>;
  here: Record<Lane, number>;
  supposed: Record<Lane, boolean>;
}
const none = () => ({ realtime: 0, high: 0, normal: 0, low: 0 });

/** One place, filled by asking as the worker does: what arrives, arrives between two calls. Returns who was served. */
function serve(
  arrivals: readonly Partial<Record<Lane, number>>[],
  calls: number,
): { served: Lane[]; waited: Set<Lane>[] } {
  const backlog: Backlog = {
    waiting: none(),
    here: none(),
    supposed: { realtime: false, high: false, normal: false, low: false },
  };
  let credits = NO_CREDITS;
  const served: Lane[] = [];
  const waited: Set<Lane>[] = [];
  for (let call = 0; call < calls; call += 1) {
    for (const lane of LANES) backlog.waiting[lane] += arrivals[call % arrivals.length]![lane] ?? 0;
    const waits = new Set(LANES.filter((lane) => backlog.waiting[lane] > 0));
    const asked = new Set<Lane>();
    for (;;) {
      const look = (lane: Lane) => ({
        ready: backlog.here[lane],
        supposed: backlog.supposed[lane],
        undecided: false,
        unanswered: false,
      });
      const now = {
        realtime: look('realtime'),
        high: look('high'),
        normal: look('normal'),
        low: look('low'),
      };
      const unasked = toFetch(now, 1, 0, all, shares, credits);
      const wanted = LANES.filter((lane) => unasked[lane] > backlog.here[lane] && !asked.has(lane));
      const choice = wanted.length > 0 ? null : chooseInModel(now, all, shares, credits);
      for (const lane of wanted) {
        asked.add(lane);
        const got = Math.min(unasked[lane] - backlog.here[lane], backlog.waiting[lane]);
        backlog.waiting[lane] -= got;
        backlog.here[lane] += got;
        backlog.supposed[lane] = backlog.waiting[lane] > 0;
      }
      if (wanted.length > 0) continue;
      if (choice?.kind === 'go') {
        credits = choice.credits;
        backlog.here[choice.lane] -= 1;
        served.push(choice.lane);
        waited.push(waits);
      }
      break;
    }
    // What found no place goes back.
    for (const lane of LANES) {
      if (backlog.here[lane] > 0) backlog.supposed[lane] = true;
      backlog.waiting[lane] += backlog.here[lane];
      backlog.here[lane] = 0;
    }
  }
  return { served, waited };
}

describe('one place, filled from the lanes of its model', () => {
  const some = fc.record(
    { realtime: fc.nat(2), high: fc.nat(2), normal: fc.nat(2), low: fc.nat(2) },
    { requiredKeys: [] },
  );

  it('is never left empty while anything waits', () => {
    fc.assert(
      fc.property(fc.array(some, { minLength: 1, maxLength: 20 }), (arrivals) => {
        const { served } = serve(arrivals, 100);
        const total = (calls: number) =>
          Array.from({ length: calls }, (_, call) => arrivals[call % arrivals.length]!)
            .flatMap((one) => LANES.map((lane) => one[lane] ?? 0))
            .reduce((sum, count) => sum + count, 0);
        if (LANES.some((lane) => arrivals.every((one) => (one[lane] ?? 0) > 0)))
          expect(served).toHaveLength(100);
        expect(served.length).toBeLessThanOrEqual(total(100));
      }),
    );
  });

  it('keeps the bound on the wait of every lane, though it fetches one message at a time', () => {
    fc.assert(
      fc.property(fc.array(some, { minLength: 1, maxLength: 60 }), (arrivals) => {
        const { served, waited } = serve(arrivals, 300);
        for (const lane of LANES) {
          let passed = 0;
          served.forEach((choice, at) => {
            passed = choice === lane || !waited[at]!.has(lane) ? 0 : passed + 1;
            expect(passed).toBeLessThan(boundOnWait(lane, shares));
          });
        }
      }),
    );
  });
});

describe('toFetch', () => {
  const anyLook = fc.record({
    ready: fc.nat(3),
    supposed: fc.boolean(),
    undecided: fc.constant(false),
    unanswered: fc.constant(false),
  });
  const anyLooks = fc.record({ realtime: anyLook, high: anyLook, normal: anyLook, low: anyLook });

  it('asks full lanes for exactly the places, and others for one that may go first', () => {
    fc.assert(
      fc.property(anyLooks, fc.integer({ min: 1, max: 40 }), fc.subarray([...LANES]), (now, places, open) => {
        const counts = toFetch(now, places, 0, (lane) => open.includes(lane), shares, NO_CREDITS);
        const full = open.filter((lane) => now[lane].ready > 0 || now[lane].supposed);
        const sum = full.reduce((total, lane) => total + counts[lane], 0);
        expect(sum).toBe(full.length === 0 ? 0 : places);
        for (const lane of LANES) {
          if (!open.includes(lane)) expect(counts[lane]).toBe(0);
          else if (!full.includes(lane)) expect(counts[lane]).toBe(full.length > 0 ? 1 : Math.min(4, places));
        }
      }),
    );
  });

  it('has what is chosen first among what is fetched', () => {
    fc.assert(
      fc.property(anyLooks, fc.integer({ min: 1, max: 8 }), (now, places) => {
        const choice = chooseInModel(now, all, shares, NO_CREDITS);
        const counts = toFetch(now, places, 0, all, shares, NO_CREDITS);
        if (choice?.kind === 'go') expect(counts[choice.lane]).toBeGreaterThan(0);
        if (choice?.kind === 'not_yet')
          expect(LANES.some((lane) => now[lane].ready === 0 && counts[lane] > 0)).toBe(true);
      }),
    );
  });
});

describe('the look-ahead', () => {
  it('is what begins within 20 ms: much of a fast model, nothing of a slow one', () => {
    expect(lookAhead(16, 2, 1_000)).toBe(160);
    expect(lookAhead(16, 2, 64)).toBe(64);
    expect(lookAhead(16, 300, 64)).toBe(1);
    expect(lookAhead(16, 3_000, 64)).toBe(0);
    expect([lookAhead(16, null, 64), lookAhead(0, 2, 64)]).toEqual([0, 0]);
  });

  it('follows the calls of late', () => {
    let mean: number | null = null;
    for (let call = 0; call < 5; call += 1) mean = meanService(mean, 1);
    expect(mean).toBeCloseTo(1);
    for (let call = 0; call < 50; call += 1) mean = meanService(mean, 1_000);
    expect(mean).toBeGreaterThan(950);
  });
});
