import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { appendGroups } from './append-messages.js';

const items = (...sizes: number[]) =>
  sizes.map((size, at) => ({ at, events: Array.from({ length: size }, () => at) }));

describe('appendGroups', () => {
  it('makes two appends of a thousand messages with two events each', () => {
    const groups = appendGroups(items(...Array.from({ length: 1_000 }, () => 2)), 1_000);
    expect(groups.map((group) => group.length)).toEqual([500, 500]);
  });

  it('makes none of nothing', () => expect(appendGroups([], 1_000)).toEqual([]));

  it('keeps order and wholes, stays below the limit, and could not put any two neighbours together', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 5 })),
        fc.integer({ min: 5, max: 20 }),
        (sizes, most) => {
          const groups = appendGroups(items(...sizes), most);
          const weights = groups.map((group) => group.reduce((sum, { events }) => sum + events.length, 0));
          expect(groups.flat().map(({ at }) => at)).toEqual(sizes.map((_, at) => at));
          for (const [at, weight] of weights.entries()) {
            expect(weight).toBeLessThanOrEqual(most);
            const next = groups[at + 1]?.[0];
            if (next !== undefined) expect(weight + next.events.length).toBeGreaterThan(most);
          }
        },
      ),
    );
  });
});
