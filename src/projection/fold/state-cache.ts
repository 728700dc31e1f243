import { LRUCache } from 'lru-cache';

const NONE: ReadonlySet<string> = new Set();

/**
 * A cache of the states that change at present (messages, conversations), so that most events need no read of
 * PostgreSQL.
 *
 * States that are not written yet are all kept: PostgreSQL holds older ones. Of the written ones it keeps the most
 * recently used, unless no more events are expected for them; others are read again. After a failed write its content is
 * wrong: a new run of the fold begins with a new cache.
 */
export class StateCache<S extends { readonly id: string }> {
  private changed = new Map<string, S>();
  private underWay = new Map<string, S>();
  private readonly written: LRUCache<string, S>;

  /**
   * @param load those of the ids that PostgreSQL knows
   * @param capacity of what is written, in states
   * @param stays false for states that hardly any event will change again
   */
  constructor(
    private readonly load: (ids: readonly string[]) => Promise<readonly S[]>,
    capacity: number,
    private readonly stays: (state: S) => boolean,
  ) {
    this.written = new LRUCache({ max: capacity });
  }

  /**
   * The states of these ids. An id that is not in the answer is new.
   *
   * @param newIds ids that PostgreSQL is not asked for
   */
  async get(ids: Iterable<string>, newIds: ReadonlySet<string> = NONE): Promise<Map<string, S>> {
    const found = new Map<string, S>();
    const missing: string[] = [];
    for (const id of ids) {
      const state = this.changed.get(id) ?? this.underWay.get(id) ?? this.written.get(id);
      if (state !== undefined) found.set(id, state);
      else if (!newIds.has(id)) missing.push(id);
    }
    if (missing.length === 0) return found;
    for (const state of await this.load(missing)) found.set(state.id, state);
    return found;
  }

  put(changed: ReadonlyMap<string, S>): void {
    for (const [id, state] of changed) this.changed.set(id, state);
  }

  /** From now on PostgreSQL is writing all that was put; it has written what was put before the last call. */
  sealed(): void {
    for (const [id, state] of this.underWay) {
      if (this.stays(state)) this.written.set(id, state);
      else this.written.delete(id);
    }
    this.underWay = this.changed;
    this.changed = new Map();
  }

  forget(ids: Iterable<string>): void {
    for (const id of ids) for (const states of [this.changed, this.underWay, this.written]) states.delete(id);
  }
}
