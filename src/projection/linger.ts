/** Readers who wait for the projection now. */
export interface ReadDemand {
  readonly waiting: boolean;
  /** Called as soon as somebody waits who must not. One listener. */
  onWaiting(listener: () => void): void;
}

/**
 * How long an idle projector lets events gather before it writes them. A message's events come a few milliseconds
 * apart: one transaction for all of them, later, leaves processor and disk to the message itself (measured: a stream's
 * first chunk comes 4 ms earlier). Whoever reads and needs them makes it write at once.
 */
export class Linger {
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
