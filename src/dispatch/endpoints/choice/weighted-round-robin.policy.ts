import type { Candidate, Strategy } from './strategy.policy.js';

/**
 * Smooth turns, as nginx takes them: each free deployment earns its weight, and the one that is owed most is chosen and
 * pays what all earned. 5, 1, 1 gives `a a b a c a a`, never five `a` in a row; a deployment that is skipped while it is
 * full or away leaves its turns to the others in proportion, not to its neighbour.
 */
export function smoothTurns(
  weightOf: (candidate: Candidate) => number,
  say: (of: number) => string,
): Strategy {
  return (candidates, free, state) => {
    const credits = candidates.map((_, index) => state.credits[index] ?? 0);
    let earned = 0;
    let chosen = free[0]!;
    for (const index of free) {
      const weight = weightOf(candidates[index]!);
      earned += weight;
      credits[index]! += weight;
      if (credits[index]! > credits[chosen]!) chosen = index;
    }
    credits[chosen]! -= earned;
    return { index: chosen, reason: say(candidates.length), credits };
  };
}

export const weightedRoundRobin = smoothTurns(
  ({ weight }) => weight,
  (of) => `next in turn by weight of ${of}`,
);
