import type { NatsConnection } from '@nats-io/transport-node';
import { z } from 'zod';
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
export class WorkerBeats {
  constructor(private readonly nats: NatsConnection) {}

  announce(beat: WorkerBeat): void {
    this.publish(BEAT, beat);
  }

  announceLeft(worker: string): void {
    this.publish(LEFT, { worker });
  }

  /** @returns ends the listening */
  listen(listener: BeatListener): () => void {
    const beats = this.nats.subscribe(BEAT, {
      callback: (error, message) => {
        const beat = error === null ? decode(workerBeatSchema, message.data) : null;
        if (beat !== null) listener.heard(beat);
      },
    });
    const left = this.nats.subscribe(LEFT, {
      callback: (error, message) => {
        const gone = error === null ? decode(leftSchema, message.data) : null;
        if (gone !== null) listener.left(gone.worker);
      },
    });
    return () => {
      beats.unsubscribe();
      left.unsubscribe();
    };
  }

  private publish(subject: string, body: unknown): void {
    if (this.nats.isClosed() || this.nats.isDraining()) return;
    this.nats.publish(subject, JSON.stringify(body));
  }
}

/** Null for what is none: anyone who may publish can have sent it. */
function decode<T>(schema: z.ZodType<T>, bytes: Uint8Array): T | null {
  try {
    return schema.safeParse(JSON.parse(new TextDecoder().decode(bytes))).data ?? null;
  } catch {
    return null;
  }
}
