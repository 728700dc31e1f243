import { LRUCache } from 'lru-cache';

const NONE: ReadonlySet<string> = new Set();

/**
 * The states of what moves at present (messages, conversations), so that most events need no look at PostgreSQL.
 *
 * What is not written yet is kept whatever there is of it: PostgreSQL would tell what was before. Of what is written
 * it keeps the most recent, as far as more is to be expected of it; a forgotten one is read again. After a failed write
 * what it holds is no longer true: a new run begins with a new one.
 */
export class StateCache<S extends { readonly id: string }> {
  private changed = new Map<string, S>();
  private underWay = new Map<string, S>();
  private readonly written: LRUCache<string, S>;

  /**
   * @param load those of the ids that PostgreSQL knows
   * @param capacity of what is written, in states
   * @param stays false for those of which hardly anything will come any more
   */
  constructor(
    private readonly load: (ids: readonly string[]) => Promise<readonly S[]>,
    capacity: number,
    private readonly stays: (state: S) => boolean,
  ) {
    this.written = new LRUCache({ max: capacity });
  }

  /**
   * What is known of these; those not in the answer are new.
   *
   * @param newIds those that PostgreSQL is not asked for
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

  /** All that was put is on its way to PostgreSQL from here on, and what was on its way before is there. */
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
