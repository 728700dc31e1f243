import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { readCheckpoint } from '../tables/checkpoint.js';
import { databaseOf } from '../tables/data-source.js';

/** A wait that takes longer looks into PostgreSQL itself: a broadcast is not kept for those who missed it. */
const REREAD_MS = 500;

interface Waiter {
  readonly sequence: number;
  readonly finish: (reached: boolean) => void;
}

/**
 * How far the projection is, as far as this process has heard, and those who wait for it. The active projector broadcasts
 * it; PostgreSQL is asked only where a wait takes long.
 *
 * Positions of one `run` (one projector's time of being active) only rise, so a late repetition changes nothing. A new
 * run may begin lower: PostgreSQL can forget its last commits in a crash, and then readers must wait for them again.
 */
@Injectable()
export class ProjectionPosition {
  private run: string | null = null;
  private position = 0;
  private trusted = true;
  private readonly waiters = new Set<Waiter>();
  private timer: NodeJS.Timeout | null = null;
  private tellWaiting: (sequence: number) => void = () => {};
  private tellMoved: () => void = () => {};

  constructor(@Inject(DataSource) private readonly dataSource: DataSource) {}

  /** The last sequence known to be applied; 0 before anything was heard. */
  get applied(): number {
    return this.position;
  }

  /** Whether a reader waits now. */
  get waiting(): boolean {
    return this.waiters.size > 0;
  }

  /** Called with a position as soon as somebody waits for it. One listener: the projector of this process. */
  onWaiting(listener: (sequence: number) => void): void {
    this.tellWaiting = listener;
  }

  /** Called whenever a projector says how far it is. One listener: whoever tells results in this process. */
  onMoved(listener: () => void): void {
    this.tellMoved = listener;
  }

  /** What a projector says, here or in another process. */
  heard(applied: number, run: string): void {
    this.position = run === this.run ? Math.max(this.position, applied) : applied;
    this.run = run;
    this.wake();
    this.tellMoved();
  }

  /** Looks into PostgreSQL; without an answer everything stays as it is. */
  async reread(): Promise<void> {
    const { schema } = databaseOf(this.dataSource);
    const applied = await readCheckpoint(this.dataSource, schema).then(
      ({ sequence }) => sequence,
      () => 0,
    );
    this.position = Math.max(this.position, applied);
    this.wake();
  }

  /** While the log is not the one that the tables were built from, their position in it says nothing. */
  trust(trusted: boolean): void {
    if (trusted === this.trusted) return;
    this.trusted = trusted;
    // What was heard of the other log says nothing of this one.
    this.position = 0;
    if (trusted) void this.reread();
  }

  /** Resolves true once `sequence` is applied, false when the time is over first. */
  waitFor(sequence: number, timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    if (this.trusted && this.position >= sequence) return Promise.resolve(true);
    if (timeoutMs <= 0 || signal?.aborted) return Promise.resolve(false);
    return new Promise((resolve) => {
      const finish = (reached: boolean) => {
        clearTimeout(timeout);
        signal?.removeEventListener('abort', giveUp);
        this.waiters.delete(waiter);
        this.adjustTimer();
        resolve(reached);
      };
      const giveUp = () => finish(false);
      const timeout = setTimeout(giveUp, timeoutMs);
      signal?.addEventListener('abort', giveUp, { once: true });
      const waiter = { sequence, finish };
      this.waiters.add(waiter);
      this.adjustTimer();
      this.tellWaiting(sequence);
    });
  }

  private wake(): void {
    if (!this.trusted) return;
    for (const waiter of this.waiters) if (waiter.sequence <= this.position) waiter.finish(true);
  }

  /** One timer for all who wait, and none while nobody does. */
  private adjustTimer(): void {
    if (this.waiters.size > 0) {
      this.timer ??= setInterval(() => void this.reread(), REREAD_MS).unref();
    } else if (this.timer !== null) {
      clearInterval(this.timer);
      this.timer = null;
    }
  }
}
