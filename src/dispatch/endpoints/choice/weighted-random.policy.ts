import type { Strategy } from './strategy.policy.js';

/** By chance, in proportion to the weights: needs no memory, and many processes that choose alike do not march in step. */
export const weightedRandom: Strategy = (candidates, free, _state, random) => {
  let total = 0;
  for (const index of free) total += candidates[index]!.weight;
  let left = random() * total;
  // Rounding can leave a trace behind the last one.
  let chosen = free[free.length - 1]!;
  for (const index of free) {
    left -= candidates[index]!.weight;
    if (left < 0) {
      chosen = index;
      break;
    }
  }
  return { index: chosen, reason: `by chance and weight of ${candidates.length}` };
};
