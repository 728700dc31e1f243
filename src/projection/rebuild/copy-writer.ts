import { advanceStatement, type Checkpoint, FencedError, isNotMoved } from '../tables/checkpoint.js';
import type { BatchWriter, FoldedRows } from '../write/batch-writer.port.js';
import type { CopySession } from './copy-session.js';
import { GatheredRows } from './gathered-rows.js';

/** What a transaction may hold in memory, about, so that long requests need no gigabyte. */
const MAX_BYTES = 12 * 1024 * 1024;

/**
 * Writes many parts of the fold as one transaction, for a rebuild, in which nobody waits for a single event: a message
 * that is received and answered within it is written once, by COPY, and not inserted and updated.
 */
export class CopyWriter implements BatchWriter {
  private rows = new GatheredRows();

  /** @param maxEvents of one transaction */
  constructor(
    private readonly session: CopySession,
    private readonly schema: string,
    private readonly maxEvents: number,
  ) {}

  add(rows: FoldedRows): boolean {
    this.rows.add(rows);
    return this.rows.events >= this.maxEvents || this.rows.bytes >= MAX_BYTES;
  }

  seal(from: Checkpoint, to: Checkpoint): () => Promise<void> {
    const { copies, statements } = this.rows.finish(this.schema);
    this.rows = new GatheredRows();
    const transaction = {
      first: advanceStatement(this.schema, from, to),
      tables: copies
        .filter(({ count }) => count > 0)
        .map((rows) => ({ statement: rows.statement(this.schema), chunks: rows.takeChunks() })),
      last: statements,
    };
    return async () => {
      try {
        await this.session.write(transaction);
      } catch (error) {
        throw isNotMoved(error) ? new FencedError(from.sequence) : error;
      }
    };
  }
}
