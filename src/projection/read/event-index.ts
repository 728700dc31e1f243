import type { DataSource } from 'typeorm';
import { isUuid } from '../../domain/uuid.policy.js';
import { databaseOf } from '../tables/data-source.js';
import { storableIdentifier } from '../tables/storable-text.js';

/** Whose a message is: what its later events do not repeat. */
export interface MessageOwner {
  readonly userId: string;
  readonly conversationId: string | null;
}

/**
 * Where events lie in the log. Reads `message_events_pkey` (message, sequence), `message_requests_by_conversation` and `conversation_events_pkey`;
 * never a whole table.
 */
export class EventIndex {
  constructor(private readonly dataSource: DataSource) {}

  /** The sequences behind `after` of a message's events, rising, at most `limit`. */
  async ofMessage(id: string, after: number, limit: number): Promise<number[]> {
    return this.sequences(eventsOfMessageSql(this.schema), [id, after, limit]);
  }

  /** The first and the last `limit` of a message's events, and where it was requeued, rising. */
  async endsOfMessage(id: string, limit: number): Promise<number[]> {
    const events = `FROM "${this.schema}".message_events WHERE message_id = $1::uuid`;
    return this.sequences(
      `(SELECT sequence ${events} ORDER BY sequence LIMIT $2)
        UNION (SELECT sequence ${events} ORDER BY sequence DESC LIMIT $2)
        UNION (SELECT sequence ${events} AND type = 'llmq.message.requeued.v1' ORDER BY sequence DESC LIMIT $2)
        ORDER BY sequence`,
      [id, limit],
    );
  }

  /** As `ofMessage` for a conversation: its own events and those of its messages. */
  async ofConversation(
    tenant: string,
    conversationId: string,
    after: number,
    limit: number,
  ): Promise<number[]> {
    const owner = [storableIdentifier(tenant), storableIdentifier(conversationId)];
    const uuid = isUuid(conversationId) ? conversationId : null;
    return this.sequences(eventsOfConversationSql(this.schema), [...owner, uuid, after, limit]);
  }

  /** The owners of those of `ids` that the projection knows. */
  async owners(ids: readonly string[]): Promise<Map<string, MessageOwner>> {
    if (ids.length === 0) return new Map();
    const rows: ({ id: string } & MessageOwner)[] = await this.dataSource.query(
      `SELECT message_id AS id, user_id AS "userId", conversation_id AS "conversationId"
        FROM "${this.schema}".message_requests WHERE message_id = ANY($1::uuid[])`,
      [ids],
    );
    return new Map(rows.map(({ id, userId, conversationId }) => [id, { userId, conversationId }]));
  }

  /** Whose conversations have this id, given by their client: one for each tenant at most, erased ones left out. */
  async conversationsGiven(givenId: string): Promise<{ readonly id: string; readonly tenant: string }[]> {
    return this.dataSource.query(
      `SELECT id, tenant FROM "${this.schema}".conversations WHERE given_id = $1 ORDER BY tenant`,
      [storableIdentifier(givenId)],
    );
  }

  private get schema(): string {
    return databaseOf(this.dataSource).schema;
  }

  private async sequences(sql: string, parameters: unknown[]): Promise<number[]> {
    const rows: { sequence: string | number }[] = await this.dataSource.query(sql, parameters);
    return rows.map(({ sequence }) => Number(sequence));
  }
}

export function eventsOfMessageSql(schema: string): string {
  return `SELECT sequence FROM "${schema}".message_events
    WHERE message_id = $1::uuid AND sequence > $2 ORDER BY sequence LIMIT $3`;
}

/** Its own events and those of its messages. `$3` is its id where that is a UUID: a client of OpenAI's may name another. */
export function eventsOfConversationSql(schema: string): string {
  return `SELECT sequence FROM (
      SELECT e.sequence
        FROM "${schema}".message_requests q JOIN "${schema}".message_events e ON e.message_id = q.message_id
        WHERE q.tenant = $1 AND q.conversation_id = $2
      UNION ALL
      SELECT c.sequence
        FROM "${schema}".conversations v JOIN "${schema}".conversation_events c ON c.conversation_id = v.id
        WHERE v.tenant = $1 AND v.id = $3::uuid
    ) events
    WHERE sequence > $4 ORDER BY sequence LIMIT $5`;
}
