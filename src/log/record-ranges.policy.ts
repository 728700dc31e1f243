/** A range of records by the broker's sequences, both included. */
export interface RecordRange {
  readonly from: number;
  readonly to: number;
}

/** Ascending, and no two that touch each other. */
export type Ordered = Iterable<RecordRange>;

/** The broker numbers records without gaps: numbers that are left out between two records were deleted. */
export function gapBetween(lastRecord: number, record: number): RecordRange | null {
  return record > lastRecord + 1 ? { from: lastRecord + 1, to: record - 1 } : null;
}

/** Records of `some` that are in `others`, too. */
export function* inBoth(some: Ordered, others: Ordered): Generator<RecordRange, void, undefined> {
  for (const [range, isIn] of cut(some, others)) if (isIn) yield range;
}

/** Records of `some` that are not in `others`. */
export function* inFirstOnly(some: Ordered, others: Ordered): Generator<RecordRange, void, undefined> {
  for (const [range, isIn] of cut(some, others)) if (!isIn) yield range;
}

/** How many records lie in the ranges. */
export function countOf(ranges: Iterable<RecordRange>): number {
  let records = 0;
  for (const { from, to } of ranges) records += to - from + 1;
  return records;
}

/** `some`, cut where ranges of `others` begin and end. Each part comes with whether it lies in one of `others`. */
function* cut(some: Ordered, others: Ordered): Generator<readonly [RecordRange, boolean], void, undefined> {
  const rest = others[Symbol.iterator]();
  let other = rest.next();
  for (const { from, to } of some) {
    let next = from;
    while (next <= to) {
      while (!other.done && other.value.to < next) other = rest.next();
      if (other.done || other.value.from > to) {
        yield [{ from: next, to }, false];
        break;
      }
      if (other.value.from > next) yield [{ from: next, to: other.value.from - 1 }, false];
      const end = Math.min(to, other.value.to);
      yield [{ from: Math.max(next, other.value.from), to: end }, true];
      next = end + 1;
    }
  }
}

const FIRST_ROOM = 64;

/** Ranges of records in 16 bytes each. There can be many: an erased conversation's records lie between others. */
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

  /** Of merged ranges, those that do not end before a record: found without a look at the others. */
  *endingFrom(record: number): Generator<RecordRange, void, undefined> {
    let low = 0;
    for (let high = this.count; low < high; ) {
      const middle = (low + high) >>> 1;
      if (this.ends[2 * middle + 1]! < record) low = middle + 1;
      else high = middle;
    }
    for (let at = low; at < this.count; at += 1) yield this.at(at);
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
