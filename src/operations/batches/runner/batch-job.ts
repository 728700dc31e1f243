import type { Logger } from 'pino';
import { assertNever } from '../../../domain/assert-never.js';
import type { Sources } from '../../../platform/clock.js';
import type { CancelMessage } from '../../../submission/cancel-message.js';
import type { SubmitMessage } from '../../../submission/submit-message.js';
import * as state from '../batch.state.js';
import { FileGoneError } from '../files/nats/file-objects.js';
import { checkBatch } from './batch-check.js';
import type { BatchCounts } from './batch-counts.js';
import type { BatchRecord } from './batch-record.js';
import { BatchResults, type BatchResultsParts } from './batch-results.js';
import { LineRun, type LineRunParts } from './line-run.js';
import { windDown } from './wind-down.js';

export interface BatchJobParts extends LineRunParts, BatchResultsParts {
  readonly submit: Pick<SubmitMessage, 'refusalAtSight'>;
  readonly cancelMessage: Pick<CancelMessage, 'cancel'>;
  readonly logger: Logger;
  readonly sources: Pick<Sources, 'nowMs'>;
  readonly mostLines: number;
  readonly counts: BatchCounts;
}

/** How often the batch is read, for a client that cancels it, and told how far it is. */
const BEAT_MS = 1_000;

/**
 * Carries one batch out, step by step, from whatever step it is at. Each step can be done again: after a kill another
 * process begins with the one that the batch is at.
 */
export class BatchJob {
  /** This process validated it, so that nobody has submitted any of it. */
  private isFirst = false;
  private counted: Pick<state.Batch, 'completed' | 'failed'>;

  /** @param signal aborts when the lease may be another's, and when the process stops */
  constructor(
    private readonly parts: BatchJobParts,
    private readonly record: BatchRecord,
    private readonly signal: AbortSignal,
  ) {
    this.counted = record.known;
  }

  /** Resolves when the batch has ended. @throws what any step throws; the batch is then at the step that it was at */
  async run(): Promise<void> {
    for (let isOver = false; !isOver; ) {
      this.signal.throwIfAborted();
      const batch = await this.record.refresh();
      try {
        isOver = await this.step(batch);
      } catch (error) {
        if (error instanceof FileGoneError)
          await this.change((known, nowMs) => state.lost(known, [GONE], nowMs));
        else if (error !== STEP_OVER) throw error;
      }
    }
  }

  get status(): state.BatchStatus {
    return this.record.known.status;
  }

  /** A client may have changed the batch: looks now, and not only with the next beat. */
  lookNow: () => void = () => undefined;

  /** True when there is nothing more to do. */
  private async step(batch: state.Batch): Promise<boolean> {
    const step = state.nextStep(batch, this.parts.sources.nowMs());
    switch (step) {
      case 'validate':
        await this.validate(batch);
        return false;
      case 'carry_out':
        await this.carryOut(batch);
        return false;
      case 'wind_down':
        await windDown(this.parts, batch, this.signal);
        if (batch.status === 'cancelling') await this.writeResults(batch);
        else await this.change((known, nowMs) => state.finalizing(known, 'expired', nowMs));
        return false;
      case 'write_results':
        await this.writeResults(batch);
        return false;
      case 'nothing':
        return true;
      default:
        return assertNever(step);
    }
  }

  private async validate(batch: state.Batch): Promise<void> {
    // Not as a client finds it: an input that has expired since is kept for as long as its batch needs it.
    const content = this.parts.files.content({ id: batch.inputFileId });
    const checked = await this.whileAtStep(batch, null, (signal) =>
      checkBatch(content, batch, this.parts, signal),
    );
    if ('errors' in checked) await this.change((known, nowMs) => state.failed(known, checked.errors, nowMs));
    else {
      await this.change((known, nowMs) => state.begun(known, checked, nowMs));
      this.isFirst = true;
    }
  }

  private async carryOut(batch: state.Batch): Promise<void> {
    const lines = new LineRun(this.parts, batch, this.isFirst);
    this.isFirst = false;
    const content = this.parts.files.content({ id: batch.inputFileId });
    const isDone = await this.whileAtStep(
      batch,
      () => lines.progress,
      (signal) => lines.run(content, signal),
    );
    await this.change((known) => state.progressed(known, lines.progress));
    if (isDone) await this.change((known, nowMs) => state.finalizing(known, 'completed', nowMs));
  }

  private async writeResults(batch: state.Batch): Promise<void> {
    const results = await new BatchResults(this.parts, batch, this.signal).write();
    await this.change((known, nowMs) => state.ended(known, results, nowMs));
  }

  /** Aborts the work when the batch comes to another step: a client cancels it, or its time is over. */
  private async whileAtStep<T>(
    batch: state.Batch,
    progress: (() => Parameters<typeof state.progressed>[1]) | null,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { logger, sources } = this.parts;
    const over = new AbortController();
    const step = state.nextStep(batch, sources.nowMs());
    const beat = async () => {
      try {
        const known = await this.record.refresh();
        if (state.nextStep(known, sources.nowMs()) !== step) over.abort(STEP_OVER);
        else if (progress !== null) await this.change((each) => state.progressed(each, progress()));
      } catch (err) {
        logger.debug({ err, batch: batch.id }, 'a batch could not be looked at');
      }
    };
    // One at a time: while the broker is away each takes long.
    let isLooking = false;
    this.lookNow = () => {
      if (isLooking) return;
      isLooking = true;
      void beat().finally(() => {
        isLooking = false;
      });
    };
    const timer = setInterval(this.lookNow, BEAT_MS);
    try {
      return await work(AbortSignal.any([this.signal, over.signal]));
    } finally {
      clearInterval(timer);
      this.lookNow = () => undefined;
    }
  }

  private async change(of: (batch: state.Batch, nowMs: number) => state.Batch): Promise<state.Batch> {
    const known = await this.record.change((batch) => of(batch, this.parts.sources.nowMs()));
    this.counted = this.parts.counts.linesEnded(this.counted, known);
    return known;
  }
}

const STEP_OVER = new Error('The batch has come to another step.');

const GONE: state.BatchError = {
  ...{ code: 'invalid_input_file', message: 'The input file is not there any more.' },
  ...{ param: 'input_file_id', line: null },
};
