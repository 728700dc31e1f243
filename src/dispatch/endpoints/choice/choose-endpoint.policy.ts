import { leastBusy } from './least-busy.policy.js';
import { roundRobin } from './round-robin.policy.js';
import { type Candidate, type Choice, placesTaken, type Strategy } from './strategy.policy.js';

export const CHOICE_STRATEGIES = ['least_busy', 'round_robin'] as const;
export type ChoiceStrategy = (typeof CHOICE_STRATEGIES)[number];

const STRATEGIES: Readonly<Record<ChoiceStrategy, Strategy>> = {
  least_busy: leastBusy,
  round_robin: roundRobin,
};

/**
 * Chooses among the deployments of a model by the configured strategy; null when each has all its places taken.
 *
 * @param turn rises by one with each choice for the same candidates
 */
export function chooseEndpoint(
  strategy: ChoiceStrategy,
  candidates: readonly Candidate[],
  turn: number,
): Choice | null {
  const free: number[] = [];
  for (let offset = 0; offset < candidates.length; offset += 1) {
    const index = (turn + offset) % candidates.length;
    if (candidates[index]!.taken < candidates[index]!.places) free.push(index);
  }
  const first = free[0];
  if (first === undefined) return null;
  if (candidates.length === 1) {
    return { index: first, reason: `it is the only endpoint (${placesTaken(candidates[first]!)})` };
  }
  if (free.length === 1) {
    return { index: first, reason: `only one of ${candidates.length} with a free place` };
  }
  const chosen = STRATEGIES[strategy](
    free.map((index) => candidates[index]!),
    candidates.length,
  );
  return { index: free[chosen.index]!, reason: chosen.reason };
}
