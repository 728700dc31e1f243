import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Listed, type ListPage, listPage } from './list-page.policy.js';

const listed = fc
  .uniqueArray(fc.record({ id: fc.string({ minLength: 1 }), createdAtMs: fc.nat(5) }), {
    selector: ({ id }) => id,
  })
  .filter((all) => all.length > 0);

describe('a page of a list', () => {
  it('tells each of them once, whatever the size of the pages', () => {
    fc.assert(
      fc.property(
        listed,
        fc.integer({ min: 1, max: 4 }),
        fc.constantFrom('asc' as const, 'desc' as const),
        (all, limit, order) => {
          const seen: Listed[] = [];
          let page: ListPage<Listed> | null = { data: [], hasMore: true };
          while (page?.hasMore === true) {
            page = listPage(all, { after: seen.at(-1)?.id ?? null, limit, order });
            expect(page?.data.length).toBeGreaterThan(0);
            seen.push(...(page?.data ?? []));
          }
          expect(new Set(seen.map(({ id }) => id)).size).toBe(all.length);
          expect(seen).toHaveLength(all.length);
          const times = seen.map(({ createdAtMs }) => createdAtMs);
          expect(times).toEqual([...times].sort((a, b) => (order === 'asc' ? a - b : b - a)));
        },
      ),
    );
  });

  it('is none behind what is not there', () => {
    expect(listPage([{ id: 'a', createdAtMs: 1 }], { after: 'b', limit: 1, order: 'asc' })).toBeNull();
    expect(listPage([], { after: null, limit: 1, order: 'asc' })).toEqual({ data: [], hasMore: false });
  });
});
