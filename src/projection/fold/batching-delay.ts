/** Readers who wait for the projection now. */
export interface ReadDemand {
  readonly waiting: boolean;
  /** Called with a position as soon as somebody waits for it. One listener. */
  onWaiting(listener: (sequence: number) => void): void;
}

/** Under what a reader of another process, who can't make the projector hurry, would notice. */
export const BATCHING_DELAY_MS = 50;

/**
 * How long an idle projector lets events gather before it writes them. A message's events come a few milliseconds
 * apart: one transaction for all of them, later, leaves processor and disk to the message itself (measured: a stream's
 * first chunk comes 4 ms earlier). Whoever reads and needs them makes it write at once.
 */
export class BatchingDelay {
  private end: (() => void) | null = null;

  constructor(
    private readonly ms: number,
    private readonly demand: ReadDemand,
  ) {
    demand.onWaiting(() => this.end?.());
  }

  /** Resolves after the time, when a reader waits, or when `enough` is told. */
  async pause(): Promise<void> {
    if (this.demand.waiting) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.ms);
      this.end = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.end = null;
  }

  /** So much has gathered, or so little will, that there is nothing to wait for. */
  enough(): void {
    this.end?.();
  }
}

/** What readers in the process's main thread wait for, as the projector's thread hears of it. */
export class WantedPosition implements ReadDemand {
  private wanted = 0;
  private applied = 0;
  private tell: (sequence: number) => void = () => {};

  get waiting(): boolean {
    return this.wanted > this.applied;
  }

  onWaiting(listener: (sequence: number) => void): void {
    this.tell = listener;
  }

  heard(sequence: number): void {
    this.wanted = Math.max(this.wanted, sequence);
    if (this.waiting) this.tell(sequence);
  }

  reached(sequence: number): void {
    this.applied = sequence;
  }
}
