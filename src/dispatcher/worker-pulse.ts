import { WORKER_BEAT_EVERY_MS, type WorkerBeat } from '../queues/worker-beat.js';

export interface BeatSink {
  announce(beat: WorkerBeat): void;
  announceLeft(worker: string): void;
}

/** Says once a second how the worker is, and at the end that it is gone. */
export class WorkerPulse {
  private timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly name: string,
    private readonly beatOf: () => Omit<WorkerBeat, 'worker'>,
    private readonly sink: BeatSink,
  ) {}

  start(): void {
    this.beat();
    this.timer = setInterval(() => this.beat(), WORKER_BEAT_EVERY_MS);
  }

  stop(): void {
    if (this.timer === null) return;
    clearInterval(this.timer);
    this.timer = null;
    this.sink.announceLeft(this.name);
  }

  private beat(): void {
    this.sink.announce({ worker: this.name, ...this.beatOf() });
  }
}
