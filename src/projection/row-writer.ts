import type { Client } from 'pg';
import { advanceStatement, type Checkpoint, FencedError, isNotMoved } from './checkpoint.js';
import type { Statement } from './statement.js';

export interface PreparedBatch {
  readonly from: Checkpoint;
  readonly to: Checkpoint;
  readonly statements: readonly Statement[];
  /** Messages of conversations that ended in it, or are held. */
  readonly turns: readonly string[];
}

/**
 * Writes one batch: its rows and the checkpoint behind them, or nothing. This is what makes "exactly once" of a log
 * that may be read again from any point.
 *
 * All of the transaction is sent at once (`client` is in pg's pipeline mode), so PostgreSQL never waits for this
 * process, which folds the next batch meanwhile. A statement that fails fails all behind it, COMMIT included, which
 * then rolls back. A batch may even be sent while the one before it is under way: if that fails, the checkpoint is not
 * where this one expects it, and it fails too.
 *
 * @throws {FencedError} when another writer, or a rebuild, came first; nothing was written
 */
export async function commitBatch(client: Client, schema: string, batch: PreparedBatch): Promise<void> {
  const advance = advanceStatement(schema, batch.from, batch.to);
  const sent = ['BEGIN', advance, ...batch.statements, 'COMMIT'].map((query) =>
    client.query(query as string),
  );
  const failed = (await Promise.allSettled(sent)).find((result) => result.status === 'rejected');
  if (failed === undefined) return;
  throw isNotMoved(failed.reason) ? new FencedError(batch.from.sequence) : failed.reason;
}
