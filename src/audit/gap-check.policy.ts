import type { Finding } from './findings.policy.js';

/** Records, from one to another of the broker's sequences, both included. */
export interface RecordRange {
  readonly from: number;
  readonly to: number;
}

/** Records are numbered without gaps: what lies between two that follow each other is gone. */
export function gapBetween(lastRecord: number, record: number): RecordRange | null {
  return record > lastRecord + 1 ? { from: lastRecord + 1, to: record - 1 } : null;
}

/** What of the missing records an erasure has named, and what none has. */
export interface ExplainedGaps {
  readonly erased: readonly RecordRange[];
  readonly lost: readonly RecordRange[];
}

/**
 * @param gaps ascending, none touching another
 * @param erased as erasures named them, in any order, some perhaps twice
 */
export function explainGaps(gaps: readonly RecordRange[], erased: readonly RecordRange[]): ExplainedGaps {
  const named = merged(erased);
  return { erased: intersection(gaps, named), lost: difference(gaps, named) };
}

/** Of records that must be gone, those that are not. */
export function stillThere(
  gaps: readonly RecordRange[],
  mustBeGone: readonly RecordRange[],
): readonly RecordRange[] {
  return difference(merged(mustBeGone), gaps);
}

export function rangeFindings(
  rule: 'erased' | 'gap' | 'not_erased',
  ranges: readonly RecordRange[],
): Finding[] {
  return ranges.map(({ from, to }) => {
    const records = to === from ? 'one record' : `${to - from + 1} records`;
    const place = `sequences ${2 * from} to ${2 * to + 1} (${records})`;
    const detail = rule === 'not_erased' ? `the log still has ${place}` : `the log has nothing at ${place}`;
    return { rule, sequence: 2 * from, subject: null, detail };
  });
}

/** Ascending, none touching another. */
function merged(ranges: readonly RecordRange[]): RecordRange[] {
  const result: RecordRange[] = [];
  for (const { from, to } of [...ranges].sort((a, b) => a.from - b.from)) {
    const last = result.at(-1);
    if (last !== undefined && from <= last.to + 1) {
      result[result.length - 1] = { from: last.from, to: Math.max(last.to, to) };
    } else result.push({ from, to });
  }
  return result;
}

/** Both ascending, and neither with ranges that touch each other. */
function intersection(some: readonly RecordRange[], others: readonly RecordRange[]): RecordRange[] {
  const result: RecordRange[] = [];
  let at = 0;
  for (const { from, to } of some) {
    while (at < others.length && others[at]!.to < from) at += 1;
    for (let other = at; other < others.length && others[other]!.from <= to; other += 1) {
      result.push({ from: Math.max(from, others[other]!.from), to: Math.min(to, others[other]!.to) });
    }
  }
  return result;
}

/** What of `some` is in none of `others`; both as for `intersection`. */
function difference(some: readonly RecordRange[], others: readonly RecordRange[]): RecordRange[] {
  const result: RecordRange[] = [];
  let at = 0;
  for (const { from, to } of some) {
    while (at < others.length && others[at]!.to < from) at += 1;
    let next = from;
    for (let other = at; other < others.length && others[other]!.from <= to; other += 1) {
      if (others[other]!.from > next) result.push({ from: next, to: others[other]!.from - 1 });
      next = others[other]!.to + 1;
    }
    if (next <= to) result.push({ from: next, to });
  }
  return result;
}
