import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { QueuedErasure } from '../../domain/conversation/erasing-order.policy.js';
import type { EndedMessage } from '../../domain/erasure/erase-messages.decision.js';
import type { ErasedPart } from '../../domain/erasure/erasure.events.js';
import type { Lane } from '../../domain/message/lane.policy.js';
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

/** A message, as far as its own erasure wants to know it. */
export interface ErasableByItself extends EndedMessage {
  readonly open: boolean;
}

/** A message that ended some time ago. */
export interface OldMessage extends EndedMessage {
  readonly tenant: string;
  readonly lane: Lane;
  /** ISO 8601, UTC. */
  readonly endedAt: string;
}

const ENDED_COLUMNS = `m.id, q.conversation_id AS "conversationId", m.created_at AS "createdAt",
          m.last_sequence AS "lastSequence"`;

interface EndedRow {
  readonly id: string;
  readonly conversationId: string | null;
  readonly createdAt: Date;
  readonly lastSequence: string | number;
  readonly open?: boolean;
  readonly tenant?: string;
  readonly lane?: Lane;
  readonly endedAt?: Date;
}

function endedMessage({ id, conversationId, createdAt, lastSequence }: EndedRow): EndedMessage {
  const createdAtText = createdAt.toISOString();
  return { id, conversationId, createdAt: createdAtText, lastSequence: Number(lastSequence) };
}

function oldMessage(row: EndedRow): OldMessage {
  return {
    ...endedMessage(row),
    ...{ tenant: row.tenant!, lane: row.lane!, endedAt: row.endedAt!.toISOString() },
  };
}

/** An erased conversation, or an erasure of messages, of which the log or the projection still holds something. */
export interface UnfinishedErasure {
  /** The conversation's, or the erasure's own. */
  readonly id: string;
  readonly tenant: string;
  readonly ofConversation: boolean;
  /** Messages that came in while the conversation was being erased, and are in no erasure yet. */
  readonly strays: readonly ErasableMessage[];
}

@Injectable()
export class ErasureReader {
  constructor(@Inject(DataSource) private readonly dataSource: DataSource) {}

  /**
   * All messages of a conversation, and those outside of it that repeat one of them, or repeat a repetition: they hold the
   * same content.
   */
  async messagesOf(tenant: string, conversationId: string): Promise<readonly ErasableMessage[]> {
    return this.dataSource.query(
      // Each part is found by an index of its own. Of what is erased already only repetitions are left.
      `WITH RECURSIVE own AS (
          SELECT message_id FROM ${this.at}.message_requests WHERE tenant = $1 AND conversation_id = $2
        ), of_erased AS (
          SELECT r.message_id FROM ${this.at}.erased_messages e ${this.repetitionsOf('e')}
          WHERE e.conversation_id = $2::text::uuid
        ), all_of_it AS (
          SELECT message_id FROM (SELECT * FROM own UNION SELECT * FROM of_erased) first
          UNION
          SELECT r.message_id FROM all_of_it ${this.repetitionsOf('all_of_it')}
        ) SELECT m.id, m.priority AS lane, m.terminal_sequence IS NULL AS open
        FROM all_of_it JOIN ${this.at}.messages m ON m.id = all_of_it.message_id ORDER BY m.received_sequence`,
      [storableIdentifier(tenant), conversationId],
    );
  }

  /** Those to go on with, at most `limit`, conversations first: people asked for these. */
  async unfinished(limit: number): Promise<readonly UnfinishedErasure[]> {
    const rows: { id: string; tenant: string; ofConversation: boolean }[] = await this.dataSource.query(
      // A union for the same reason: asked each second, it must not read all conversations.
      `WITH wanted AS (
          SELECT conversation_id AS id, tenant FROM ${this.at}.erasure_queue
          UNION
          SELECT c.id, c.tenant FROM ${this.at}.conversations c
          WHERE c.state = 'erased' AND c.last_activity_at > now() - interval '${STRAYS_WITHIN}' AND EXISTS (
            SELECT 1 FROM ${this.at}.message_requests q
            WHERE q.tenant = c.tenant AND q.conversation_id = c.id::text)
          UNION
          SELECT c.id, c.tenant FROM ${this.at}.message_requests r
          JOIN ${this.at}.erased_messages e ON e.message_id = ${REPLAY_OF}
          JOIN ${this.at}.conversations c ON c.id = e.conversation_id AND c.tenant = r.tenant
          WHERE r.replay_of IS NOT NULL AND r.created_at > now() - interval '${REPETITIONS_WITHIN}'
        ) SELECT w.id, coalesce(c.tenant, max(w.tenant)) AS tenant, c.id IS NOT NULL AS "ofConversation"
        FROM wanted w LEFT JOIN ${this.at}.conversations c ON c.id = w.id
        GROUP BY w.id, c.id ORDER BY (c.id IS NOT NULL) DESC, w.id LIMIT $1`,
      [limit],
    );
    return Promise.all(
      rows.map(async ({ id, tenant, ofConversation }) => ({
        ...{ id, tenant, ofConversation },
        strays: ofConversation ? await this.messagesOf(tenant, id) : [],
      })),
    );
  }

  /** A message of the tenant's, first, and those that repeat it, however often: they hold the same content. Empty for an unknown one. */
  async withRepetitions(tenant: string, id: string): Promise<readonly ErasableByItself[]> {
    const rows: EndedRow[] = await this.dataSource.query(
      `WITH RECURSIVE wanted AS (
          SELECT message_id FROM ${this.at}.message_requests WHERE message_id = $2::text::uuid
          UNION
          SELECT r.message_id FROM wanted ${this.repetitionsOf('wanted')}
        ) SELECT ${ENDED_COLUMNS}, m.terminal_sequence IS NULL AS open
        FROM wanted JOIN ${this.at}.messages m ON m.id = wanted.message_id AND m.tenant = $1
        JOIN ${this.at}.message_requests q ON q.message_id = m.id
        ORDER BY m.id <> $2::text::uuid, m.received_sequence`,
      [storableIdentifier(tenant), id],
    );
    return rows[0]?.id === id ? rows.map((row) => ({ ...endedMessage(row), open: row.open === true })) : [];
  }

  /**
   * Messages that ended before a time, the oldest first; of an erasure of content only those that still have theirs.
   *
   * @param behind a message of an earlier answer, to go on behind it
   */
  async endedBefore(
    time: string,
    part: ErasedPart,
    behind: Pick<OldMessage, 'id' | 'endedAt'> | null,
    limit: number,
  ): Promise<readonly OldMessage[]> {
    const withContent = `AND NOT EXISTS (SELECT 1 FROM ${this.at}.message_events e
            WHERE e.message_id = m.id AND e.type = 'llmq.message.content-erased.v1'
              AND e.sequence = m.last_sequence)`;
    const rows: EndedRow[] = await this.dataSource.query(
      `SELECT ${ENDED_COLUMNS}, m.tenant, m.priority AS lane, m.completed_at AS "endedAt"
        FROM ${this.at}.messages m JOIN ${this.at}.message_requests q ON q.message_id = m.id
        WHERE m.completed_at < $1 AND m.completed_at >= $2
          AND ($3::uuid IS NULL OR (m.completed_at, m.id) > ($2, $3::uuid))
          ${part === 'content' ? withContent : ''}
        ORDER BY m.completed_at, m.id LIMIT $4`,
      [time, behind?.endedAt ?? '-infinity', behind?.id ?? null, limit],
    );
    return rows.map(oldMessage);
  }

  /** Messages that ended before a time and were not to be kept beyond their end, with their content still, the oldest first. */
  async unkeptBefore(time: string, limit: number): Promise<readonly OldMessage[]> {
    const rows: EndedRow[] = await this.dataSource.query(
      `SELECT ${ENDED_COLUMNS}, m.tenant, m.priority AS lane, m.completed_at AS "endedAt"
        FROM ${this.at}.message_requests q JOIN ${this.at}.messages m ON m.id = q.message_id
        WHERE q.unkept IS NOT NULL AND m.terminal_sequence IS NOT NULL AND m.completed_at < $1
        ORDER BY m.completed_at, m.id LIMIT $2`,
      [time, limit],
    );
    return rows.map(oldMessage);
  }

  /** @param erasureId of the conversation, or of the erasure */
  async queued(erasureId: string): Promise<readonly QueuedErasure[]> {
    const rows: { sequence: string | number; messageId: string | null }[] = await this.dataSource.query(
      `SELECT sequence, message_id AS "messageId" FROM ${this.at}.erasure_queue
        WHERE conversation_id = $1 ORDER BY sequence`,
      [erasureId],
    );
    return rows.map(({ sequence, messageId }) => ({ sequence: Number(sequence), messageId }));
  }

  private repetitionsOf(repeated: string): string {
    return `JOIN ${this.at}.message_requests r ON r.replay_of = ${repeated}.message_id::text AND r.tenant = $1`;
  }

  private get at(): string {
    return `"${databaseOf(this.dataSource).schema}"`;
  }
}
