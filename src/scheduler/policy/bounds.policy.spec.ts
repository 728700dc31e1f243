import fc from 'fast-check';
import { LANES } from '../../domain/message/lane.policy.js';
import { boundedInAll, wholeSlots } from './bounds.policy.js';
import { SCALE_DEFAULTS } from './scale-settings.policy.js';
import { totalOf } from './slots-by-lane.policy.js';

const parts = fc.double({ min: 0, max: 50, noNaN: true });

it('rounds the sum up once, and each lane by less than one slot', () => {
  fc.assert(
    fc.property(fc.record({ realtime: parts, high: parts, normal: parts, low: parts }), (slots) => {
      const whole = wholeSlots(slots);
      expect(totalOf(whole)).toBe(Math.max(0, Math.ceil(totalOf(slots) - 1e-9)));
      for (const lane of LANES) {
        expect(Number.isInteger(whole[lane])).toBe(true);
        expect(Math.abs(whole[lane] - slots[lane])).toBeLessThan(1 + 1e-6);
      }
    }),
  );
});

it('takes from the lowest lane first what is above the ceiling of the model', () => {
  const slots = { realtime: 2, high: 3, normal: 6, low: 4 };
  const lanes = { ...SCALE_DEFAULTS.lanes, low: { ...SCALE_DEFAULTS.lanes.low, minSlots: 1 } };
  const bounded = boundedInAll(slots, { lanes, minSlots: 0, maxSlots: 8 });
  expect(bounded).toEqual({ realtime: 2, high: 3, normal: 2, low: 1 });
});
