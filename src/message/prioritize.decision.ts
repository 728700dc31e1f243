import type { Lane, PriorityReason } from './message.events.js';

export interface Prioritization {
  readonly priority: Lane;
  readonly reason: PriorityReason;
}

/** The preprocessor's rule: an explicit priority wins, else the service's default. */
export function prioritize(requested: Lane | null, defaultPriority: Lane): Prioritization {
  return requested === null
    ? { priority: defaultPriority, reason: 'default' }
    : { priority: requested, reason: 'explicit' };
}
