import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { explainGaps, gapBetween, type RecordRange, rangeFindings, stillThere } from './gap-check.policy.js';

const LAST = 40;

function rangesOf(records: readonly number[]): RecordRange[] {
  const ranges: RecordRange[] = [];
  for (const record of [...records].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last !== undefined && record === last.to + 1) ranges[ranges.length - 1] = { ...last, to: record };
    else ranges.push({ from: record, to: record });
  }
  return ranges;
}

const recordsIn = (ranges: readonly RecordRange[]) =>
  ranges.flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, at) => from + at));

const records = fc.uniqueArray(fc.integer({ min: 1, max: LAST }));
const anyRanges = fc.array(
  fc.tuple(fc.integer({ min: 1, max: LAST }), fc.nat(6)).map(([from, more]) => ({ from, to: from + more })),
);

describe('gaps of the log', () => {
  it('are what lies between two records that follow each other', () => {
    expect(gapBetween(0, 1)).toBeNull();
    expect(gapBetween(3, 4)).toBeNull();
    expect(gapBetween(3, 6)).toEqual({ from: 4, to: 5 });
  });

  it('are erased as far as erasures name them, and lost for the rest', () => {
    fc.assert(
      fc.property(records, anyRanges, (gone, named) => {
        const { erased, lost } = explainGaps(rangesOf(gone), named);
        const wasNamed = new Set(recordsIn(named));
        const missing = [...gone].sort((a, b) => a - b);
        expect(recordsIn(erased)).toEqual(missing.filter((record) => wasNamed.has(record)));
        expect(recordsIn(lost)).toEqual(missing.filter((record) => !wasNamed.has(record)));
      }),
    );
  });

  it('show what should be in them and is not', () => {
    fc.assert(
      fc.property(records, anyRanges, (gone, named) => {
        const there = [...new Set(recordsIn(named))].filter((record) => !gone.includes(record));
        expect(recordsIn(stillThere(rangesOf(gone), named))).toEqual(there.sort((a, b) => a - b));
      }),
    );
  });

  it('are told in sequences', () => {
    expect(rangeFindings('gap', [{ from: 2, to: 2 }])).toEqual([
      {
        ...{ rule: 'gap', sequence: 4, subject: null },
        detail: 'the log has nothing at sequences 4 to 5 (one record)',
      },
    ]);
    expect(rangeFindings('not_erased', [{ from: 2, to: 4 }])[0]?.detail).toBe(
      'the log still has sequences 4 to 9 (3 records)',
    );
  });
});
