import { Inject, Injectable } from '@nestjs/common';
import type { EventLog } from '../../../log/event-log.port.js';
import { EVENT_LOG } from '../../../platform/tokens.js';
import { MessageLookup } from '../../../submission/message-lookup.js';
import { refused } from '../../../submission/refusal.js';
import { type Batch, RESULT_KINDS, type ResultKind, resultFiles } from '../batch.state.js';
import type { StoredFile } from '../files/file.state.js';
import { Files, unknownFile } from '../files/files.js';
import { BATCH_LINES, type BatchLines } from '../lines/batch-lines.port.js';
import { refusedUpTo } from '../lines/line-marks.state.js';
import { isResult } from '../lines/result-line.policy.js';
import { BatchRecords } from '../nats/batch-records.js';
import { resultFileName } from './batch-results.js';
import { LineEnds } from './line-ends.js';

/** Each reads the whole input of its batch, and many events. */
const MOST_READ_AT_ONCE = 4;

/** A file of the results of a batch that has not ended. Nothing of it is stored. */
export interface GrowingFile extends StoredFile {
  readonly batch: Batch;
  readonly kind: ResultKind;
}

/**
 * Files, and those of results that are still to be written: these are made of the log each time that somebody reads them,
 * of the lines that have ended until then. So a line that is there has the result that it has in the end, and a kill
 * changes nothing.
 */
@Injectable()
export class ResultsSoFar {
  private reading = 0;

  constructor(
    private readonly files: Files,
    private readonly records: BatchRecords,
    private readonly lookup: MessageLookup,
    @Inject(BATCH_LINES) private readonly lines: BatchLines,
    @Inject(EVENT_LOG) private readonly log: EventLog,
  ) {}

  /** A file, or what there is of one so far. @throws {RefusedError} `not_found` @throws {LogUnavailableError} */
  async get(tenant: string, id: string): Promise<StoredFile | GrowingFile> {
    const file = (await this.files.find(tenant, id)) ?? (await this.growing(tenant, id));
    if (file === null) throw unknownFile(id);
    return file;
  }

  /**
   * The lines that have ended, in the order of the input, as slowly as they are read.
   *
   * @throws {RefusedError} `too_many_waiting` where too many are read in this process
   * @throws what `LineEnds.read` throws
   */
  async *content(file: GrowingFile, signal: AbortSignal): AsyncGenerator<Buffer, void> {
    if (this.reading >= MOST_READ_AT_ONCE) {
      const message = `${this.reading} files of batches that run are being read, which is the limit; try again.`;
      throw refused('too_many_waiting', message);
    }
    this.reading += 1;
    try {
      yield* this.endedLines(file, signal);
    } finally {
      this.reading -= 1;
    }
  }

  private async *endedLines({ batch, kind }: GrowingFile, signal: AbortSignal): AsyncIterable<Buffer> {
    // What was refused behind the mark is asked for again where another process takes the batch over.
    const sure = { ...batch, refused: refusedUpTo(batch.refused, batch.mark.line) };
    const parts = { files: this.files, lookup: this.lookup, log: this.log, lines: this.lines };
    const ends = new LineEnds(parts, sure, signal, {
      unended: () => null,
      isWanted: (status) => (status === 'completed') === (kind === 'output'),
      longestPauseMs: 0,
    });
    for await (const some of ends.read(() => true)) {
      const told = some.filter(({ answer }) => isResult(answer) === (kind === 'output'));
      if (told.length > 0) yield Buffer.from(told.map((end) => ends.told(end)).join(''));
    }
  }

  private async growing(tenant: string, id: string): Promise<StoredFile | GrowingFile | null> {
    const batchId = batchOfResults(id);
    const batch = batchId === null ? null : (await this.records.read(tenant, batchId))?.value;
    if (batch == null) return null;
    const files = resultFiles(batch);
    const kind = RESULT_KINDS.find((each) => files[each] === id);
    if (kind === undefined) return null;
    // It may have ended since the file was looked for.
    const stored = await this.files.find(tenant, id);
    if (stored !== null || batch.outputFileId === id || batch.errorFileId === id) return stored;
    const createdAtMs = batch.times.in_progress ?? batch.createdAtMs;
    return {
      ...{ id, tenant, name: resultFileName(batch.id, kind), bytes: 0, purpose: 'batch_output' },
      ...{ createdAtMs, expiresAtMs: null, batch, kind },
    };
  }
}

export function isGrowing(file: StoredFile | GrowingFile): file is GrowingFile {
  return 'batch' in file;
}

/** Null for what can't be one. */
function batchOfResults(fileId: string): string | null {
  const seed = /^file-([0-9a-f]{32})(?:output|error)$/.exec(fileId)?.[1];
  return seed === undefined ? null : `batch_${seed}`;
}
