import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { inBestOrder } from './line-order.policy.js';

const line = fc.record({
  at: fc.nat(),
  model: fc.constantFrom('a', 'b', null),
  beginning: fc.string({ unit: fc.constantFrom('x', 'y'), maxLength: 4 }),
});

it('keeps all lines, those of a model together, and those that begin alike side by side', () => {
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      const ordered = inBestOrder(lines);
      expect(new Set(ordered)).toEqual(new Set(lines));
      expect(ordered).toHaveLength(lines.length);
      for (const prefix of ['x', 'y', 'xy', 'xxy']) {
        for (const model of ['a', 'b', null]) {
          const places = ordered.flatMap((each, at) =>
            each.model === model && each.beginning.startsWith(prefix) ? [at] : [],
          );
          expect(places.length === 0 ? 0 : places.at(-1)! - places[0]! + 1).toBe(places.length);
        }
      }
    }),
  );
});
