import { setImmediate as othersServed } from 'node:timers/promises';

/**
 * Maps the items in their order, so many in one go: between two goes the event loop serves whoever waits, for whom a
 * thousand at once would be some hundredths of a second. What a map throws is thrown, and nothing more is mapped.
 */
export async function inSlices<T, R>(
  items: readonly T[],
  size: number,
  map: (item: T, index: number) => R,
): Promise<R[]> {
  const mapped: R[] = [];
  for (let from = 0; from < items.length; from += size) {
    if (from > 0) await othersServed();
    for (const [at, item] of items.slice(from, from + size).entries()) mapped.push(map(item, from + at));
  }
  return mapped;
}
