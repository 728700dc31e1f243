import { describe, expect, it } from '@jest/globals';
import { BatchCounts } from './batch-counts.js';

describe('what is counted of batches', () => {
  it('is each line once, also where what is known of them goes back', () => {
    const counts = new BatchCounts();
    // As another process has left it.
    let known = { completed: 5, failed: 1 };
    const told = [known, { completed: 3, failed: 1 }, { completed: 7, failed: 1 }].map((now) => {
      known = counts.linesEnded(known, now);
      return counts.lines.completed;
    });
    expect(told).toEqual([0, 0, 2]);
    known = counts.linesEnded(known, { completed: 7, failed: 4 });
    expect(known).toEqual({ completed: 7, failed: 4 });
    expect(counts.lines).toEqual({ completed: 2, failed: 3 });
  });

  it('is each batch, by its end', () => {
    const counts = new BatchCounts();
    for (const status of ['completed', 'cancelled', 'completed'] as const) counts.batchEnded(status);
    expect([...counts.ended]).toEqual([
      ['completed', 2],
      ['cancelled', 1],
    ]);
  });
});
