/**
 * One signal out of the caller's abort and the call's time limits. The first that strikes gives the signal its reason;
 * `close` takes every timer and listener away, so that nothing of a call outlives it.
 */
export class CallLimits {
  private readonly controller = new AbortController();
  private readonly limits: Limit[] = [];
  private readonly onCallerAbort = () => this.controller.abort(this.caller.reason);

  constructor(private readonly caller: AbortSignal) {
    if (caller.aborted) this.onCallerAbort();
    else caller.addEventListener('abort', this.onCallerAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Aborts with the reason after `ms`, unless it is lifted before. */
  within(ms: number, reason: () => unknown): Limit {
    const limit = this.later(ms, reason);
    limit.renew();
    return limit;
  }

  /** The same, from when it is renewed first. */
  later(ms: number, reason: () => unknown): Limit {
    const limit = new Limit(ms, () => this.controller.abort(reason()));
    this.limits.push(limit);
    return limit;
  }

  /**
   * The work's result, or the signal's reason as soon as it strikes: the HTTP client itself looks at the signal only
   * once it has a connection, which an unreachable host can take long to refuse.
   */
  race<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { signal } = this.controller;
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      // The signal is the call's own and goes with it, and so does who listens.
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      work(signal).then(resolve, reject);
    });
  }

  close(): void {
    this.caller.removeEventListener('abort', this.onCallerAbort);
    for (const limit of this.limits) limit.lift();
  }
}

/** One time limit of a call. */
export class Limit {
  private readonly ms: number;
  private timer: NodeJS.Timeout | null = null;

  constructor(
    ms: number,
    private readonly strike: () => void,
  ) {
    // Node takes a longer delay for 1 ms.
    this.ms = Math.min(ms, 2 ** 31 - 1);
  }

  /** Begins again from now on, lifted or not. Called for each piece of an answer, so it makes no new timer. */
  renew(): void {
    if (this.timer === null) this.timer = setTimeout(this.strike, this.ms);
    else this.timer.refresh();
  }

  lift(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }
}
