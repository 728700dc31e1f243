/** The newest notices, at most this many in each of two generations (some 100 bytes each). */
const GENERATION_SIZE = 50_000;
const GENERATION_MS = 30_000;

interface Generation {
  /** Since when every notice that came is in it, in milliseconds of a monotonic clock. */
  readonly sinceMs: number;
  readonly sequences: Map<string, number>;
}

/**
 * Remembers who was completed lately. A reader can look at a projection that is behind, and only then begin to listen:
 * without this the notice that was given in between would be lost to it.
 */
export class NoticeMemory {
  private previous: Generation;
  private current: Generation;

  constructor(nowMs: number) {
    this.current = this.previous = { sinceMs: nowMs, sequences: new Map() };
  }

  add(messageId: string, sequence: number, nowMs: number): void {
    const { sequences, sinceMs } = this.current;
    if (sequences.size >= GENERATION_SIZE || nowMs - sinceMs >= GENERATION_MS) {
      this.previous = this.current;
      this.current = { sinceMs: nowMs, sequences: new Map() };
    }
    this.current.sequences.set(messageId, sequence);
  }

  find(messageId: string): number | null {
    return this.current.sequences.get(messageId) ?? this.previous.sequences.get(messageId) ?? null;
  }

  /** For how long back no notice is missing. */
  reachMs(nowMs: number): number {
    return nowMs - this.previous.sinceMs;
  }

  /** Notices were missed: what is remembered stays true, but no longer complete. */
  restart(nowMs: number): void {
    const sequences = new Map(this.current.sequences);
    this.current = this.previous = { sinceMs: nowMs, sequences };
  }
}
