import type { Strategy } from './strategy.policy.js';

/** The next in turn that has a free place. */
export const roundRobin: Strategy = (_free, of) => ({ index: 0, reason: `next in turn of ${of}` });
