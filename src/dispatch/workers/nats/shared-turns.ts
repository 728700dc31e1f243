import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import { broadcast, onBroadcast } from '../../../broker/broadcasts.js';
import { LANES, type Lane } from '../../../domain/message/lane.policy.js';
import { laneSchema } from '../../../domain/message/message.events.js';
import { SOURCES, type Sources } from '../../../platform/clock.js';
import { NATS } from '../../../platform/tokens.js';

/** Core NATS, captured by no stream: a turn that nobody heard of makes a lane wait for one call more. */
const TURNS = 'llmq.workers.turns';
/** Turns that follow each other faster are told together. */
const TOGETHER_MS = 5;
const ALIVE_EVERY_MS = 2_000;
const FORGOTTEN_AFTER_MS = 5_000;

/** A call of a model that a worker began: of which lane, and in which lanes messages of the model waited. */
export interface Turn {
  readonly model: string;
  readonly lane: Lane;
  readonly waiting: readonly Lane[];
}

const toldSchema = z.object({
  /** One run of one worker. */
  worker: z.string().min(1),
  turns: z.array(
    z.object({ model: z.string(), lane: laneSchema, waiting: z.array(laneSchema).max(LANES.length) }),
  ),
});

/**
 * What the workers tell each other of the calls that they begin, so that the lanes of a model earn and pay for all of
 * them, whichever worker makes them. A worker that is alone tells nothing but, now and then, that it is there.
 */
@Injectable()
export class SharedTurns {
  private readonly name: string;
  private readonly heardAt = new Map<string, number>();
  private turns: Turn[] = [];
  private toldAt = Number.NEGATIVE_INFINITY;
  private soon: NodeJS.Timeout | null = null;
  private alive: NodeJS.Timeout | null = null;
  private endListening: () => void = () => undefined;

  constructor(
    @Inject(NATS) private readonly nats: NatsConnection,
    @Inject(SOURCES) sources: Pick<Sources, 'newId'>,
  ) {
    this.name = sources.newId();
  }

  start(heard: (turn: Turn) => void): void {
    this.endListening = onBroadcast(this.nats, TURNS, toldSchema, ({ worker, turns }) => {
      if (worker === this.name) return;
      // One that has just come is told at once that it is not alone.
      if (!this.heardAt.has(worker)) this.tell([]);
      this.heardAt.set(worker, performance.now());
      for (const turn of turns) heard(turn);
    });
    this.alive = setInterval(() => this.tellAlive(), ALIVE_EVERY_MS);
    this.tell([]);
  }

  /** Others begin calls too; of those of the last moment nothing is known here yet. */
  get isAlone(): boolean {
    return this.heardAt.size === 0;
  }

  began(turn: Turn): void {
    if (this.isAlone) return;
    this.turns.push(turn);
    if (this.soon !== null) return;
    const inMs = this.toldAt + TOGETHER_MS - performance.now();
    if (inMs <= 0) this.flush();
    else this.soon = setTimeout(() => this.flush(), inMs);
  }

  stop(): void {
    if (this.alive !== null) clearInterval(this.alive);
    if (this.soon !== null) clearTimeout(this.soon);
    this.endListening();
  }

  private flush(): void {
    this.soon = null;
    this.toldAt = performance.now();
    this.tell(this.turns.splice(0));
  }

  private tellAlive(): void {
    const oldest = performance.now() - FORGOTTEN_AFTER_MS;
    for (const [worker, at] of this.heardAt) if (at < oldest) this.heardAt.delete(worker);
    this.tell([]);
  }

  /** Nothing while the connection ends. */
  private tell(turns: readonly Turn[]): void {
    broadcast(this.nats, TURNS, { worker: this.name, turns });
  }
}
