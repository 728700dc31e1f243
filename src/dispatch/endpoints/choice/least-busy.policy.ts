import { type Candidate, placesTaken, type Strategy } from './strategy.policy.js';

/** The lowest share of taken places; equals take turns, so that idle endpoints are used evenly. */
export const leastBusy: Strategy = (free, of) => {
  let index = 0;
  for (let other = 1; other < free.length; other += 1) {
    if (load(free[other]!) < load(free[index]!)) index = other;
  }
  return { index, reason: `least busy of ${of} (${placesTaken(free[index]!)})` };
};

function load({ taken, places }: Candidate): number {
  return taken / places;
}
