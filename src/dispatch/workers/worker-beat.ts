import { z } from 'zod';
import { perLaneSchema } from '../../domain/message/per-lane.js';

/** How often a worker says how it is. */
export const WORKER_BEAT_EVERY_MS = 1_000;
/** After a change of what runs or may run it says so within this time. */
export const RUNNING_TOLD_WITHIN_MS = 100;

/** What a worker says of itself about once a second, to whoever wants to know the state of the queue. */
export const workerBeatSchema = z.object({
  /** One run of one worker. */
  worker: z.string().min(1),
  slots: z.number().int().nonnegative(),
  /** The most calls of each lane that it makes at once. */
  capacity: perLaneSchema,
  /** Calls under way, by lane. */
  running: perLaneSchema,
  /** Messages buffered in the worker, which wait for a place at an endpoint of their model. */
  set_aside: z.number().int().nonnegative(),
  /** Models of which no endpoint has a free place for this worker. */
  busy_models: z.array(z.string()),
});
export type WorkerBeat = z.infer<typeof workerBeatSchema>;
