import fc from 'fast-check';
import { adaptiveLoad, costOf } from './adaptive-load.policy.js';
import { type Candidate, NOTHING_CHOSEN } from './strategy.policy.js';

const one: Candidate = {
  ...{ name: 'one', taken: 0, places: 4, weight: 1, group: 'primary' },
  ...{ firstTokenEwmaMs: 100, share: 1, healthy: true },
};
const fraction = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const candidate = fc
  .record({
    taken: fc.nat(3),
    weight: fc.integer({ min: 1, max: 5 }),
    firstTokenEwmaMs: fc.option(fc.nat(999)),
  })
  .map((some) => ({ ...one, ...some }));

describe('adaptiveLoad', () => {
  it('takes the cheaper of two different ones, whatever chance says', () => {
    fc.assert(
      fc.property(
        fc.array(candidate, { minLength: 2, maxLength: 8 }),
        fc.tuple(fraction, fraction),
        (candidates, draws) => {
          const free = candidates.map((_, index) => index);
          const left = [...draws];
          const { index } = adaptiveLoad(candidates, free, NOTHING_CHOSEN, () => left.shift() ?? 0);
          const dearer = candidates.filter((each) => costOf(each) >= costOf(candidates[index]!));
          return dearer.length >= 2;
        },
      ),
    );
  });

  it('weighs the time to the first piece against the load', () => {
    const slowAndIdle = { ...one, firstTokenEwmaMs: 300 };
    expect(costOf({ ...one, taken: 1 })).toBeLessThan(costOf(slowAndIdle));
    expect(costOf({ ...one, taken: 3 })).toBeGreaterThan(costOf(slowAndIdle));
  });

  it('measures an unknown one by one call, and waits for what that tells', () => {
    const unknown = { ...one, firstTokenEwmaMs: null };
    expect(costOf(unknown)).toBeLessThan(costOf(one));
    expect(costOf({ ...unknown, taken: 1 })).toBeGreaterThan(costOf({ ...one, taken: 3 }));
  });
});
