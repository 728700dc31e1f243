import fc from 'fast-check';
import { LANES, type Lane } from '../../domain/message/lane.policy.js';
import { slotsHeldBackForRealtime } from '../lanes/lane-order.policy.js';
import { Slots } from './slots.js';

const NO_LIMITS = { realtime: null, high: null, normal: null, low: null };
const order = (slots: number, realtimeReserve = 0.1) => ({
  slots,
  realtimeReserve,
  minShare: { realtime: 0, high: 0.2, normal: 0.1, low: 0.05 },
});
const all = () => 1;

describe('Slots', () => {
  it('gives out no more than there are, and again what was freed', () => {
    const slots = new Slots(order(2), NO_LIMITS);
    for (let taken = 0; taken < 2; taken += 1) slots.occupy(slots.choose(all)!);
    expect([slots.choose(all), slots.running]).toEqual([null, 2]);
    slots.free('realtime');
    expect(slots.choose(all)).toBe('realtime');
  });

  it("keeps to a lane's limit", () => {
    const slots = new Slots(order(3), { ...NO_LIMITS, realtime: 1 });
    slots.occupy('realtime');
    expect(slots.choose(all)).toBe('high');
  });

  it('says how many slots each lane can have', () => {
    const slots = new Slots(order(10), { ...NO_LIMITS, low: 3 });
    expect(slots.capacity).toEqual({ realtime: 10, high: 9, normal: 9, low: 3 });
  });

  it('remembers what the lanes are owed', () => {
    const slots = new Slots(order(1), NO_LIMITS);
    const served = Array.from({ length: 22 }, () => slots.choose(all));
    expect(new Set(served)).toEqual(new Set(['realtime', 'high', 'normal', 'low']));
  });

  it('uses more slots at once, and gives out none while more run than there are', () => {
    const slots = new Slots(order(2), NO_LIMITS);
    const begin = () => {
      const lane = slots.choose(all);
      if (lane !== null) slots.occupy(lane);
      return lane;
    };
    expect([begin(), begin(), begin()]).toEqual(['realtime', 'realtime', null]);
    slots.resize(20);
    expect(slots.capacity).toEqual({ realtime: 20, high: 18, normal: 18, low: 18 });
    expect(begin()).not.toBeNull();
    slots.resize(1);
    expect([slots.count, slots.running, begin()]).toEqual([1, 3, null]);
    for (const [lane, count] of Object.entries(slots.runningByLane)) {
      for (let ended = 0; ended < count; ended += 1) slots.free(lane as Lane);
    }
    expect(begin()).not.toBeNull();
  });

  it('keeps what the lanes are owed over a change of size', () => {
    const slots = new Slots(order(1), NO_LIMITS);
    const served = Array.from({ length: 22 }, (_, at) => {
      slots.resize(1 + (at % 3));
      return slots.choose(all);
    });
    expect(new Set(served)).toEqual(new Set(['realtime', 'high', 'normal', 'low']));
  });

  it('keeps, in whatever order it is resized and used, to its size and to what is held back for realtime', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('resize' as const), slots: fc.nat(12) }),
      fc.record({ kind: fc.constant('begin' as const), waiting: fc.subarray([...LANES]) }),
      fc.record({ kind: fc.constant('end' as const), lane: fc.constantFrom(...LANES) }),
    );
    fc.assert(
      fc.property(fc.nat(12), fc.array(step, { maxLength: 200 }), (size, steps) => {
        const slots = new Slots(order(size, 0.4), NO_LIMITS);
        let changes = 0;
        slots.events.on('changed', () => {
          changes += 1;
        });
        for (const each of steps) {
          const { running, runningByLane, count } = slots;
          const ordinary = running - runningByLane.realtime;
          const before = changes;
          if (each.kind === 'resize') {
            slots.resize(each.slots);
            expect([slots.count, slots.running]).toEqual([each.slots, running]);
            expect(changes - before).toBe(each.slots === count ? 0 : 1);
          } else if (each.kind === 'end') {
            if (runningByLane[each.lane] > 0) slots.free(each.lane);
          } else {
            const lane = slots.choose((one) => (each.waiting.includes(one) ? 1 : 0));
            const ordinaryMayGo = ordinary < count - slotsHeldBackForRealtime(count, 0.4);
            const mayGo = each.waiting.filter((one) => one === 'realtime' || ordinaryMayGo);
            expect(lane !== null).toBe(running < count && mayGo.length > 0);
            if (lane === null) continue;
            expect(mayGo).toContain(lane);
            slots.occupy(lane);
            expect(slots.running).toBeLessThanOrEqual(slots.count);
          }
        }
      }),
    );
  });
});
