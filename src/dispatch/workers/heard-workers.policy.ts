/** A worker that fell silent, with what it said last. */
export interface SilentWorker {
  readonly worker: string;
  /** Under which the broker is answered for what it held. */
  readonly replies: readonly string[];
  /** By the clock that only goes forward. */
  readonly heardAtMs: number;
}

interface Heard extends SilentWorker {
  readonly silentTicks: number;
}

/**
 * The other workers as one of them hears them. Silence is counted in ticks in which this process was heard by itself:
 * one that stood still, was busy for long or had no connection has heard nobody, and that says nothing about the others.
 */
export class HeardWorkers {
  private readonly workers = new Map<string, Heard>();

  /** @param silentTicks after which a worker counts as gone */
  constructor(private readonly silentTicks: number) {}

  heard(worker: string, replies: readonly string[], nowMs: number): void {
    this.workers.set(worker, { worker, replies, heardAtMs: nowMs, silentTicks: 0 });
  }

  /** @returns those that are gone now; each is told once */
  tick(hearsItself: boolean): SilentWorker[] {
    const gone: SilentWorker[] = [];
    for (const [worker, heard] of this.workers) {
      const silentTicks = hearsItself ? heard.silentTicks + 1 : 0;
      this.workers.set(worker, { ...heard, silentTicks });
      if (silentTicks < this.silentTicks) continue;
      this.workers.delete(worker);
      gone.push(heard);
    }
    return gone;
  }
}
