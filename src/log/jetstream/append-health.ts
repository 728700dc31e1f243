import type { AppendTrouble } from '../room/log-room.policy.js';
import type { WriteAnswer } from './write-answer.js';

interface Trouble {
  readonly sentAt: number;
  readonly lastAt: number;
  readonly reason: string;
  readonly full: boolean;
}

/**
 * Whether what this process appends is stored. A broker whose disk is full answers everything else as always, so only
 * the appends themselves tell.
 *
 * A store that is known to store nothing is given a `stop`: appends are then refused at once and not after their time is
 * over. Where it may come to itself, one in a while is let through to find out.
 */
export class AppendHealth {
  private current: Trouble | null = null;
  /** As `performance.now()`: failures of what was sent before say nothing any more. */
  private soundAt = Number.NEGATIVE_INFINITY;
  private listener: () => void = () => undefined;
  private stop: AppendStop | null = null;
  private lastTrialAt = Number.NEGATIVE_INFINITY;

  /** Null while appends are stored, or none was tried since the connection came up. */
  get trouble(): AppendTrouble | null {
    if (this.current === null) return null;
    const { sentAt, lastAt, reason, full } = this.current;
    const now = performance.now();
    return { forMs: now - sentAt, lastMsAgo: now - lastAt, reason, full };
  }

  /** Calls it whenever trouble begins, goes on, or is over. There is one listener. */
  onNews(listener: () => void): void {
    this.listener = listener;
  }

  /** An answer to a write that was sent at `sentAt`, over a connection that still stands. */
  heard(answer: WriteAnswer, sentAt: number): void {
    if (answer.kind === 'stored' || answer.kind === 'duplicate') this.sound();
    else if (answer.kind === 'silence') this.failed(sentAt, answer.reason, false);
    else if (answer.meaning === 'again') this.failed(sentAt, answer.reason, false);
    else if (answer.meaning === 'full') this.failed(sentAt, answer.reason, true);
  }

  /** Something was stored, or the server is another one now: what was before does not count. */
  sound(): void {
    this.soundAt = performance.now();
    this.stop = null;
    if (this.current === null) return;
    this.current = null;
    this.listener();
  }

  /** From now on appends fail with this; null: they are tried again. */
  stopWith(stop: AppendStop | null): void {
    this.stop = stop;
  }

  /** @throws what `stopWith` was given, unless this one is let through to find out */
  admit(): void {
    if (this.stop === null || this.isTrial(this.stop)) return;
    throw this.stop.error();
  }

  private isTrial({ trialEveryMs }: AppendStop): boolean {
    const now = performance.now();
    if (trialEveryMs === null || now - this.lastTrialAt < trialEveryMs) return false;
    this.lastTrialAt = now;
    return true;
  }

  private failed(sentAt: number, reason: string, full: boolean): void {
    if (sentAt < this.soundAt) return;
    const since = this.current?.sentAt ?? sentAt;
    this.current = { sentAt: Math.min(since, sentAt), lastAt: performance.now(), reason, full };
    this.listener();
  }
}

/** Why appends are not even tried. */
export interface AppendStop {
  readonly error: () => Error;
  /** One append in this time is tried all the same; null: none, since nothing but a restart of the server helps. */
  readonly trialEveryMs: number | null;
}
