import type { IntakeLane } from '../../../broker/direct-subjects.policy.js';

/**
 * How many of those that are held, from the first on, are tried now. Those of one lane wait behind its first ones. Those
 * of `auto` are of many lanes: what was not tried yet may be of one that has room, so it waits behind nothing.
 */
export function groupSize(
  held: readonly { readonly tried: boolean }[],
  usual: number,
  lane: IntakeLane,
): number {
  if (lane !== 'auto') return usual;
  return Math.max(usual, held.findLastIndex(({ tried }) => !tried) + 1);
}
