import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type FleetMember, type FleetOrder, planFleet, slotsOf } from './fleet.policy.js';

const ORDER: FleetOrder = { slots: 0, slotsElsewhere: 0, slotsPerWorker: 4, maxProcesses: 8 };
const member = (place: number, more: Partial<FleetMember> = {}): FleetMember => ({
  ...{ place, state: 'running', startedAtMs: place, slots: 4, calls: 0 },
  ...more,
});

describe('planFleet', () => {
  it('starts as many as the slots take, in free places, and no more than it may', () => {
    expect(planFleet([], { ...ORDER, slots: 9 })).toEqual({ start: [1, 2, 3], drain: [] });
    expect(planFleet([member(2)], { ...ORDER, slots: 9 })).toEqual({ start: [1, 3], drain: [] });
    expect(planFleet([], { ...ORDER, slots: 900 }).start).toHaveLength(8);
  });

  it('leaves out what other workers have', () => {
    expect(planFleet([], { ...ORDER, slots: 12, slotsElsewhere: 8 }).start).toEqual([1]);
    expect(planFleet([member(1)], { ...ORDER, slots: 4, slotsElsewhere: 8 }).drain).toEqual([1]);
  });

  it('orders no more where workers have fewer slots than they are set to have', () => {
    const members = [member(1, { slots: 1 }), member(2, { slots: 1 })];
    expect(planFleet(members, { ...ORDER, slots: 8 })).toEqual({ start: [], drain: [] });
    expect(slotsOf(members, 4)).toBe(2);
  });

  it('drains first who has ended, then who has not begun, then the idlest, then the newest', () => {
    const members = [
      member(1, { calls: 2 }),
      member(2, { calls: 1 }),
      member(3, { calls: 1 }),
      member(4, { state: 'starting', slots: null }),
      member(5, { state: 'waiting', slots: null }),
    ];
    const after = (slots: number) => planFleet(members, { ...ORDER, slots }).drain;
    expect([16, 12, 8, 4].map(after)).toEqual([[5], [5, 4], [5, 4, 3], [5, 4, 3, 2]]);
  });

  it('takes none for there that drains', () => {
    const members = [member(1, { state: 'draining' })];
    expect(planFleet(members, { ...ORDER, slots: 4 })).toEqual({ start: [2], drain: [] });
    expect(slotsOf(members, 4)).toBe(0);
  });

  it('never drains and starts at once, and is done after one step', () => {
    const state = fc.constantFrom('waiting', 'starting', 'running', 'draining') as fc.Arbitrary<
      FleetMember['state']
    >;
    const members = fc
      .array(state, { maxLength: 12 })
      .map((states) => states.map((each, at) => member(at + 1, { state: each })));
    fc.assert(
      fc.property(members, fc.nat(60), fc.nat(20), (before, slots, slotsElsewhere) => {
        const order = { ...ORDER, slots, slotsElsewhere };
        const plan = planFleet(before, order);
        expect(plan.start.length * plan.drain.length).toBe(0);
        const after = [
          ...before.map((each) =>
            plan.drain.includes(each.place) ? { ...each, state: 'draining' as const } : each,
          ),
          ...plan.start.map((place) => member(place, { state: 'starting' })),
        ];
        expect(planFleet(after, order)).toEqual({ start: [], drain: [] });
      }),
    );
  });
});
