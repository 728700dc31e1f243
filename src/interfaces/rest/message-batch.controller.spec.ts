import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { inSlices } from './message-batch.controller.js';

describe('inSlices', () => {
  it('maps all items in their order, with their index, whatever the size', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer()), fc.integer({ min: 1, max: 20 }), async (items, size) => {
        const mapped = await inSlices(items, size, (item, index) => [item, index]);
        expect(mapped).toEqual(items.map((item, index) => [item, index]));
      }),
    );
  });

  it('lets others run between two slices', async () => {
    const seen: string[] = [];
    setImmediate(() => seen.push('a request'));
    await inSlices([1, 2, 3, 4, 5], 2, (item) => seen.push(`item ${item}`));
    expect(seen).toEqual(['item 1', 'item 2', 'a request', 'item 3', 'item 4', 'item 5']);
  });

  it('ends with what the map throws', async () => {
    const seen: number[] = [];
    const mapping = inSlices([1, 2, 3, 4], 1, (item) => {
      seen.push(item);
      if (item === 2) throw new Error('two');
    });
    await expect(mapping).rejects.toThrow('two');
    expect(seen).toEqual([1, 2]);
  });
});
