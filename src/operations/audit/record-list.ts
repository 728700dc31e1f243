import type { RecordRange } from './gap-check.policy.js';

const FIRST_ROOM = 64;

/** Many ranges of records in 16 bytes each: an erasure among other messages makes nearly as many as it erases records. */
export class RecordList implements Iterable<RecordRange> {
  private ends = new Float64Array(2 * FIRST_ROOM);
  private count = 0;

  get length(): number {
    return this.count;
  }

  add(from: number, to: number): void {
    if (2 * this.count === this.ends.length) {
      const larger = new Float64Array(2 * this.ends.length);
      larger.set(this.ends);
      this.ends = larger;
    }
    this.ends[2 * this.count] = from;
    this.ends[2 * this.count + 1] = to;
    this.count += 1;
  }

  *[Symbol.iterator](): Generator<RecordRange, void, undefined> {
    for (let at = 0; at < this.count; at += 1) yield this.at(at);
  }

  /** The same records in ascending order, with no two ranges that touch each other. */
  merged(): RecordList {
    const order = Uint32Array.from({ length: this.count }, (_, at) => at);
    order.sort((one, other) => this.ends[2 * one]! - this.ends[2 * other]!);
    const result = new RecordList();
    for (const at of order) {
      const { from, to } = this.at(at);
      const last = 2 * result.count - 1;
      if (last > 0 && from <= result.ends[last]! + 1) result.ends[last] = Math.max(result.ends[last]!, to);
      else result.add(from, to);
    }
    return result;
  }

  private at(index: number): RecordRange {
    return { from: this.ends[2 * index]!, to: this.ends[2 * index + 1]! };
  }
}
