import type { Client } from 'pg';
import {
  advanceStatement,
  type Checkpoint,
  FencedError,
  isNotMoved,
  type Statement,
} from '../tables/checkpoint.js';
import type { BatchWriter, FoldedRows } from './batch-writer.port.js';
import { conversationStatements, rowStatements } from './row-statements.js';

/**
 * Writes each part of the fold as a transaction of its own: its rows and the checkpoint behind them, or nothing. This
 * is what makes "exactly once" of a log that may be read again from any point.
 *
 * All of the transaction is sent at once (`client` is in pg's pipeline mode, and nothing else sends it transactions
 * meanwhile), so PostgreSQL never waits for this process, which folds the next batch meanwhile. A statement that fails
 * fails all behind it, COMMIT included, which then rolls back.
 */
export class RowWriter implements BatchWriter {
  private statements: Statement[] = [];

  constructor(
    private readonly client: Client,
    private readonly schema: string,
  ) {}

  add({ messages, conversations }: FoldedRows): boolean {
    this.statements.push(...rowStatements(this.schema, messages));
    this.statements.push(...conversationStatements(this.schema, conversations));
    return true;
  }

  seal(from: Checkpoint, to: Checkpoint): () => Promise<void> {
    const queries = ['BEGIN', advanceStatement(this.schema, from, to), ...this.statements, 'COMMIT'];
    this.statements = [];
    return () => this.commit(queries, from);
  }

  private async commit(queries: readonly (string | Statement)[], from: Checkpoint): Promise<void> {
    const sent = queries.map((query) => this.client.query(query as string));
    const failed = (await Promise.allSettled(sent)).find((result) => result.status === 'rejected');
    if (failed === undefined) return;
    throw isNotMoved(failed.reason) ? new FencedError(from.sequence) : failed.reason;
  }
}
