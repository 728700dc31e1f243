import { smoothTurns } from './weighted-round-robin.policy.js';

/** The next in turn that has a free place. */
export const roundRobin = smoothTurns(
  () => 1,
  (of) => `next in turn of ${of}`,
);
