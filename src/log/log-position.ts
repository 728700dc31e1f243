import type { RecordRange } from './record-ranges.policy.js';

/** A record holds two events at most, so a position is twice the broker's sequence and one bit. */
export const EVENTS_PER_RECORD = 2;

/**
 * The position of an event in the log (`sequence` everywhere outside this folder), from the sequence of the record that
 * holds it. The last event of a record is always at the odd position, so that the position of the log's end is known
 * without reading what lies there; the even one is a gap where a record holds one event.
 *
 * @param eventsAfter how many events follow it in its record
 */
export function positionOf(streamSequence: number, eventsAfter = 0): number {
  return streamSequence === 0 ? 0 : EVENTS_PER_RECORD * streamSequence + 1 - eventsAfter;
}

/** The broker's sequence of the record that holds the event at this position. */
export function streamSequenceOf(position: number): number {
  return Math.floor(position / EVENTS_PER_RECORD);
}

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

/** For people, in the sequences that everything outside of this room speaks of. */
export function rangeText({ from, to }: RecordRange): string {
  const records = to === from ? 'one record' : `${to - from + 1} records`;
  return `sequences ${positionOf(from, 1)} to ${positionOf(to)} (${records})`;
}
