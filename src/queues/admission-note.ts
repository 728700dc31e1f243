import { z } from 'zod';
import { LANES, type Lane } from '../message/message.events.js';

const perLane = z.object({
  realtime: z.number().int().nonnegative(),
  high: z.number().int().nonnegative(),
  normal: z.number().int().nonnegative(),
  low: z.number().int().nonnegative(),
});

/** What one process has put into the lanes, and is putting there. */
export const admissionNoteSchema = z.object({
  /** One run of one process. */
  process: z.string().min(1),
  /** Ever stored, or tried to be. */
  arrived: perLane,
  on_their_way: perLane,
});
export type AdmissionNote = z.infer<typeof admissionNoteSchema>;
export type PerLane = Record<Lane, number>;

export function perLaneOf(count: (lane: Lane) => number): PerLane {
  return Object.fromEntries(LANES.map((lane) => [lane, count(lane)])) as PerLane;
}
