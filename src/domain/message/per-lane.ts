import { z } from 'zod';
import { LANES, type Lane } from './message.events.js';

const count = z.number().int().nonnegative();

/** Messages of each lane. */
export const perLaneSchema = z.object({ realtime: count, high: count, normal: count, low: count });
export type PerLane = Record<Lane, number>;

export function perLaneOf<T>(of: (lane: Lane) => T): Record<Lane, T> {
  return Object.fromEntries(LANES.map((lane) => [lane, of(lane)])) as Record<Lane, T>;
}
