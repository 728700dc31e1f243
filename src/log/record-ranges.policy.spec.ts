import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  countOf,
  gapBetween,
  inBoth,
  inFirstOnly,
  RecordList,
  type RecordRange,
} from './record-ranges.policy.js';

const LAST = 40;

const recordsIn = (ranges: Iterable<RecordRange>) =>
  [...ranges].flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, at) => from + at));

const anyRanges = fc.array(
  fc.tuple(fc.integer({ min: 1, max: LAST }), fc.nat(6)).map(([from, more]) => ({ from, to: from + more })),
);

function listOf(ranges: readonly RecordRange[]): RecordList {
  const list = new RecordList();
  for (const { from, to } of ranges) list.add(from, to);
  return list;
}

const ascending = (records: Iterable<number>) => [...new Set(records)].sort((a, b) => a - b);

describe('ranges of records', () => {
  it('are merged to as few as there can be, in order', () => {
    fc.assert(
      fc.property(anyRanges, (ranges) => {
        const merged = [...listOf(ranges).merged()];
        expect(recordsIn(merged)).toEqual(ascending(recordsIn(ranges)));
        for (const [at, { from }] of merged.entries()) {
          if (at > 0) expect(from).toBeGreaterThan(merged[at - 1]!.to + 1);
        }
      }),
    );
  });

  it('are found from a record on', () => {
    fc.assert(
      fc.property(anyRanges, fc.integer({ min: 1, max: LAST }), (ranges, record) => {
        const merged = listOf(ranges).merged();
        expect([...merged.endingFrom(record)]).toEqual([...merged].filter(({ to }) => to >= record));
      }),
    );
  });

  it('are kept however many there are', () => {
    const list = new RecordList();
    for (let at = 0; at < 1_000; at += 1) list.add(3 * at, 3 * at + 1);
    expect([list.length, list.merged().length]).toEqual([1_000, 1_000]);
    expect([...list][999]).toEqual({ from: 2_997, to: 2_998 });
  });

  it('have in common what is in both', () => {
    fc.assert(
      fc.property(anyRanges, anyRanges, (some, others) => {
        const [one, other] = [listOf(some).merged(), listOf(others).merged()];
        const [records, named] = [ascending(recordsIn(some)), new Set(recordsIn(others))];
        expect(recordsIn(inBoth(one, other))).toEqual(records.filter((record) => named.has(record)));
        expect(recordsIn(inFirstOnly(one, other))).toEqual(records.filter((record) => !named.has(record)));
      }),
    );
  });
});

describe('gaps of the log', () => {
  it('are what lies between two records that follow each other', () => {
    expect(gapBetween(0, 1)).toBeNull();
    expect(gapBetween(3, 4)).toBeNull();
    expect(gapBetween(3, 6)).toEqual({ from: 4, to: 5 });
  });

  it('are counted in records', () => {
    expect(
      countOf([
        { from: 2, to: 2 },
        { from: 5, to: 9 },
      ]),
    ).toBe(6);
  });
});
