import type { Finding } from './findings.policy.js';

/** Records, from one to another of the broker's sequences, both included. */
export interface RecordRange {
  readonly from: number;
  readonly to: number;
}

/** Ascending, and no two that touch each other. */
type Ordered = Iterable<RecordRange>;

/** Records are numbered without gaps: what lies between two that follow each other is gone. */
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

export function rangeFinding(rule: 'erased' | 'gap' | 'not_erased', { from, to }: RecordRange): Finding {
  const records = to === from ? 'one record' : `${to - from + 1} records`;
  const place = `sequences ${2 * from} to ${2 * to + 1} (${records})`;
  const detail = rule === 'not_erased' ? `the log still has ${place}` : `the log has nothing at ${place}`;
  return { rule, sequence: 2 * from, subject: null, detail };
}

/** `some`, cut where ranges of `others` begin and end, each part with whether it lies in one of these. */
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
