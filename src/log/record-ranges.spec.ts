import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { streamSequenceOf } from './log-position.js';
import { recordRanges } from './record-ranges.js';

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
