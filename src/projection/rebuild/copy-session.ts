import type { TransferListItem } from 'node:worker_threads';
import { THREAD_LIMITS } from '../../platform/heap.js';
import { SingleThread } from '../../platform/single-thread.js';
import { threadFile } from '../../platform/thread-file.js';
import type { Statement } from '../tables/checkpoint.js';

/** A `COPY ... FROM STDIN`, and its rows in binary, cut anywhere. */
export interface EncodedTable {
  readonly statement: string;
  readonly chunks: readonly Uint8Array[];
}

/** In the order in which it is written. */
export interface CopyTransaction {
  readonly first: Statement;
  readonly tables: readonly EncodedTable[];
  readonly last: readonly Statement[];
}

/** A failure as the thread reports it. */
export interface CopyFailure {
  readonly message: string;
  readonly code?: string;
  /** PostgreSQL's: which values, and the line of which table. */
  readonly detail?: string;
  readonly where?: string;
}

export interface CopyThreadData {
  readonly url: string;
}

/**
 * A connection to PostgreSQL in a thread of its own, for transactions with much to copy. Each takes some twenty ways
 * there and back, and in the thread of the fold each would wait until that lets go for a moment.
 */
export class CopySession {
  private readonly thread: SingleThread<CopyTransaction, CopyFailure | null>;

  constructor(url: string) {
    const workerData: CopyThreadData = { url };
    this.thread = new SingleThread({
      file: threadFile(import.meta.url, './copy.thread.js'),
      resourceLimits: THREAD_LIMITS,
      workerData,
    });
  }

  /**
   * The chunks go over to the thread, and are empty here afterwards. After a lost connection the session is of no use
   * any more.
   *
   * @throws {Error} with the `code` that `codeOf` tells, when nothing was written, or when a connection that was lost does
   *   not tell
   */
  async write(transaction: CopyTransaction): Promise<void> {
    const chunks = transaction.tables.flatMap((table) => table.chunks);
    const transferList = chunks.map(({ buffer }) => buffer as TransferListItem);
    const failure = await this.thread.run(transaction, transferList);
    if (failure !== null) throw errorOf(failure);
  }

  /** Ends the connection with the thread; PostgreSQL rolls back what was under way. */
  async close(): Promise<void> {
    await this.thread.close();
  }
}

/** As the thread met it: without a code, where neither PostgreSQL nor Node gave one. */
function errorOf({ message, ...told }: CopyFailure): Error {
  return Object.assign(new Error(message), told);
}
