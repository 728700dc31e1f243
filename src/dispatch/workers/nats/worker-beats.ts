import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import { broadcast, onBroadcast } from '../../../broker/broadcasts.js';
import { perLaneSchema } from '../../../domain/message/per-lane.js';
import { NATS } from '../../../platform/tokens.js';

/** How often a worker says how it is. */
export const WORKER_BEAT_EVERY_MS = 1_000;
/** After a change of what runs or may run it says so within this time: how much a limited lane takes in depends on it. */
export const RUNNING_TOLD_WITHIN_MS = 100;

/** Core NATS, captured by no stream: a beat that nobody heard is made good by the next. */
const BEAT = 'llmq.workers.beat';
const LEFT = 'llmq.workers.left';

/** What a worker did for one model since its start, and does now. */
const servedModelSchema = z.object({
  model: z.string(),
  /** Calls under way, by lane. */
  running: perLaneSchema,
  /** How long calls that ended held their slots, added up. */
  busy_ms: z.number().nonnegative(),
  /** Calls that ended. */
  calls: z.number().int().nonnegative(),
  /** Those of them whose tokens are known. */
  counted_calls: z.number().int().nonnegative(),
  /** Of those: tokens of prompts and answers. */
  tokens: z.number().nonnegative(),
});
export type ServedModel = z.infer<typeof servedModelSchema>;

/** What a worker says of itself about once a second, to whoever wants to know the state of the queue. */
const workerBeatSchema = z.object({
  /** One run of one worker. */
  worker: z.string().min(1),
  slots: z.number().int().nonnegative(),
  /** The most calls of each lane that it makes at once. */
  capacity: perLaneSchema,
  /** Calls under way, by lane. */
  running: perLaneSchema,
  /** Models that it serves. */
  models: z.array(z.string()),
  /** Those of them of which no endpoint has a free place for this worker. */
  busy_models: z.array(z.string()),
  /** Models that it had calls of. An earlier version does not say. */
  served: z.array(servedModelSchema).default([]),
});
export type WorkerBeat = z.infer<typeof workerBeatSchema>;

const leftSchema = z.object({ worker: z.string().min(1) });

export interface BeatListener {
  heard(beat: WorkerBeat): void;
  left(worker: string): void;
}

/** How workers' beats reach every process. */
@Injectable()
export class WorkerBeats {
  constructor(@Inject(NATS) private readonly nats: NatsConnection) {}

  announce(beat: WorkerBeat): void {
    broadcast(this.nats, BEAT, beat);
  }

  announceLeft(worker: string): void {
    broadcast(this.nats, LEFT, { worker });
  }

  /** @returns ends the listening */
  listen(listener: BeatListener): () => void {
    const endings = [
      onBroadcast(this.nats, BEAT, workerBeatSchema, (beat) => listener.heard(beat)),
      onBroadcast(this.nats, LEFT, leftSchema, ({ worker }) => listener.left(worker)),
    ];
    return () => {
      for (const end of endings) end();
    };
  }
}
