import type { Batch, BatchStatus } from '../batch.state.js';

type Counted = Pick<Batch, 'completed' | 'failed'>;

/** What this process has brought about of batches since its start, for metrics. */
export class BatchCounts {
  readonly ended = new Map<BatchStatus, number>();
  readonly lines = { completed: 0, failed: 0 };

  batchEnded(status: BatchStatus): void {
    this.ended.set(status, (this.ended.get(status) ?? 0) + 1);
  }

  /**
   * Lines that have ended since they were counted last. A process that takes a batch over begins with what is stored, so
   * that in all processes together each line is counted once.
   *
   * @returns what is counted now; it never gets less
   */
  linesEnded(before: Counted, now: Counted): Counted {
    const completed = Math.max(before.completed, now.completed);
    const failed = Math.max(before.failed, now.failed);
    this.lines.completed += completed - before.completed;
    this.lines.failed += failed - before.failed;
    return { completed, failed };
  }
}
