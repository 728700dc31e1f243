/**
 * One signal out of the caller's abort and the call's time limits. The first that strikes gives the signal its reason;
 * `close` takes every timer and listener away, so that nothing of a call outlives it.
 */
export class CallLimits {
  private readonly controller = new AbortController();
  private readonly timers = new Set<NodeJS.Timeout>();
  private readonly onCallerAbort = () => this.controller.abort(this.caller.reason);

  constructor(private readonly caller: AbortSignal) {
    if (caller.aborted) this.onCallerAbort();
    else caller.addEventListener('abort', this.onCallerAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Aborts with the reason after `ms`, unless the returned function is called before. */
  within(ms: number, reason: () => unknown): () => void {
    // Node takes a longer delay for 1 ms.
    const timer = setTimeout(() => this.controller.abort(reason()), Math.min(ms, 2 ** 31 - 1));
    this.timers.add(timer);
    return () => {
      clearTimeout(timer);
      this.timers.delete(timer);
    };
  }

  /**
   * The work's result, or the signal's reason as soon as it strikes: the HTTP client itself looks at the signal only
   * once it has a connection, which an unreachable host can take long to refuse.
   */
  async race<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { signal } = this.controller;
    signal.throwIfAborted();
    let onAbort = () => {};
    const struck = new Promise<never>((_, reject) => {
      onAbort = () => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
    });
    try {
      return await Promise.race([work(signal), struck]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  close(): void {
    this.caller.removeEventListener('abort', this.onCallerAbort);
    for (const timer of this.timers) clearTimeout(timer);
  }
}
