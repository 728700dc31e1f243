import { LANES, type Lane } from '../message/message.events.js';
import type { WorkerBeat } from './worker-beat.js';

/** Three missed beats: a worker that is silent for longer is not counted, whether it died or lost its way to the broker. */
const FORGOTTEN_AFTER_MS = 3_500;

/** The workers of all processes as their beats tell of them, at most a second old; what runs, a tenth of a second. */
export class WorkersSeen {
  private readonly beats = new Map<string, { beat: WorkerBeat; atMs: number }>();

  constructor(private readonly nowMs: () => number) {}

  heard(beat: WorkerBeat): void {
    this.beats.set(beat.worker, { beat, atMs: this.nowMs() });
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

  capacity(lane: Lane): number {
    return this.alive().reduce((sum, { capacity }) => sum + capacity[lane], 0);
  }

  running(lane: Lane): number {
    return this.alive().reduce((sum, { running }) => sum + running[lane], 0);
  }

  get runningInAll(): number {
    return LANES.reduce((sum, lane) => sum + this.running(lane), 0);
  }

  /** True when every worker that is alive has no place for the model, and there is one. */
  isBusyEverywhere(model: string): boolean {
    const alive = this.alive();
    return alive.length > 0 && alive.every(({ busy_models: busy }) => busy.includes(model));
  }

  private alive(): WorkerBeat[] {
    const oldest = this.nowMs() - FORGOTTEN_AFTER_MS;
    for (const [worker, { atMs }] of this.beats) if (atMs < oldest) this.beats.delete(worker);
    return [...this.beats.values()].map(({ beat }) => beat);
  }
}
