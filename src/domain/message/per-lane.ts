import { z } from 'zod';
import type { Lane } from './lane.policy.js';

const count = z.number().int().nonnegative();

/** Messages of each lane. */
export const perLaneSchema = z.object({ realtime: count, high: count, normal: count, low: count });
export type PerLane = Record<Lane, number>;

export function perLaneOf<T>(of: (lane: Lane) => T): Record<Lane, T> {
  return { realtime: of('realtime'), high: of('high'), normal: of('normal'), low: of('low') };
}
