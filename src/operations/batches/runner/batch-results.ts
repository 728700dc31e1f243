import { type Batch, type ResultKind, type Results, resultFileId } from '../batch.state.js';
import type { Files } from '../files/files.js';
import { NO_USAGE, withUsageOf } from '../lines/batch-usage.state.js';
import { isResult, unaskedLine } from '../lines/result-line.policy.js';
import { type LineEnd, LineEnds, type LineEndsParts } from './line-ends.js';

/** What is written of a file and has no name after an hour is swept: sooner than that it is begun anew. */
const LONGEST_PAUSE_MS = 20 * 60_000;

export interface BatchResultsParts extends LineEndsParts {
  readonly files: Pick<Files, 'content' | 'receiveAs' | 'keep'>;
}

/**
 * Writes the results of a batch whose lines have all ended. Files get the same ids each time; what a process that died has
 * written of one is replaced.
 */
export class BatchResults {
  private readonly ends: LineEnds;
  private usage = NO_USAGE;
  private completed = 0;
  private failed = 0;
  /** Lines of the file of errors. */
  private readonly errors = new Set<number>();

  constructor(
    private readonly parts: BatchResultsParts,
    private readonly batch: Batch,
    private readonly signal: AbortSignal,
  ) {
    this.ends = new LineEnds(parts, batch, signal, {
      unended: (isAlive) => unaskedLine(batch, isAlive),
      longestPauseMs: LONGEST_PAUSE_MS,
    });
  }

  /** @throws the reason of the signal */
  async write(): Promise<Results> {
    if (this.batch.lastLine === 0) return this.results(null, null);
    const outputFileId = await this.writeFile(
      'output',
      this.answers(() => true, true),
    );
    const errorFileId =
      this.errors.size === 0
        ? null
        : await this.writeFile(
            'error',
            this.answers((number) => this.errors.has(number), false),
          );
    return this.results(outputFileId, errorFileId);
  }

  private results(outputFileId: string | null, errorFileId: string | null): Results {
    const { completed, failed } = this;
    return { completed, failed, outputFileId, errorFileId, usage: completed === 0 ? null : this.usage };
  }

  /** Null where there is nothing to write. */
  private async writeFile(kind: ResultKind, content: AsyncIterable<Buffer>): Promise<string | null> {
    const { files } = this.parts;
    const { id: batchId, tenant, outputExpiresAfterS: expiresAfterS } = this.batch;
    const parts = content[Symbol.asyncIterator]();
    const first = await parts.next();
    if (first.done === true) return null;
    const id = resultFileId(this.batch, kind);
    const received = await files.receiveAs(id, behind(first.value, parts));
    await files.keep(tenant, received, {
      ...{ name: resultFileName(batchId, kind), purpose: 'batch_output', expiresAfterS },
    });
    return id;
  }

  /** The lines of one of the files. The first reading counts, and finds out which lines are errors. */
  private async *answers(isWanted: (line: number) => boolean, isFirst: boolean): AsyncIterable<Buffer> {
    for await (const ends of this.ends.read(isWanted)) {
      if (isFirst) for (const end of ends) this.count(end);
      // In the file of errors, all that the first reading has left to it, also what was requeued and answered since.
      const told = isFirst ? ends.filter(({ answer }) => isResult(answer)) : ends;
      if (told.length > 0) yield Buffer.from(told.map((end) => this.ends.told(end)).join(''));
    }
    // With the end of the content the file is replaced, which may be another holder's by now.
    this.signal.throwIfAborted();
  }

  private count({ line, answer, event }: LineEnd): void {
    if (isResult(answer)) this.completed += 1;
    else {
      this.failed += 1;
      this.errors.add(line.number);
    }
    if (event?.type === 'llmq.message.completed.v1') this.usage = withUsageOf(this.usage, event.data);
  }
}

export function resultFileName(batchId: string, kind: ResultKind): string {
  return `${batchId}_${kind}.jsonl`;
}

/** What begins with a part that was read already: to know that there is one, or that reading does not fail at once. */
export async function* behind(first: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer, void> {
  yield first;
  yield* { [Symbol.asyncIterator]: () => rest };
}
