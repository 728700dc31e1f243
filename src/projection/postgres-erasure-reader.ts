import type { DataSource } from 'typeorm';
import type { QueuedErasure } from '../conversation/erasing-order.policy.js';
import type { ErasableMessage, ErasureReader, UnfinishedErasure } from '../conversation/erasure.port.js';
import { databaseOf } from './data-source.js';
import { storableIdentifier } from './storable-text.js';

/** A message that was submitted before the erasure was known is in the log long before this. */
const STRAYS_WITHIN = '1 day';
/** Likewise a repetition, for which all that was erased is looked through. */
const REPETITIONS_WITHIN = '1 hour';

export class PostgresErasureReader implements ErasureReader {
  constructor(private readonly dataSource: DataSource) {}

  async messagesOf(tenant: string, conversationId: string): Promise<readonly ErasableMessage[]> {
    return this.dataSource.query(
      // A union, so that each part is found by an index of its own. Of what is erased already only repetitions are left.
      `WITH own AS (
          SELECT message_id FROM ${this.at}.message_requests WHERE tenant = $1 AND conversation_id = $2
        ), all_of_it AS (
          SELECT message_id FROM own
          UNION
          SELECT r.message_id FROM own ${this.repetitionsOf('own')}
          WHERE r.tenant = $1
          UNION
          SELECT r.message_id FROM ${this.at}.erased_messages e ${this.repetitionsOf('e')}
          WHERE r.tenant = $1 AND e.conversation_id = $3::uuid
        ) SELECT m.id, m.priority AS lane, m.terminal_sequence IS NULL AS open
        FROM all_of_it JOIN ${this.at}.messages m ON m.id = all_of_it.message_id ORDER BY m.received_sequence`,
      [storableIdentifier(tenant), conversationId, conversationId],
    );
  }

  async unfinished(limit: number): Promise<readonly UnfinishedErasure[]> {
    const rows: { id: string; tenant: string }[] = await this.dataSource.query(
      `SELECT id, tenant FROM ${this.at}.conversations c
        WHERE id IN (SELECT conversation_id FROM ${this.at}.erasure_queue)
          OR (state = 'erased' AND last_activity_at > now() - interval '${STRAYS_WITHIN}' AND EXISTS (
            SELECT 1 FROM ${this.at}.message_requests q
            WHERE q.tenant = c.tenant AND q.conversation_id = c.id::text))
          OR (state = 'erased' AND last_activity_at > now() - interval '${REPETITIONS_WITHIN}' AND EXISTS (
            SELECT 1 FROM ${this.at}.erased_messages e ${this.repetitionsOf('e')}
            WHERE r.tenant = c.tenant AND e.conversation_id = c.id))
        ORDER BY id LIMIT $1`,
      [limit],
    );
    return Promise.all(
      rows.map(async ({ id, tenant }) => ({
        ...{ conversationId: id, tenant },
        strays: await this.messagesOf(tenant, id),
      })),
    );
  }

  async queued(conversationId: string): Promise<readonly QueuedErasure[]> {
    const rows: { sequence: string | number; messageId: string | null }[] = await this.dataSource.query(
      `SELECT sequence, message_id AS "messageId" FROM ${this.at}.erasure_queue
        WHERE conversation_id = $1 ORDER BY sequence`,
      [conversationId],
    );
    return rows.map(({ sequence, messageId }) => ({ sequence: Number(sequence), messageId }));
  }

  private repetitionsOf(repeated: string): string {
    return `JOIN ${this.at}.message_requests r ON r.replay_of = ${repeated}.message_id::text`;
  }

  private get at(): string {
    return `"${databaseOf(this.dataSource).schema}"`;
  }
}
