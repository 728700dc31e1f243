import type { DataSource } from 'typeorm';
import { OUTLIVE_ERASURE } from '../../domain/conversation/conversation.projection.js';
import type { MessageState } from '../../domain/message/message.state.js';
import { readCheckpoint } from '../tables/checkpoint.js';
import { databaseOf } from '../tables/data-source.js';
import { loadErased, loadMessages } from '../tables/load-states.js';

/** The answer that a message has in the tables, with the event that brought it. */
export interface ProjectedResult {
  readonly sequence: number;
  readonly answer: unknown;
}

/** How many rows come of the log up to a sequence. */
export interface ProjectedCounts {
  readonly messages: number;
  readonly events: number;
}

/** Reads the tables as they are, to compare them with the log. */
export class ProjectedMessages {
  constructor(private readonly dataSource: DataSource) {}

  /** The last sequence that the tables hold. */
  async appliedSequence(): Promise<number> {
    return (await readCheckpoint(this.dataSource, this.schema)).sequence;
  }

  async states(ids: readonly string[]): Promise<Map<string, MessageState>> {
    const states = await loadMessages(this.dataSource, this.schema, ids);
    return new Map(states.map((state) => [state.id, state]));
  }

  async results(ids: readonly string[]): Promise<Map<string, ProjectedResult>> {
    const rows: { id: string; sequence: string | number; answer: unknown }[] = await this.dataSource.query(
      `SELECT message_id AS id, sequence, answer FROM "${this.schema}".message_results
        WHERE message_id = ANY($1::uuid[])`,
      [ids],
    );
    return new Map(rows.map(({ id, sequence, answer }) => [id, { sequence: Number(sequence), answer }]));
  }

  /** Those of `ids` that were erased with their conversation: they have no rows any more, and get none. */
  async erased(ids: readonly string[]): Promise<Set<string>> {
    return new Set((await loadErased(this.dataSource, this.schema, ids)).keys());
  }

  /** Whether this message was erased, or this conversation. */
  async wasErased(id: string): Promise<boolean> {
    const [row] = await this.dataSource.query(
      `SELECT EXISTS (SELECT 1 FROM "${this.schema}".erased_messages WHERE message_id = $1)
           OR EXISTS (SELECT 1 FROM "${this.schema}".conversations WHERE id = $1 AND state = 'erased') AS yes`,
      [id],
    );
    return row.yes;
  }

  /** Whether an erasure is under way, or one began or ended after this sequence: then the log and the tables change. */
  async erasing(after: number): Promise<boolean> {
    const [row] = await this.dataSource.query(
      `SELECT EXISTS (SELECT 1 FROM "${this.schema}".erasure_queue)
           OR EXISTS (SELECT 1 FROM "${this.schema}".conversation_events WHERE sequence > $1 AND type = ANY($2)) AS yes`,
      [after, OUTLIVE_ERASURE],
    );
    return row.yes;
  }

  async counts(upTo: number): Promise<ProjectedCounts> {
    const [row] = await this.dataSource.query(
      `SELECT (SELECT count(*) FROM "${this.schema}".messages WHERE received_sequence <= $1) AS messages,
              (SELECT count(*) FROM "${this.schema}".message_events WHERE sequence <= $1) AS events`,
      [upTo],
    );
    return { messages: Number(row.messages), events: Number(row.events) };
  }

  /** Which messages the tables say were received up to a sequence, in the order of their ids, behind one of them. */
  async receptions(
    afterId: string | null,
    upTo: number,
    limit: number,
  ): Promise<{ id: string; sequence: number }[]> {
    const rows: { id: string; sequence: string | number }[] = await this.dataSource.query(
      `SELECT id, received_sequence AS sequence FROM "${this.schema}".messages
        WHERE received_sequence <= $1 AND ($2::uuid IS NULL OR id > $2::uuid) ORDER BY id LIMIT $3`,
      [upTo, afterId, limit],
    );
    return rows.map(({ id, sequence }) => ({ id, sequence: Number(sequence) }));
  }

  private get schema(): string {
    return databaseOf(this.dataSource).schema;
  }
}
