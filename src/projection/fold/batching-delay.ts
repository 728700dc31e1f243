/** Readers who wait for the projection now. */
export interface ReadDemand {
  readonly waiting: boolean;
  /** Called with a position as soon as somebody waits for it. One listener. */
  onWaiting(listener: (sequence: number) => void): void;
}

/** Under what a reader of another process, who can't make the projector hurry, would notice. */
export const BATCHING_DELAY_MS = 50;

/** Between two transactions, also where readers wait: each costs PostgreSQL some 0.5 ms, as much as five messages. */
const SPACING_MS = 5;

/**
 * How long a projector lets events gather before it writes them. A message's events come a few milliseconds apart: one
 * transaction for all of them, later, leaves processor and disk to the message itself (measured: a stream's first chunk
 * comes 4 ms earlier). A reader who waits for an event makes it write at once, or `SPACING_MS` after the transaction
 * before, so that many readers don't cost a transaction each.
 */
export class BatchingDelay {
  private finish: (() => void) | null = null;
  private timer: NodeJS.Timeout | undefined;
  private lastAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly ms: number,
    private readonly demand: ReadDemand,
    private readonly spacingMs = SPACING_MS,
  ) {
    demand.onWaiting(() => this.shorten());
  }

  /** Resolves after the time, when a reader waits, or when `enough` is told. */
  async pause(): Promise<void> {
    const ms = this.demand.waiting ? this.untilSpaced() : this.ms;
    if (ms > 0) {
      await new Promise<void>((resolve) => {
        this.finish = resolve;
        this.timer = setTimeout(resolve, ms);
      });
      clearTimeout(this.timer);
      this.finish = null;
    }
    this.lastAt = performance.now();
  }

  /** So much has gathered, or so little will, that there is nothing to wait for. */
  enough(): void {
    this.finish?.();
  }

  private shorten(): void {
    if (this.finish === null) return;
    clearTimeout(this.timer);
    const ms = this.untilSpaced();
    if (ms > 0) this.timer = setTimeout(this.finish, ms);
    else this.finish();
  }

  private untilSpaced(): number {
    return this.lastAt + this.spacingMs - performance.now();
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
