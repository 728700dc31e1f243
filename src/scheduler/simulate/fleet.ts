export interface SimulatedWorker {
  readonly orderedMs: number;
  state: 'starting' | 'ready' | 'draining' | 'gone';
  running: number;
  goneMs: number | null;
}

/**
 * Workers with slots. One that is ordered takes calls after the start delay. One too many is taken from those that start, the
 * latest first, and else from the ready ones, the least busy first: it takes no further call, ends those that it has, and
 * goes. It is paid from its order to its end.
 */
export class Fleet {
  private workers: SimulatedWorker[] = [];
  private readonly gone: SimulatedWorker[] = [];

  constructor(
    readonly slotsPerWorker: number,
    readyWorkers: number,
  ) {
    for (let count = 0; count < readyWorkers; count += 1) this.add(0, 'ready');
  }

  /** @returns those that were ordered now and start */
  resize(slots: number, nowMs: number): SimulatedWorker[] {
    const wanted = Math.ceil(slots / this.slotsPerWorker);
    const active = this.workers.filter(({ state }) => state === 'starting' || state === 'ready');
    const ordered: SimulatedWorker[] = [];
    for (let count = active.length; count < wanted; count += 1) ordered.push(this.add(nowMs, 'starting'));
    const spare = [...active].reverse().sort((one, other) => rank(one) - rank(other));
    for (const worker of spare.slice(0, Math.max(0, active.length - wanted))) {
      worker.state = 'draining';
      this.removeIfDone(worker, nowMs);
    }
    return ordered;
  }

  /** A call takes the busiest worker with a free slot, so that others become free as a whole. */
  begin(): SimulatedWorker {
    let best: SimulatedWorker | null = null;
    for (const worker of this.workers) {
      if (worker.state !== 'ready' || worker.running >= this.slotsPerWorker) continue;
      if (best === null || worker.running > best.running) best = worker;
    }
    best!.running += 1;
    return best!;
  }

  end(worker: SimulatedWorker, nowMs: number): void {
    worker.running -= 1;
    if (worker.state === 'draining') this.removeIfDone(worker, nowMs);
  }

  hasFreeSlot(): boolean {
    return this.workers.some(({ state, running }) => state === 'ready' && running < this.slotsPerWorker);
  }

  get drainingCalls(): number {
    return this.workers.reduce((sum, { state, running }) => sum + (state === 'draining' ? running : 0), 0);
  }

  slots(state: 'starting' | 'ready'): number {
    return this.workers.filter((worker) => worker.state === state).length * this.slotsPerWorker;
  }

  /** Slot hours paid between two times. */
  slotHours(fromMs: number, untilMs: number): number {
    const paidMs = [...this.workers, ...this.gone].reduce((sum, { orderedMs, goneMs }) => {
      const until = Math.min(goneMs ?? Number.POSITIVE_INFINITY, untilMs);
      return sum + Math.max(0, until - Math.max(orderedMs, fromMs));
    }, 0);
    return (paidMs * this.slotsPerWorker) / 3_600_000;
  }

  private add(orderedMs: number, state: 'starting' | 'ready'): SimulatedWorker {
    const worker: SimulatedWorker = { orderedMs, state, running: 0, goneMs: null };
    this.workers.push(worker);
    return worker;
  }

  private removeIfDone(worker: SimulatedWorker, nowMs: number): void {
    if (worker.running > 0) return;
    worker.state = 'gone';
    worker.goneMs = nowMs;
    this.workers = this.workers.filter((other) => other !== worker);
    this.gone.push(worker);
  }
}

function rank({ state, running }: SimulatedWorker): number {
  return state === 'starting' ? -1 : running;
}
