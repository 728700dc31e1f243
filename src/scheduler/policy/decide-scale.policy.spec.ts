import fc from 'fast-check';
import { LANES, type Lane } from '../../domain/message/lane.policy.js';
import { decideScale, type ScaleDecision } from './decide-scale.policy.js';
import type { LaneReading, ScaleInputs, Unknown } from './scale-inputs.policy.js';
import {
  SCALE_DEFAULTS,
  SCALE_STRATEGIES,
  type ScaleSettings,
  type ScaleStrategy,
} from './scale-settings.policy.js';
import { firstScaleState, type ScaleState } from './scale-state.policy.js';
import { eachLane, NO_SLOTS, type SlotsByLane, totalOf } from './slots-by-lane.policy.js';

const RATE_BASED: readonly ScaleStrategy[] = ['adaptive', 'hybrid'];
const strategy = fc.constantFrom(...SCALE_STRATEGIES);

/** A load that comes evenly, second by second, with one call of two seconds after another. */
interface Load {
  readonly perSecond: number;
  readonly waiting: SlotsByLane;
  readonly tokensEach: number | null;
  readonly startDelayMs: number;
}

const EVEN: Load = { perSecond: 4, waiting: eachLane(() => 0), tokensEach: 500, startDelayMs: 5_000 };
const SECONDS_EACH = 2;

/** The counters go on from the inputs before. */
function next(before: ScaleInputs | null, load: Load, slots: number): ScaleInputs {
  const counted = (lane: Lane) => before?.lanes[lane] as LaneReading | undefined;
  const served = before?.service as
    | { served: number; busyMs: number; servedTokens: number | null }
    | undefined;
  const tokens = (count: number) => (load.tokensEach === null ? null : count * load.tokensEach);
  const [each, done] = [load.perSecond / LANES.length, (served?.served ?? 0) + load.perSecond];
  return {
    ...{ model: 'm', atMs: (before?.atMs ?? 0) + 1_000, slots, startDelayMs: load.startDelayMs },
    lanes: eachLane((lane) => {
      const arrived = (counted(lane)?.arrived ?? 0) + each;
      return {
        ...{ waiting: load.waiting[lane], running: load.perSecond === 0 ? 0 : 1, oldestAgeMs: 0, due: [] },
        ...{ arrived, arrivedTokens: tokens(arrived), waitingTokens: tokens(load.waiting[lane]) },
      };
    }),
    service: { served: done, busyMs: done * SECONDS_EACH * 1000, servedTokens: tokens(done) },
  };
}

interface Played {
  readonly inputs: ScaleInputs;
  readonly state: ScaleState;
  readonly decisions: readonly ScaleDecision[];
}

function play(settings: ScaleSettings, load: Load, seconds: number, from?: Played, slots = 8): Played {
  let inputs = from?.inputs ?? null;
  let state = from?.state ?? firstScaleState(slots);
  const decisions: ScaleDecision[] = [];
  for (let second = 0; second < seconds; second += 1) {
    inputs = next(inputs, load, totalOf(state.slots));
    const decision = decideScale(inputs, settings, state);
    decisions.push(decision);
    state = decision.state;
  }
  return { inputs: inputs!, state, decisions };
}

const withStrategy = (name: ScaleStrategy, more: Partial<ScaleSettings> = {}): ScaleSettings => ({
  ...SCALE_DEFAULTS,
  ...more,
  strategy: name,
});

const perLane = <T>(of: fc.Arbitrary<T>) => fc.record({ realtime: of, high: of, normal: of, low: of });
const loads: fc.Arbitrary<Load> = fc.record({
  perSecond: fc.integer({ min: 0, max: 200 }),
  waiting: perLane(fc.integer({ min: 0, max: 500 })),
  tokensEach: fc.constantFrom(null, 100, 2_000),
  startDelayMs: fc.constantFrom(1_000, 60_000, 300_000),
});
const bounds = fc
  .record({
    lanes: perLane(
      fc.record({ floor: fc.integer({ min: 0, max: 6 }), room: fc.integer({ min: 0, max: 60 }) }),
    ),
    minSlots: fc.integer({ min: 0, max: 30 }),
    room: fc.integer({ min: 0, max: 60 }),
  })
  .map(({ lanes, minSlots, room }) => ({
    lanes: eachLane((lane) => ({
      ...SCALE_DEFAULTS.lanes[lane],
      minSlots: lanes[lane].floor,
      maxSlots: lanes[lane].floor + lanes[lane].room,
    })),
    minSlots,
    maxSlots: Math.max(1, minSlots, totalOf(eachLane((lane) => lanes[lane].floor))) + room,
  }));

it('never leaves the floors and ceilings, from whatever size it begins', () => {
  fc.assert(
    fc.property(
      strategy,
      bounds,
      fc.array(loads, { minLength: 1, maxLength: 4 }),
      fc.nat(200),
      (name, bound, row, slots) => {
        const settings = withStrategy(name, bound);
        let played: Played | undefined;
        for (const load of row) {
          played = play(settings, load, 20, played, slots);
          for (const decision of played.decisions) {
            for (const lane of LANES) {
              expect(decision.slots[lane]).toBeGreaterThanOrEqual(bound.lanes[lane].minSlots);
              expect(decision.slots[lane]).toBeLessThanOrEqual(bound.lanes[lane].maxSlots);
            }
            const roomOfLanes = totalOf(eachLane((lane) => bound.lanes[lane].maxSlots));
            expect(decision.total).toBeGreaterThanOrEqual(Math.min(bound.minSlots, roomOfLanes));
            expect(decision.total).toBeLessThanOrEqual(bound.maxSlots);
          }
        }
      },
    ),
    { numRuns: 20 },
  );
});

it('wants no less for more that waits in any lane', () => {
  fc.assert(
    fc.property(
      strategy,
      bounds,
      loads,
      fc.constantFrom(...LANES),
      fc.nat(300),
      (name, bound, load, lane, more) => {
        const settings = withStrategy(name, bound);
        const before = play(settings, { ...load, waiting: EVEN.waiting }, 90);
        const fuller = { ...load, waiting: { ...load.waiting, [lane]: load.waiting[lane] + more } };
        const few = play(settings, load, 1, before).decisions[0]!;
        const many = play(settings, fuller, 1, before).decisions[0]!;
        expect(many.total).toBeGreaterThanOrEqual(few.total);
      },
    ),
    { numRuns: 20 },
  );
});

it('wants no less for a higher arrival rate', () => {
  fc.assert(
    fc.property(strategy, bounds, loads, fc.nat(200), (name, bound, load, more) => {
      const settings = withStrategy(name, bound);
      const slow = play(settings, load, 90);
      const fast = play(settings, { ...load, perSecond: load.perSecond + more }, 90);
      expect(totalOf(fast.state.slots)).toBeGreaterThanOrEqual(totalOf(slow.state.slots));
    }),
    { numRuns: 20 },
  );
});

it('settles under a constant load, and changes nothing more', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...RATE_BASED, 'static' as const),
      loads,
      fc.nat(400),
      (name, load, slots) => {
        const calm = { ...load, waiting: EVEN.waiting };
        const settled = play(withStrategy(name), calm, 1_300, undefined, slots);
        const later = play(withStrategy(name), calm, 400, settled);
        expect(later.decisions.filter(({ change }) => change !== 'none')).toEqual([]);
      },
    ),
    { numRuns: 3 },
  );
});

describe('a step of load', () => {
  it.each(RATE_BASED)('%s reaches the right size within two decisions', (name) => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 40 }),
        fc.integer({ min: 2, max: 8 }),
        fc.constantFrom(5_000, 60_000, 300_000),
        (low, factor, startDelayMs) => {
          const load = { ...EVEN, perSecond: low, startDelayMs };
          const settings = withStrategy(name);
          const right = (perSecond: number) => (perSecond * SECONDS_EACH) / settings.utilisation;
          const before = play(settings, load, 700);
          const up = play(settings, { ...load, perSecond: low * factor }, 120, before);
          expect(up.decisions.filter(({ change }) => change !== 'none').length).toBeLessThanOrEqual(2);
          expect(totalOf(up.state.slots)).toBeGreaterThanOrEqual(right(low * factor) * 0.9);
          // Until the new slots begin, the old ones leave work behind that the new ones have to do as well.
          const piledUp = Math.max(0, low * factor * SECONDS_EACH - totalOf(before.state.slots));
          expect(totalOf(up.state.slots)).toBeLessThanOrEqual(right(low * factor) * 1.1 + piledUp + 1);
        },
      ),
      { numRuns: 6 },
    );
  });

  it.each(RATE_BASED)('%s comes down again in two more', (name) => {
    const settings = withStrategy(name);
    const high = play(settings, { ...EVEN, perSecond: 40 }, 700, play(settings, EVEN, 700));
    const down = play(settings, EVEN, 1_300, high);
    expect(down.decisions.filter(({ change }) => change === 'down').length).toBeLessThanOrEqual(2);
    expect(down.decisions.filter(({ change }) => change === 'up')).toEqual([]);
    expect(totalOf(down.state.slots)).toBeLessThanOrEqual(12);
  });
});

it('keeps its cool-downs', () => {
  fc.assert(
    fc.property(strategy, fc.array(loads, { minLength: 3, maxLength: 6 }), (name, row) => {
      const settings = withStrategy(name);
      let played: Played | undefined;
      const changes: ScaleDecision[] = [];
      for (const load of row) {
        played = play(settings, load, 100, played);
        changes.push(...played.decisions.filter(({ change }) => change !== 'none'));
      }
      for (const [at, decision] of changes.entries()) {
        const before = changes[at - 1];
        if (before === undefined) continue;
        const apartMs = decision.inputs.atMs - before.inputs.atMs;
        if (decision.change === 'down') expect(apartMs).toBeGreaterThanOrEqual(settings.downCoolDownMs);
        else if (before.change === 'up') expect(apartMs).toBeGreaterThanOrEqual(settings.upCoolDownMs);
      }
    }),
    { numRuns: 20 },
  );
});

describe('what is unknown', () => {
  const unknown = fc.constantFrom<Unknown>(
    { unknown: 'stale' },
    { unknown: 'missing_consumer' },
    { unknown: 'unreachable' },
  );

  it('holds the slots of its lane, never lowers the sum, and is told', () => {
    fc.assert(
      fc.property(
        strategy,
        loads,
        loads,
        fc.constantFrom(...LANES),
        unknown,
        (name, first, second, lane, why) => {
          const settings = withStrategy(name);
          const before = play(settings, first, 400);
          const inputs = next(before.inputs, second, totalOf(before.state.slots));
          const blind = { ...inputs, atMs: inputs.atMs + 400_000, lanes: { ...inputs.lanes, [lane]: why } };
          const decision = decideScale(blind, settings, before.state);
          expect(decision.slots[lane]).toBe(before.state.slots[lane]);
          expect(decision.total).toBeGreaterThanOrEqual(totalOf(before.state.slots));
          expect(decision.reason).toContain(`${lane} is unknown`);
        },
      ),
      { numRuns: 20 },
    );
  });

  it('holds its lane while others grow', () => {
    const before = play(withStrategy('adaptive'), EVEN, 400);
    const inputs = next(
      before.inputs,
      { ...EVEN, waiting: { ...EVEN.waiting, low: 400 } },
      totalOf(before.state.slots),
    );
    const blind = { ...inputs, lanes: { ...inputs.lanes, high: { unknown: 'stale' } as const } };
    const decision = decideScale(blind, withStrategy('adaptive'), before.state);
    expect(decision.change).toBe('up');
    expect(before.state.slots.high).toBeGreaterThan(0);
    expect(decision.slots.high).toBe(before.state.slots.high);
  });

  it('holds all where the broker is gone, and goes on from there when it is back', () => {
    const settings = withStrategy('hybrid');
    const before = play(settings, { ...EVEN, perSecond: 40 }, 700);
    let state = before.state;
    const gone: ScaleInputs['lanes'] = eachLane(() => ({ unknown: 'unreachable' }) as const);
    for (let minute = 1; minute <= 30; minute += 1) {
      const inputs = { ...before.inputs, atMs: before.inputs.atMs + minute * 60_000, lanes: gone };
      const decision = decideScale(inputs, settings, state);
      expect(decision).toMatchObject({ change: 'none', slots: before.state.slots });
      state = decision.state;
    }
    const inputs = { ...before.inputs, atMs: before.inputs.atMs + 1_900_000 };
    const back = play(settings, { ...EVEN, perSecond: 40 }, 60, { ...before, inputs, state });
    expect(back.decisions.every(({ total }) => total === totalOf(before.state.slots))).toBe(true);
  });

  it('is the service time before the first call ended: one slot finds it out', () => {
    const inputs = next(null, { ...EVEN, perSecond: 0, waiting: { ...EVEN.waiting, low: 7 } }, 0);
    const none = { ...inputs, service: { served: 0, busyMs: 0, servedTokens: 0 } };
    const settings = withStrategy('adaptive', { minSlots: 0, zeroAfterMs: 60_000 });
    const decision = decideScale(none, settings, firstScaleState(0));
    expect(decision.slots).toEqual({ realtime: 0, high: 0, normal: 0, low: 1 });
    expect(decision.reason).toContain('not known yet');
  });
});

describe('scale to zero', () => {
  const none = { ...EVEN, perSecond: 0 };

  it('comes after the idle time, where it is allowed', () => {
    for (const name of SCALE_STRATEGIES) {
      const settings = withStrategy(name, { minSlots: 0, zeroAfterMs: 600_000 });
      const busy = play(settings, EVEN, 60);
      const idle = play(settings, none, 700, busy);
      const at = idle.decisions.findIndex(({ total }) => total === 0);
      expect(at).toBeGreaterThanOrEqual(599);
      expect(at).toBeLessThanOrEqual(602);
      expect(idle.decisions[at]!.reason).toContain('nothing waited, ran or came');
      const again = play(settings, { ...none, waiting: { ...none.waiting, high: 1 } }, 1, idle);
      expect(again.decisions[0]!.total).toBeGreaterThan(0);
    }
  });

  it('ends with the first message of a model that nobody ever served, at once, and not before', () => {
    const strategies = fc.constantFrom(...RATE_BASED, 'dynamic' as const);
    const readings = (waiting: SlotsByLane, atMs: number): ScaleInputs => ({
      ...{ model: 'm', atMs, slots: 0, startDelayMs: 60_000 },
      lanes: eachLane((lane) => ({
        ...{ waiting: waiting[lane], arrived: waiting[lane], running: 0, oldestAgeMs: 0, due: [] },
        ...{ waitingTokens: null, arrivedTokens: null },
      })),
      service: { served: 0, busyMs: 0, servedTokens: null },
    });
    fc.assert(
      fc.property(
        strategies,
        fc.constantFrom(...LANES),
        fc.integer({ min: 1, max: 500 }),
        fc.nat(60),
        (name, lane, waiting, seconds) => {
          const settings = withStrategy(name, { minSlots: 0, zeroAfterMs: 300_000 });
          let state = firstScaleState(0);
          for (let second = 0; second <= seconds; second += 1) {
            const before = decideScale(readings(NO_SLOTS, second * 1_000), settings, state);
            expect(before.total).toBe(0);
            state = before.state;
          }
          const came = readings({ ...NO_SLOTS, [lane]: waiting }, (seconds + 1) * 1_000);
          const first = decideScale(came, settings, state);
          expect([first.change, first.total]).toEqual(['up', 1]);
          expect(decideScale(came, settings, first.state).total).toBeGreaterThanOrEqual(1);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('never comes where it is not allowed, or where work is left', () => {
    fc.assert(
      fc.property(strategy, fc.boolean(), fc.constantFrom(...LANES), (name, isAllowed, lane) => {
        const settings = withStrategy(name, { minSlots: 0, zeroAfterMs: isAllowed ? 60_000 : null });
        const left = isAllowed ? { ...none, waiting: { ...none.waiting, [lane]: 1 } } : none;
        const { decisions } = play(settings, left, 700, play(settings, EVEN, 30));
        expect(Math.min(...decisions.map(({ total }) => total))).toBeGreaterThan(0);
      }),
      { numRuns: 5 },
    );
  });
});

it('counts long prompts as more than short ones, where tokens are known', () => {
  const settings = withStrategy('adaptive');
  const before = play(settings, EVEN, 400);
  const more = next(before.inputs, EVEN, totalOf(before.state.slots));
  const withTokens = (waitingTokens: number) => {
    const low = { ...(more.lanes.low as LaneReading), waiting: 20, waitingTokens };
    return decideScale({ ...more, lanes: { ...more.lanes, low } }, settings, before.state);
  };
  expect(withTokens(20 * 8_192).total).toBeGreaterThan(withTokens(20 * 512).total);
});

it('hurries for deadlines that are near', () => {
  const settings = withStrategy('adaptive');
  const before = play(settings, EVEN, 400);
  const more = next(before.inputs, EVEN, totalOf(before.state.slots));
  const low = { ...(more.lanes.low as LaneReading), waiting: 30, due: [{ withinMs: 10_000, messages: 30 }] };
  const decision = decideScale({ ...more, lanes: { ...more.lanes, low } }, settings, before.state);
  expect(decision.change).toBe('up');
  expect(decision.slots.low).toBeGreaterThanOrEqual(6);
});

it('says why in words, with its inputs', () => {
  const { decisions } = play(withStrategy('adaptive'), { ...EVEN, perSecond: 20 }, 60);
  const raise = decisions.find(({ change }) => change === 'up')!;
  expect(raise.reason).toContain('arrivals keep 40 slots busy (counted in tokens), at 80 % utilisation');
  expect(raise.inputs.lanes.normal).toMatchObject({ waiting: 0 });
});
