import fc from 'fast-check';
import type { Problem } from './chat-of-items.policy.js';
import { type ItemQuery, itemPage } from './item-page.policy.js';

const items = (count: number) => Array.from({ length: count }, (_, at) => ({ id: `i${at}` }));

function page(count: number, query: ItemQuery) {
  const problems: Problem[] = [];
  return { ...itemPage(items(count), query, problems), problems };
}

describe('a page of items', () => {
  it('has the newest first', () => {
    expect(page(3, {})).toEqual({
      ...{ object: 'list', data: [{ id: 'i2' }, { id: 'i1' }, { id: 'i0' }], problems: [] },
      ...{ first_id: 'i2', last_id: 'i0', has_more: false },
    });
    expect(page(0, {})).toMatchObject({ data: [], first_id: null, last_id: null, has_more: false });
  });

  it.each([
    [{ limit: '0' }, 'limit'],
    [{ limit: '101' }, 'limit'],
    [{ limit: 'x' }, 'limit'],
    [{ order: 'up' }, 'order'],
    [{ after: 'i9' }, 'after'],
  ])('is not made of %j', (query, field) => {
    expect(page(3, query).problems.map((problem) => problem.field)).toEqual([field]);
  });

  it('follows the one before, until all were told once', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 30 }),
        fc.integer({ min: 1, max: 10 }),
        fc.constantFrom('asc', 'desc'),
        (count, limit, order) => {
          const told: string[] = [];
          for (let after: string | undefined; ; ) {
            const { data, last_id, has_more } = page(count, { limit: String(limit), order, after });
            told.push(...data.map(({ id }) => id));
            if (!has_more) break;
            after = last_id!;
          }
          const ids = items(count).map(({ id }) => id);
          expect(told).toEqual(order === 'asc' ? ids : ids.reverse());
        },
      ),
    );
  });
});
