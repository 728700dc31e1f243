import fc from 'fast-check';
import { addedLatencies, countLatency, type Latencies, percentile } from './latencies.policy.js';

const ms = fc.double({ min: 0, max: 600_000, noNaN: true });
const samples = fc.array(ms, { minLength: 1, maxLength: 200 });
const counted = (all: readonly number[]): Latencies => {
  const counts: Record<string, number> = {};
  for (const each of all) countLatency(counts, each);
  return counts;
};

describe('counts of latencies', () => {
  it('tell a percentile at most a fifth too high, and never too low', () => {
    fc.assert(
      fc.property(samples, fc.constantFrom(0.5, 0.95, 0.99, 1), (all, part) => {
        const sorted = [...all].sort((one, other) => one - other);
        const exact = sorted[Math.ceil(part * all.length) - 1]!;
        const told = percentile(counted(all), part)!;
        expect(told).toBeGreaterThanOrEqual(Math.floor(exact));
        expect(told).toBeLessThanOrEqual(Math.max(1, exact * 1.2) + 1);
      }),
    );
  });

  it('can be added up', () => {
    fc.assert(
      fc.property(samples, samples, (one, other) => {
        expect(addedLatencies(counted(one), counted(other))).toEqual(counted([...one, ...other]));
      }),
    );
  });

  it('tell nothing of nothing', () => {
    expect(percentile({}, 0.5)).toBeNull();
  });
});
