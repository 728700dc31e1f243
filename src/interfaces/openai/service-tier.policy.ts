import type { Lane } from '../../domain/message/lane.policy.js';

/** OpenAI's tiers as lanes. `auto` leaves the lane to the service. */
const LANE_OF_TIER: ReadonlyMap<string, Lane | null> = new Map([
  ['auto', null],
  ['default', 'normal'],
  ['flex', 'low'],
  ['priority', 'high'],
]);

export const KNOWN_TIERS = [...LANE_OF_TIER.keys()].join(', ');

/** SDKs learn of new tiers all the time; those without a lane here are as `auto`. */
export function laneOfTier(tier: string): Lane | null {
  return LANE_OF_TIER.get(tier) ?? null;
}

/** The tier that an answer says it was served at. OpenAI has one tier for our two fastest lanes. */
export function tierOfLane(lane: Lane): string {
  return { realtime: 'priority', high: 'priority', normal: 'default', low: 'flex' }[lane];
}
