import type { ConversationRows } from '../../domain/conversation/conversation.projection.js';
import type { ProjectedRows } from '../../domain/message/message.projection.js';
import type { Checkpoint } from '../tables/checkpoint.js';

/** What a run of events adds to the tables and changes in them. */
export interface FoldedRows {
  readonly messages: ProjectedRows;
  readonly conversations: ConversationRows;
  /** Its last event takes rows away: nothing may be looked up in PostgreSQL before it is written. */
  readonly erases: boolean;
}

/**
 * How folded rows get into the tables. Part after part is taken in; closed, they are one transaction with the
 * checkpoint behind them. Left out: what rows there are, which the fold says.
 */
export interface BatchWriter {
  /** Takes in the rows of the events that follow. True when there is enough for a transaction. */
  add(rows: FoldedRows): boolean;

  /**
   * Closes the transaction, and begins the next one with nothing in it. The answer writes it, and is called once the one
   * before is written.
   *
   * @throws {FencedError} from the answer, when another writer or a rebuild came first; nothing was written
   */
  seal(from: Checkpoint, to: Checkpoint): () => Promise<void>;
}
