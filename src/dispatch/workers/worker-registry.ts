import { Inject, Injectable } from '@nestjs/common';
import { LANES, type Lane } from '../../domain/message/lane.policy.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import type { WorkerBeat } from './nats/worker-beats.js';

/** Three missed beats: a worker that is silent for longer is not counted, whether it died or lost its way to the broker. */
const FORGOTTEN_AFTER_MS = 3_500;

/** The workers of all processes as their beats tell of them, at most a second old. */
@Injectable()
export class WorkerRegistry {
  private readonly beats = new Map<string, { beat: WorkerBeat; atMs: number }>();

  constructor(@Inject(SOURCES) private readonly sources: Pick<Sources, 'steadyMs'>) {}

  heard(beat: WorkerBeat): void {
    this.beats.set(beat.worker, { beat, atMs: this.sources.steadyMs() });
  }

  /** A worker that stops says so, and is not waited for. */
  left(worker: string): void {
    this.beats.delete(worker);
  }

  get count(): number {
    return this.alive().length;
  }

  /** Slots of all workers. */
  get slots(): number {
    return this.alive().reduce((sum, { slots }) => sum + slots, 0);
  }

  /** Of each worker: its id and its slots, in the order of the ids. */
  get sizes(): { readonly worker: string; readonly slots: number }[] {
    const sizes = this.alive().map(({ worker, slots }) => ({ worker, slots }));
    return sizes.sort((one, other) => (one.worker < other.worker ? -1 : 1));
  }

  /** Models that some worker serves. */
  get models(): ReadonlySet<string> {
    return new Set(this.alive().flatMap(({ models }) => models));
  }

  /** What each worker did since its start, by worker. */
  get served(): ReadonlyMap<string, WorkerBeat['served']> {
    return new Map(this.alive().map(({ worker, served }) => [worker, served]));
  }

  capacity(lane: Lane): number {
    return this.alive().reduce((sum, { capacity }) => sum + capacity[lane], 0);
  }

  running(lane: Lane): number {
    return this.alive().reduce((sum, { running }) => sum + running[lane], 0);
  }

  /**
   * So many more of the lane can run at once, as far as the workers told. None where a worker has a model
   * without a free place: then it may not be slots that are lacking.
   */
  startable(lane: Lane): number {
    return this.alive().reduce((sum, beat) => sum + startableOn(beat, lane), 0);
  }

  get runningInAll(): number {
    return LANES.reduce((sum, lane) => sum + this.running(lane), 0);
  }

  /** True when no worker that is alive has a place for the model, and there is one. */
  isBusyEverywhere(model: string): boolean {
    const alive = this.alive();
    const hasPlace = ({ models, busy_models: busy }: WorkerBeat) =>
      models.includes(model) && !busy.includes(model);
    return alive.length > 0 && !alive.some(hasPlace);
  }

  /** What each worker that is alive said last. */
  alive(): WorkerBeat[] {
    const oldest = this.sources.steadyMs() - FORGOTTEN_AFTER_MS;
    for (const [worker, { atMs }] of this.beats) if (atMs < oldest) this.beats.delete(worker);
    return [...this.beats.values()].map(({ beat }) => beat);
  }
}

/** Slots are held back for `realtime`, so the other lanes share no more than the largest capacity of theirs. */
function startableOn({ slots, capacity, running, busy_models }: WorkerBeat, lane: Lane): number {
  if (busy_models.length > 0) return 0;
  const shared = LANES.filter((other) => other !== 'realtime');
  const inShared = shared.reduce((sum, other) => sum + running[other], 0);
  const room = [capacity[lane] - running[lane], slots - running.realtime - inShared];
  if (lane !== 'realtime') room.push(Math.max(...shared.map((other) => capacity[other])) - inShared);
  return Math.max(0, Math.min(...room));
}
