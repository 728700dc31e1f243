import { positionOf, streamSequenceOf } from './log-position.js';

/** A first and a last sequence; everything between them is meant. */
export type SequenceRange = [first: number, last: number];

/**
 * The whole records that hold these events, as few ranges: what lies in one record is kept or erased together.
 *
 * @param sequences ascending
 */
export function recordRanges(sequences: readonly number[]): SequenceRange[] {
  const ranges: SequenceRange[] = [];
  for (const sequence of sequences) {
    const record = streamSequenceOf(sequence);
    const open = ranges.at(-1);
    if (open !== undefined && record <= streamSequenceOf(open[1]) + 1) open[1] = positionOf(record);
    else ranges.push([positionOf(record, 1), positionOf(record)]);
  }
  return ranges;
}
