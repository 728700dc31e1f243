import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { HOLDS_MS, type Lease, nextLease, type SeenLease, seen, TAKEN_AFTER_MS } from './lease.policy.js';

const lease = (holder: string, term: number, released = false): Lease => ({ holder, term, released });
const known = (value: Lease, sinceMs: number): SeenLease => ({ lease: value, revision: 5, sinceMs });

describe('the lease of the schedulers', () => {
  it('is taken by the first, and by another one when it is given back or was not renewed for long', () => {
    expect(nextLease(null, 'a', 0)).toEqual({ lease: lease('a', 1), over: 0 });
    expect(nextLease(known(lease('b', 3, true), 100), 'a', 100)).toEqual({ lease: lease('a', 4), over: 5 });
    expect(nextLease(known(lease('b', 3), 100), 'a', 99 + TAKEN_AFTER_MS)).toBeNull();
    expect(nextLease(known(lease('b', 3), 100), 'a', 100 + TAKEN_AFTER_MS)).toEqual({
      ...{ lease: lease('a', 4), over: 5 },
    });
  });

  it('is renewed in its term, and taken up again where a write was in doubt', () => {
    expect(nextLease(known(lease('a', 3), 0), 'a', 1)).toEqual({ lease: lease('a', 3), over: 5 });
  });

  it('never begins its terms anew, whatever became of the bucket', () => {
    expect(nextLease(null, 'a', 0, 7)).toEqual({ lease: lease('a', 8), over: 0 });
    expect(nextLease(known(lease('b', 2, true), 0), 'a', 0, 7)?.lease.term).toBe(8);
  });

  it('counts the time of a revision from when it was first seen', () => {
    const first = seen(null, { value: lease('b', 1), revision: 1 }, 10);
    expect(seen(first, { value: lease('b', 1), revision: 1 }, 5_000)).toBe(first);
    expect(seen(first, { value: lease('b', 1), revision: 2 }, 5_000)).toMatchObject({ sinceMs: 5_000 });
  });

  it('has one holder at a time in a growing term, however late answers come and whoever stands still', () => {
    const mostly = (most: number, atWorst: number) =>
      fc.oneof({ arbitrary: fc.nat(most), weight: 3 }, { arbitrary: fc.nat(atWorst), weight: 1 });
    const step = fc.record({
      who: fc.nat(2),
      /** Until it acts. */
      waitsMs: fc.oneof(mostly(200, 2_000), fc.integer({ min: 2_000, max: 8_000 })),
      /** On the way to the bucket, and back. */
      thereMs: mostly(50, 1_500),
      backMs: mostly(50, 1_500),
      isLost: fc.oneof({ arbitrary: fc.constant(false), weight: 9 }, { arbitrary: fc.boolean(), weight: 1 }),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 60, maxLength: 60 }), (steps) => {
        let bucket = null as { value: Lease; revision: number } | null;
        let nowMs = 0;
        const clocks = [0, 1_000_000, -5_000];
        const watched: (SeenLease | null)[] = [null, null, null];
        const heldUntil = [0, 0, 0];
        const terms = [0, 0, 0];
        for (const { who, waitsMs, thereMs, backMs, isLost } of steps) {
          const name = `p${who}`;
          nowMs += waitsMs + backMs;
          // It reads, and its time begins when the answer is here.
          watched[who] = bucket === null ? null : seen(watched[who]!, bucket, nowMs + clocks[who]!);
          const next = nextLease(watched[who]!, name, nowMs + clocks[who]!);
          if (next === null) continue;
          const sentMs = nowMs;
          nowMs += thereMs;
          if ((bucket?.revision ?? 0) !== next.over) continue;
          bucket = { value: next.lease, revision: (bucket?.revision ?? 0) + 1 };
          if (isLost) continue;
          expect(next.lease.term).toBeGreaterThanOrEqual(Math.max(...terms));
          heldUntil[who] = sentMs + HOLDS_MS;
          terms[who] = next.lease.term;
          const holders = heldUntil.filter((untilMs) => nowMs < untilMs).length;
          expect(holders).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 300 },
    );
  });
});
