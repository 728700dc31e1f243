import fc from 'fast-check';
import { erasingOrder } from './erasing-order.policy.js';

it('erases everything once, and the beginning of each life behind all the rest', () => {
  const queue = fc.uniqueArray(
    fc.record({
      sequence: fc.integer({ min: 1, max: 500 }),
      messageId: fc.constantFrom(null, 'm1', 'm2', 'm3'),
    }),
    { selector: ({ sequence }) => sequence },
  );
  fc.assert(
    fc.property(queue, (queued) => {
      const { first, last } = erasingOrder(queued);
      const all = queued.map(({ sequence }) => sequence);
      expect([...first, ...last].sort((a, b) => a - b)).toEqual(all.sort((a, b) => a - b));
      for (const id of [null, 'm1', 'm2', 'm3']) {
        const own = queued.filter(({ messageId }) => messageId === id).map(({ sequence }) => sequence);
        if (own.length > 0) expect(last).toContain(Math.min(...own));
      }
      expect(last.length).toBeLessThanOrEqual(4);
    }),
  );
});
