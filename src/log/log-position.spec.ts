import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { EVENTS_PER_RECORD, positionOf, rangeText, recordRanges, streamSequenceOf } from './log-position.js';

/** Half of what a double counts exactly: positions are twice as large. */
const streamSequences = fc.integer({ min: 1, max: 2 ** 51 });
const eventsAfter = fc.integer({ min: 0, max: EVENTS_PER_RECORD - 1 });

describe('the position of an event', () => {
  it('is of a log without records, too', () => {
    expect(positionOf(0)).toBe(0);
    expect([positionOf(1, 1), positionOf(1), positionOf(2, 1), positionOf(2)]).toEqual([2, 3, 4, 5]);
  });

  it('leads back to its record', () => {
    fc.assert(
      fc.property(streamSequences, eventsAfter, (record, after) => {
        expect(streamSequenceOf(positionOf(record, after))).toBe(record);
      }),
    );
  });

  it('rises with the record, and within it', () => {
    fc.assert(
      fc.property(streamSequences, eventsAfter, (record, after) => {
        expect(positionOf(record, 1)).toBe(positionOf(record) - 1);
        expect(positionOf(record + 1, after)).toBeGreaterThan(positionOf(record));
      }),
    );
  });
});

describe('recordRanges', () => {
  it('names whole records, and those that follow each other as one range', () => {
    expect(recordRanges([5])).toEqual([[4, 5]]);
    expect(recordRanges([4, 5, 7, 12, 13])).toEqual([
      [4, 7],
      [12, 13],
    ]);
    expect(recordRanges([])).toEqual([]);
  });

  it('covers the records of these events and no other, with a gap between any two ranges', () => {
    const some = fc.uniqueArray(fc.integer({ min: 2, max: 200 }), { maxLength: 60 });
    fc.assert(
      fc.property(some, (chosen) => {
        const sequences = [...chosen].sort((a, b) => a - b);
        const ranges = recordRanges(sequences).map(([first, last]) => [
          ...[streamSequenceOf(first), streamSequenceOf(last)],
        ]);
        const covered = ranges.flatMap(([first, last]) =>
          Array.from({ length: last! - first! + 1 }, (_, at) => first! + at),
        );
        expect(covered).toEqual([...new Set(sequences.map(streamSequenceOf))]);
        for (const [at, [first]] of ranges.entries()) {
          if (at > 0) expect(first!).toBeGreaterThan(ranges[at - 1]![1]! + 1);
        }
      }),
    );
  });
});

it('tells ranges of records in sequences', () => {
  expect(rangeText({ from: 2, to: 2 })).toBe('sequences 4 to 5 (one record)');
  expect(rangeText({ from: 2, to: 4 })).toBe('sequences 4 to 9 (3 records)');
});
