import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import { onNote, publishNote } from '../../../broker/note.codec.js';
import { NATS } from '../../../platform/tokens.js';
import { type WorkerBeat, workerBeatSchema } from '../worker-beat.js';

/** Core NATS, captured by no stream: a beat that nobody heard is made good by the next. */
const BEAT = 'llmq.workers.beat';
const LEFT = 'llmq.workers.left';

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
    publishNote(this.nats, BEAT, beat);
  }

  announceLeft(worker: string): void {
    publishNote(this.nats, LEFT, { worker });
  }

  /** @returns ends the listening */
  listen(listener: BeatListener): () => void {
    const endBeats = onNote(this.nats, BEAT, workerBeatSchema, (beat) => listener.heard(beat));
    const endLeft = onNote(this.nats, LEFT, leftSchema, ({ worker }) => listener.left(worker));
    return () => {
      endBeats();
      endLeft();
    };
  }
}
