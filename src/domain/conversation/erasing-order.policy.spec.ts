import fc from 'fast-check';
import { erasingOrder } from './erasing-order.policy.js';

const recordOf = (sequence: number) => Math.floor(sequence / 2);

it('erases everything once, and no record with the beginning of a life before all the rest', () => {
  const queue = fc.uniqueArray(
    fc.record({
      sequence: fc.integer({ min: 1, max: 500 }),
      messageId: fc.constantFrom(null, 'm1', 'm2', 'm3'),
    }),
    { selector: ({ sequence }) => sequence },
  );
  fc.assert(
    fc.property(queue, (queued) => {
      const { first, last } = erasingOrder(queued, recordOf);
      const all = queued.map(({ sequence }) => sequence);
      expect([...first, ...last].sort((a, b) => a - b)).toEqual(all.sort((a, b) => a - b));
      for (const id of [null, 'm1', 'm2', 'm3']) {
        const own = queued.filter(({ messageId }) => messageId === id).map(({ sequence }) => sequence);
        if (own.length === 0) continue;
        expect(last).toContain(Math.min(...own));
        expect(first.map(recordOf)).not.toContain(recordOf(Math.min(...own)));
      }
      // Two of a record for each of the four lives: everything else can go first.
      expect(last.length).toBeLessThanOrEqual(8);
    }),
  );
});
