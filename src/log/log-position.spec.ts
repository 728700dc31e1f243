import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { EVENTS_PER_RECORD, positionOf, streamSequenceOf } from './log-position.js';

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
