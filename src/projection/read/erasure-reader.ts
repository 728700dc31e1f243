import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { QueuedErasure } from '../../domain/conversation/erasing-order.policy.js';
import type { Lane } from '../../domain/message/message.events.js';
import { databaseOf } from '../tables/data-source.js';
import { storableIdentifier } from '../tables/storable-text.js';

/** A message that was submitted before the erasure was known is in the log long before this. */
const STRAYS_WITHIN = '1 day';
/** Likewise a repetition of what was erased: only the newest are looked at. */
const REPETITIONS_WITHIN = '1 hour';
/** Null where it is not an id: what a message says it repeats is checked by no more than the gateway. */
const REPLAY_OF = `CASE WHEN r.replay_of ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN r.replay_of::uuid END`;

/** A message of a conversation, as far as its erasure wants to know it. */
export interface ErasableMessage {
  readonly id: string;
  readonly lane: Lane;
  /** It has not ended: it waits or runs. */
  readonly open: boolean;
}

/** An erased conversation of which the log, or the projection, still holds something. */
export interface UnfinishedErasure {
  readonly conversationId: string;
  readonly tenant: string;
  /** Messages that came in while the conversation was being erased, and are in no erasure yet. */
  readonly strays: readonly ErasableMessage[];
}

@Injectable()
export class ErasureReader {
  constructor(@Inject(DataSource) private readonly dataSource: DataSource) {}

  /** All messages of a conversation, and those outside of it that repeat one of them: they hold the same content. */
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
          WHERE r.tenant = $1 AND e.conversation_id = $2::text::uuid
        ) SELECT m.id, m.priority AS lane, m.terminal_sequence IS NULL AS open
        FROM all_of_it JOIN ${this.at}.messages m ON m.id = all_of_it.message_id ORDER BY m.received_sequence`,
      [storableIdentifier(tenant), conversationId],
    );
  }

  /** Those to go on with, at most `limit`. */
  async unfinished(limit: number): Promise<readonly UnfinishedErasure[]> {
    const rows: { id: string; tenant: string }[] = await this.dataSource.query(
      // A union for the same reason: asked each second, it must not read all conversations.
      `WITH wanted AS (
          SELECT conversation_id AS id FROM ${this.at}.erasure_queue
          UNION
          SELECT c.id FROM ${this.at}.conversations c
          WHERE c.state = 'erased' AND c.last_activity_at > now() - interval '${STRAYS_WITHIN}' AND EXISTS (
            SELECT 1 FROM ${this.at}.message_requests q
            WHERE q.tenant = c.tenant AND q.conversation_id = c.id::text)
          UNION
          SELECT c.id FROM ${this.at}.message_requests r
          JOIN ${this.at}.erased_messages e ON e.message_id = ${REPLAY_OF}
          JOIN ${this.at}.conversations c ON c.id = e.conversation_id AND c.tenant = r.tenant
          WHERE r.replay_of IS NOT NULL AND r.created_at > now() - interval '${REPETITIONS_WITHIN}'
        ) SELECT c.id, c.tenant FROM wanted JOIN ${this.at}.conversations c ON c.id = wanted.id
        ORDER BY c.id LIMIT $1`,
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
