import { drainRate, type SettledAt, withReading } from './drain-rate.policy.js';

const read = (...pairs: [atMs: number, settled: number][]): SettledAt[] =>
  pairs.reduce<SettledAt[]>((readings, [atMs, settled]) => withReading(readings, { atMs, settled }), []);

describe('drainRate', () => {
  it('needs two readings', () => {
    expect(drainRate(read())).toBeNull();
    expect(drainRate(read([1_000, 5]))).toBeNull();
  });

  it('is what left the lane per second', () => {
    expect(drainRate(read([0, 0], [1_000, 50], [2_000, 100]))).toBe(50);
  });

  it('forgets what was long ago', () => {
    expect(drainRate(read([0, 0], [20_000, 1_000], [22_000, 1_020]))).toBe(10);
  });

  it('begins anew with a lane that was made anew', () => {
    expect(drainRate(read([0, 500], [1_000, 3], [2_000, 5]))).toBe(2);
  });
});
