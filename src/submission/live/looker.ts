import type { MessageStanding } from '../../projection/read/message-standings.js';
import { RefusedError } from '../refusal.js';
import type { LiveScope } from './live-scope.js';
import { type OwnerReads, pauseAfter } from './owner-reads.js';
import type { StandingReads } from './standing-reads.js';

/** Of more messages that changed it is not remembered which. */
const MOST_DIRTY = 5_000;

export interface LookingParts {
  readonly reads: StandingReads;
  readonly ownerReads: Pick<OwnerReads, 'failed'>;
}

/** Where what a look finds goes. */
export interface Finds {
  /** The messages that are known to be followed. */
  readonly ids: Iterable<string>;
  has(id: string): boolean;
  /** Null where the tables do not know it. */
  found(id: string, standing: MessageStanding | null, first?: boolean): Promise<void>;
  /** All that changed up to this sequence of the log was found. */
  mark(sequence: number): void;
}

/**
 * What a follower looks at. Changes of messages are looked at one batch after the other: a message is read where it is said
 * to have changed, and all of them where changes may have been missed, so that what is found is always the state now.
 */
export class Looker {
  private dirty = new Set<string>();
  private isUnsure = false;
  private isLooking = false;
  private hasLooked = false;
  private reachedTo = 0;
  private isClosed = false;
  private wake: () => void = () => undefined;

  constructor(
    private readonly parts: LookingParts,
    private readonly scope: LiveScope,
    private readonly finds: Finds,
    private readonly failed: (error: RefusedError) => void,
  ) {}

  changed(messageId: string): void {
    this.dirty.add(messageId);
    // A client that does not read holds up the looking, however much changes.
    if (this.dirty.size > MOST_DIRTY) {
      this.dirty.clear();
      this.isUnsure = true;
    }
    this.wake();
  }

  erased(messageIds: readonly string[]): void {
    // Whatever is being read now may have been read before.
    for (const id of messageIds) if (this.isLooking || this.finds.has(id)) this.changed(id);
  }

  unsure(): void {
    this.isUnsure = true;
    this.wake();
  }

  reached(sequence: number): void {
    this.reachedTo = sequence;
    this.wake();
  }

  close(): void {
    this.isClosed = true;
    this.wake();
  }

  /** Looks whenever there is something to look at, until it is closed. Never rejects. */
  async keepLooking(): Promise<void> {
    for (let failures = 0; !this.isClosed; ) {
      if (!this.isUnsure && this.dirty.size === 0 && this.reachedTo <= this.scope.told) {
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
        continue;
      }
      this.isLooking = true;
      try {
        await this.look();
        failures = 0;
      } catch (error) {
        if (error instanceof RefusedError && error.code === 'not_found') return this.failed(error);
        this.parts.ownerReads.failed(error);
        this.isUnsure = true;
        failures += 1;
        await pauseAfter(failures);
      } finally {
        this.isLooking = false;
      }
    }
  }

  private async look(): Promise<void> {
    const { dirty, reachedTo } = this;
    this.dirty = new Set();
    if (this.isUnsure) {
      this.isUnsure = false;
      return this.lookAtAll();
    }
    const ids = [...dirty];
    const standings = await Promise.all(ids.map((id) => this.parts.reads.read(id)));
    for (const [index, id] of ids.entries()) await this.finds.found(id, standings[index] ?? null);
    this.finds.mark(reachedTo);
  }

  /** @throws {RefusedError} `not_found` where there is nothing to follow (any more) */
  async lookAtAll(): Promise<void> {
    const first = !this.hasLooked;
    const unseen = new Set(this.finds.ids);
    for await (const standings of this.scope.all(first)) {
      for (const standing of standings) {
        unseen.delete(standing.id);
        await this.finds.found(standing.id, standing, first);
        // In the order of their ends: of those up to here all was told.
        if (this.scope.isWide && standing.terminalSequence !== null)
          this.finds.mark(standing.terminalSequence);
      }
      if (this.isClosed) return;
    }
    this.hasLooked = true;
    // Erased, or moved while it was looked for.
    for (const id of unseen) this.changed(id);
    this.finds.mark(this.scope.seen);
  }
}
