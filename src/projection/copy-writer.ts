import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Client } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { BatchWriter } from './batch-writer.port.js';
import { advanceStatement, type Checkpoint, FencedError, isNotMoved } from './checkpoint.js';
import type { CopyRows } from './copy-rows.js';
import type { FoldedRows } from './fold-memory.js';
import { GatheredRows } from './gathered-rows.js';

/** What a transaction may hold in memory, about, so that long requests need no gigabyte. */
const MAX_BYTES = 12 * 1024 * 1024;

/**
 * Writes many parts of the fold as one transaction, for a rebuild, in which nobody waits for a single event: a message
 * that is received and answered within it is written once, by COPY, and not inserted and updated. `client` is
 * not in pipeline mode.
 */
export class CopyWriter implements BatchWriter {
  private rows = new GatheredRows();

  /** @param maxEvents of one transaction */
  constructor(
    private readonly client: Client,
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
    return async () => {
      await this.client.query('BEGIN');
      try {
        await this.client.query(advanceStatement(this.schema, from, to));
        for (const rows of copies) await this.copy(rows);
        for (const statement of statements) await this.client.query(statement as { text: string });
        await this.client.query('COMMIT');
      } catch (error) {
        await this.client.query('ROLLBACK').catch(() => {});
        throw isNotMoved(error) ? new FencedError(from.sequence) : error;
      }
    };
  }

  private async copy(rows: CopyRows<never>): Promise<void> {
    if (rows.count === 0) return;
    const copying = this.client.query(copyFrom(rows.statement(this.schema)));
    await pipeline(Readable.from(rows.takeChunks()), copying);
  }
}
