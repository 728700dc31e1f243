import type { DataSource } from 'typeorm';
import { OUTLIVE_ERASURE } from '../../domain/conversation/conversation.projection.js';
import type { Lane } from '../../domain/message/lane.policy.js';
import type { ModelRequest } from '../../domain/message/message.events.js';
import type { MessageState } from '../../domain/message/message.state.js';
import { type Checkpoint, readCheckpoint } from '../tables/checkpoint.js';
import { databaseOf } from '../tables/data-source.js';
import { loadErased, loadMessages } from '../tables/load-states.js';
import { messages } from '../tables/message.tables.js';

/** The answer that a message has in the tables, with the event that brought it. */
export interface ProjectedResult {
  readonly sequence: number;
  readonly answer: unknown;
}

/** A message's request, with what became of it. */
export interface ProjectedRequest {
  readonly id: string;
  readonly tenant: string;
  readonly userId: string;
  readonly conversationId: string | null;
  readonly priority: Lane;
  readonly request: ModelRequest;
  readonly metadata: Record<string, unknown>;
  readonly maxRetries: number;
  readonly timeoutMs: number;
  readonly deadline: Date | null;
  readonly ended: boolean;
}

/** How many rows come of the log up to a sequence. */
export interface ProjectedCounts {
  readonly messages: number;
  readonly events: number;
}

/** Reads the tables as they are, to compare them with the log. */
export class ProjectedMessages {
  constructor(private readonly dataSource: DataSource) {}

  checkpoint(): Promise<Checkpoint> {
    return readCheckpoint(this.dataSource, this.schema);
  }

  /** The last sequence that the tables hold. */
  async appliedSequence(): Promise<number> {
    return (await this.checkpoint()).sequence;
  }

  async states(ids: readonly string[]): Promise<Map<string, MessageState>> {
    const states = await loadMessages(this.dataSource, this.schema, ids);
    return new Map(states.map((state) => [state.id, state]));
  }

  /** A state of the log as the tables have it where they are right. */
  asStored(state: MessageState): MessageState {
    return { ...state, ...messages.texts(state) };
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
           OR EXISTS (SELECT 1 FROM "${this.schema}".conversation_events WHERE sequence > $1
             AND (type = ANY($2) OR type LIKE 'llmq.erasure.%')) AS yes`,
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

  /** How many messages the tables say were received behind a sequence. */
  async receivedAfter(sequence: number): Promise<number> {
    const [row] = await this.dataSource.query(
      `SELECT count(*) AS messages FROM "${this.schema}".messages WHERE received_sequence > $1`,
      [sequence],
    );
    return Number(row.messages);
  }

  /**
   * Which messages the tables say were received up to a sequence, in the order of their ids, behind one of them. Left out
   * are those whose content was erased, and their reception with it.
   */
  async receptions(
    afterId: string | null,
    upTo: number,
    limit: number,
  ): Promise<{ id: string; sequence: number }[]> {
    const rows: { id: string; sequence: string | number }[] = await this.dataSource.query(
      `SELECT id, received_sequence AS sequence FROM "${this.schema}".messages
        WHERE received_sequence <= $1 AND ($2::uuid IS NULL OR id > $2::uuid)
          AND NOT EXISTS (SELECT 1 FROM "${this.schema}".message_events e
            WHERE e.message_id = id AND e.type = 'llmq.message.content-erased.v1'
              AND e.sequence = last_sequence)
        ORDER BY id LIMIT $3`,
      [upTo, afterId, limit],
    );
    return rows.map(({ id, sequence }) => ({ id, sequence: Number(sequence) }));
  }

  /** What was asked, of those of `ids` that the tables know, in the order of their reception. */
  async requests(ids: readonly string[]): Promise<ProjectedRequest[]> {
    const rows: ProjectedRequest[] = await this.dataSource.query(
      `SELECT m.id, m.tenant, m.priority, m.max_retries AS "maxRetries", m.terminal_sequence IS NOT NULL AS ended,
          q.user_id AS "userId", q.conversation_id AS "conversationId", q.request, q.metadata,
          q.timeout_ms AS "timeoutMs", q.deadline
        FROM "${this.schema}".messages m JOIN "${this.schema}".message_requests q ON q.message_id = m.id
        WHERE m.id = ANY($1::uuid[]) ORDER BY m.received_sequence`,
      [ids],
    );
    return rows.map((row) => ({ ...row, timeoutMs: Number(row.timeoutMs) }));
  }

  /** Where the first event of each of these conversations lies, as far as the tables know them. */
  async conversationBeginnings(ids: readonly string[]): Promise<Map<string, number>> {
    const rows: { id: string; sequence: string | number }[] = await this.dataSource.query(
      `SELECT conversation_id::text AS id, min(sequence) AS sequence FROM "${this.schema}".conversation_events
        WHERE conversation_id::text = ANY($1::text[]) GROUP BY 1`,
      [ids],
    );
    return new Map(rows.map(({ id, sequence }) => [id, Number(sequence)]));
  }

  private get schema(): string {
    return databaseOf(this.dataSource).schema;
  }
}
