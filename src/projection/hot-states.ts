import { LRUCache } from 'lru-cache';
import type { DataSource } from 'typeorm';
import type { MessageState } from '../message/message.state.js';
import { loadStates } from './state-loader.js';

const SMALLEST_CAPACITY = 50_000;

/**
 * The states of the messages that move at present, so that most events need no look at PostgreSQL.
 *
 * It is ahead of the database by the batches under way. Those are at most two, and the capacity is four times a batch
 * of messages that are all different, so a state can't fall out before it is written. After a failed write what it
 * holds is no longer true: a new run begins with a new one.
 */
export class HotStates {
  private readonly states: LRUCache<string, MessageState>;

  constructor(
    private readonly dataSource: DataSource,
    private readonly schema: string,
    maxBatch: number,
  ) {
    this.states = new LRUCache({ max: Math.max(SMALLEST_CAPACITY, 8 * maxBatch) });
  }

  /** What is known of these messages; those not in the answer are new. */
  async get(ids: Iterable<string>): Promise<Map<string, MessageState>> {
    const found = new Map<string, MessageState>();
    const missing: string[] = [];
    for (const id of ids) {
      const state = this.states.get(id);
      if (state === undefined) missing.push(id);
      else found.set(id, state);
    }
    for (const state of await loadStates(this.dataSource, this.schema, missing)) found.set(state.id, state);
    return found;
  }

  put(changed: ReadonlyMap<string, MessageState>): void {
    for (const [id, state] of changed) this.states.set(id, state);
  }
}
