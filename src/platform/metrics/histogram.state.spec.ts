import fc from 'fast-check';
import * as allBounds from './bucket-bounds.js';
import { Histogram } from './histogram.state.js';

const values = fc.array(fc.double({ min: 0, max: 10, noNaN: true }));
const BOUNDS = [0.5, 1, 5];
const after = (seen: readonly number[]): Histogram => {
  const histogram = new Histogram(BOUNDS);
  for (const value of seen) histogram.observe(value);
  return histogram;
};

describe('a histogram', () => {
  it('has each value in one bucket: the first whose bound is not below it', () => {
    fc.assert(
      fc.property(values, (seen) => {
        const { counts, count } = after(seen);
        const upTo = (bound: number) => seen.filter((value) => value <= bound).length;
        expect(count).toBe(seen.length);
        expect(counts.reduce((sum, each) => sum + each, 0)).toBe(seen.length);
        let below = 0;
        for (const [at, bound] of BOUNDS.entries()) {
          below += counts[at]!;
          expect(below).toBe(upTo(bound));
        }
      }),
    );
  });

  it('has the sum of the values', () => {
    expect(after([0.25, 1, 7]).sum).toBe(8.25);
  });
});

it.each(Object.entries(allBounds))('%s rise', (_name, bounds) => {
  expect([...bounds].sort((one, other) => one - other)).toEqual(bounds);
  expect(new Set(bounds).size).toBe(bounds.length);
});
