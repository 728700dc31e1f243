import { LRUCache } from 'lru-cache';

const SMALLEST_CAPACITY = 50_000;

/**
 * The states of what moves at present (messages, conversations), so that most events need no look at PostgreSQL.
 *
 * It is ahead of the database by the batches under way. Those are at most two, and the capacity is four times a batch
 * of messages that are all different, so a state can't fall out before it is written. After a failed write what it
 * holds is no longer true: a new run begins with a new one.
 */
export class HotStates<S extends { readonly id: string }> {
  private readonly states: LRUCache<string, S>;

  /** @param load those of the ids that PostgreSQL knows */
  constructor(
    private readonly load: (ids: readonly string[]) => Promise<readonly S[]>,
    maxBatch: number,
  ) {
    this.states = new LRUCache({ max: Math.max(SMALLEST_CAPACITY, 8 * maxBatch) });
  }

  /** What is known of these; those not in the answer are new. */
  async get(ids: Iterable<string>): Promise<Map<string, S>> {
    const found = new Map<string, S>();
    const missing: string[] = [];
    for (const id of ids) {
      const state = this.states.get(id);
      if (state === undefined) missing.push(id);
      else found.set(id, state);
    }
    if (missing.length === 0) return found;
    for (const state of await this.load(missing)) found.set(state.id, state);
    return found;
  }

  put(changed: ReadonlyMap<string, S>): void {
    for (const [id, state] of changed) this.states.set(id, state);
  }

  forget(ids: Iterable<string>): void {
    for (const id of ids) this.states.delete(id);
  }
}
