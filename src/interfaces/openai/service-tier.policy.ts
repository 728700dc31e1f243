import type { Lane } from '../../domain/message/message.events.js';

/** OpenAI's tiers as lanes. `auto` leaves the lane to the service. */
const LANE_OF_TIER = { auto: null, default: 'normal', flex: 'low', priority: 'high' } as const;

export const SERVICE_TIERS = Object.keys(LANE_OF_TIER);

/** @returns undefined for an unknown tier */
export function laneOfTier(tier: string): Lane | null | undefined {
  return Object.hasOwn(LANE_OF_TIER, tier) ? LANE_OF_TIER[tier as keyof typeof LANE_OF_TIER] : undefined;
}

/** The tier that an answer says it was served at. OpenAI has one tier for our two fastest lanes. */
export function tierOfLane(lane: Lane): string {
  return { realtime: 'priority', high: 'priority', normal: 'default', low: 'flex' }[lane];
}
