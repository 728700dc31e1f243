import { LANES, type Lane } from '../../domain/message/lane.policy.js';

/** Slots, whole ones or parts, of each lane of one model. */
export type SlotsByLane = Readonly<Record<Lane, number>>;

export const NO_SLOTS: SlotsByLane = { realtime: 0, high: 0, normal: 0, low: 0 };

export function totalOf(slots: SlotsByLane): number {
  return LANES.reduce((sum, lane) => sum + slots[lane], 0);
}

export function eachLane<T>(of: (lane: Lane) => T): Record<Lane, T> {
  return { realtime: of('realtime'), high: of('high'), normal: of('normal'), low: of('low') };
}
