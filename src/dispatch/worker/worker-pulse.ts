import { LANES } from '../../domain/message/message.events.js';
import { RUNNING_TOLD_WITHIN_MS, WORKER_BEAT_EVERY_MS, type WorkerBeat } from '../workers/worker-beat.js';

export interface BeatSink {
  announce(beat: WorkerBeat): void;
  announceLeft(worker: string): void;
}

/** Says once a second how the worker is, sooner when other calls run than it said, and at the end that it is gone. */
export class WorkerPulse {
  private timer: NodeJS.Timeout | null = null;
  private told: { readonly atMs: number; readonly running: WorkerBeat['running'] } | null = null;

  constructor(
    private readonly name: string,
    private readonly beatOf: () => Omit<WorkerBeat, 'worker'>,
    private readonly sink: BeatSink,
  ) {}

  start(): void {
    this.beat();
    this.timer = setInterval(() => this.beat(), RUNNING_TOLD_WITHIN_MS);
  }

  stop(): void {
    if (this.timer === null) return;
    clearInterval(this.timer);
    this.timer = null;
    this.sink.announceLeft(this.name);
  }

  private beat(): void {
    const beat = this.beatOf();
    const now = performance.now();
    if (this.told !== null && now - this.told.atMs < WORKER_BEAT_EVERY_MS) {
      const { running } = this.told;
      if (LANES.every((lane) => running[lane] === beat.running[lane])) return;
    }
    this.told = { atMs: now, running: beat.running };
    this.sink.announce({ worker: this.name, ...beat });
  }
}
