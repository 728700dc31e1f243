import { z } from 'zod';
import { LANES, type Lane } from './message.events.js';

const count = z.number().int().nonnegative();

/** Messages of each lane. */
export const perLaneSchema = z.object({ realtime: count, high: count, normal: count, low: count });
export type PerLane = Record<Lane, number>;

export function perLaneOf(of: (lane: Lane) => number): PerLane {
  return Object.fromEntries(LANES.map((lane) => [lane, of(lane)])) as PerLane;
}
