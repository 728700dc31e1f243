import { loadOf, placesTaken, type Strategy } from './strategy.policy.js';

/**
 * The fewest calls under way for its places and weight: of endpoints with equal places and weights, the one with the
 * fewest calls. Equals take turns, so that idle endpoints are used evenly.
 */
export const leastConnections: Strategy = (candidates, free, { turn }) => {
  const first = turn % free.length;
  let index = free[first]!;
  for (let offset = 1; offset < free.length; offset += 1) {
    const other = free[(first + offset) % free.length]!;
    if (loadOf(candidates[other]!) < loadOf(candidates[index]!)) index = other;
  }
  return { index, reason: `least busy of ${candidates.length} (${placesTaken(candidates[index]!)})` };
};
