import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { StoredEvent } from '../../log/event-log.port.js';
import type { RecordRange } from '../../log/record-ranges.policy.js';
import { withGapsSeen } from './gap-guard.js';

const at = (sequence: number) => ({ sequence }) as StoredEvent;

async function* source(batches: readonly (readonly number[])[]) {
  for (const batch of batches) yield batch.map(at);
}

describe('a fold that reads past gaps', () => {
  it('is told of each before what lies behind it, and gets all the same', async () => {
    const records = fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { minLength: 1 });
    await fc.assert(
      fc.asyncProperty(records, fc.integer({ min: 1, max: 7 }), async (some, size) => {
        const sequences = some.sort((one, other) => one - other).map((record) => 2 * record + 1);
        const batches = Array.from({ length: Math.ceil(sequences.length / size) }, (_, index) =>
          sequences.slice(index * size, (index + 1) * size),
        );
        const seen: (number | RecordRange)[] = [];
        const guarded = withGapsSeen(source(batches), 0, async (gap) => void seen.push(gap));
        for await (const batch of guarded) seen.push(...batch.map(({ sequence }) => sequence));
        const expected: (number | RecordRange)[] = [];
        let last = 0;
        for (const sequence of sequences) {
          const record = (sequence - 1) / 2;
          if (record > last + 1) expected.push({ from: last + 1, to: record - 1 });
          expected.push(sequence);
          last = record;
        }
        expect(seen).toEqual(expected);
      }),
    );
  });

  it('gets nothing behind a gap that may not be passed', async () => {
    const seen: number[] = [];
    const refusal = new Error('a gap');
    const guarded = withGapsSeen(source([[3, 5, 9, 11]]), 1, () => Promise.reject(refusal));
    const reading = (async () => {
      for await (const batch of guarded) seen.push(...batch.map(({ sequence }) => sequence));
    })();
    await expect(reading).rejects.toBe(refusal);
    expect(seen).toEqual([3, 5]);
  });
});
