/** A request that became a message; without one, a request that was refused or taken back: it is to be forgotten. */
export interface Try {
  /** Of all that makes two requests the same. */
  readonly digest: string;
  readonly messageId: string | null;
}

interface Known {
  readonly messageId: string;
  readonly atMs: number;
}

/** Some 200 bytes each. */
const MOST_KNOWN = 100_000;

/** What requests became, for a while: the newest of each digest. The oldest go first, by their age and by their number. */
export class KnownTries {
  private readonly tries = new Map<string, Known>();

  constructor(
    private readonly keptMs: number,
    private readonly most = MOST_KNOWN,
  ) {}

  add({ digest, messageId }: Try, nowMs: number): void {
    // What is heard late is older than what is known.
    if ((this.tries.get(digest)?.atMs ?? -Infinity) > nowMs) return;
    // Anew at the end of the map, which is then in the order of age.
    this.tries.delete(digest);
    if (messageId === null) return;
    this.tries.set(digest, { messageId, atMs: nowMs });
    for (const [oldest, { atMs }] of this.tries) {
      if (this.tries.size <= this.most && nowMs - atMs < this.keptMs) break;
      this.tries.delete(oldest);
    }
  }

  find(digest: string, nowMs: number): string | null {
    const known = this.tries.get(digest);
    return known === undefined || nowMs - known.atMs >= this.keptMs ? null : known.messageId;
  }

  get size(): number {
    return this.tries.size;
  }
}
