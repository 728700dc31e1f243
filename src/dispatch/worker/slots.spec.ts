import { laneOrder } from '../lanes/lane-order.policy.js';
import { Slots } from './slots.js';

const NO_LIMITS = { realtime: null, high: null, normal: null, low: null };
const order = (slots: number) =>
  laneOrder({ slots, realtimeReserve: 0.1, minShare: { realtime: 0, high: 0.2, normal: 0.1, low: 0.05 } });
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
});
