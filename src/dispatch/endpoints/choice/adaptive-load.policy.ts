import { type Candidate, placesTaken, type Strategy } from './strategy.policy.js';

/** Above any time that is measured: a deployment that has calls but no first piece yet may be a dead one. */
const UNKNOWN_MS = 1e9;

/**
 * Of two at random, the one with the lower peak-EWMA time to the first piece times load ("the power of two choices").
 * Looking at two of many instead of all keeps processes with the same stale numbers from running to the same endpoint.
 *
 * One that was never measured gets one call to measure it by, and is then passed over until that call's first piece.
 */
export const adaptiveLoad: Strategy = (candidates, free, _state, random) => {
  const first = Math.floor(random() * free.length);
  const further = 1 + Math.floor(random() * (free.length - 1));
  const one = free[first]!;
  const other = free[(first + further) % free.length]!;
  const index = costOf(candidates[other]!) < costOf(candidates[one]!) ? other : one;
  return { index, reason: reasonFor(candidates[index]!, candidates.length) };
};

/** What one call more would meet there. */
export function costOf({ firstTokenEwmaMs, taken, places, weight }: Candidate): number {
  const load = (taken + 1) / (places * weight);
  if (firstTokenEwmaMs !== null) return firstTokenEwmaMs * load;
  return taken === 0 ? 0 : UNKNOWN_MS * load;
}

function reasonFor(chosen: Candidate, of: number): string {
  const { firstTokenEwmaMs: measured } = chosen;
  const first =
    measured === null ? 'first piece not measured yet' : `first piece in ${Math.round(measured)} ms`;
  return `the quicker of two of ${of} (${first}, ${placesTaken(chosen)})`;
}
