import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Lane } from '../../domain/message/lane.policy.js';
import { isUuid } from '../../domain/uuid.policy.js';
import { databaseOf } from '../tables/data-source.js';
import { storableIdentifier } from '../tables/storable-text.js';
import { type StoredWebhook, webhooks } from '../tables/webhook.tables.js';
import { decodeCursor, directionOf, encodeCursor, type Page, type PageOrder, pageOf } from './page.js';

export type WebhookView = Omit<StoredWebhook, 'progress'>;

/** A webhook with what it tells of its message, as that is kept now. */
export interface SendableWebhook extends WebhookView {
  readonly lane: Lane;
  readonly userId: string;
  /** As clients know it. */
  readonly conversationId: string | null;
  readonly metadata: Record<string, unknown>;
  /** When its message was accepted. */
  readonly acceptedAt: string;
  /** Where it is a response of OpenAI's API: why its answer ended there. */
  readonly response: { readonly finishReason: string | null } | null;
}

export interface WebhookBacklog {
  readonly waiting: number;
  /** Tried before, in vain. */
  readonly failing: number;
  /** How long ago the end was that the oldest of the failing tells; null where none fails. */
  readonly oldestFailingSeconds: number | null;
  /** Their time was over a minute ago. */
  readonly overdue: number;
}

export interface WebhookFilter {
  readonly tenant: string;
  readonly messageId?: string;
  readonly status?: WebhookView['status'];
}

interface OfMessage {
  readonly lane: Lane;
  readonly user_id: string;
  readonly known_conversation_id: string | null;
  readonly metadata: Record<string, unknown>;
  readonly accepted_at: Date;
  readonly is_response: boolean;
  readonly finish_reason: string | null;
}

@Injectable()
export class WebhookReader {
  constructor(@Inject(DataSource) private readonly dataSource: DataSource) {}

  /** Null for an unknown id and for another tenant's alike. */
  async find(tenant: string, id: string): Promise<WebhookView | null> {
    if (!isUuid(id)) return null;
    const where = { id, tenant: storableIdentifier(tenant) };
    return this.dataSource.getRepository(webhooks.entity).findOneBy(where);
  }

  /**
   * By the time of the end that they tell.
   * @throws {InvalidCursorError} for a cursor that this service did not make
   */
  async list(
    { tenant, messageId, status }: WebhookFilter,
    order: PageOrder,
    limit: number,
    cursor: string | null,
  ): Promise<Page<WebhookView>> {
    const [direction, behindIs] = directionOf(order);
    const query = this.dataSource.getRepository(webhooks.entity).createQueryBuilder('w');
    query.where('w.tenant = :tenant', { tenant: storableIdentifier(tenant) });
    if (messageId !== undefined) query.andWhere('w.messageId = :messageId', { messageId });
    if (status !== undefined) query.andWhere('w.status = :status', { status });
    if (cursor !== null) {
      query.andWhere(`(w.createdAt, w.id) ${behindIs} (:createdAt, :id)`, { ...decodeCursor(cursor) });
    }
    const rows = await query
      .orderBy('w.createdAt', direction)
      .addOrderBy('w.id', direction)
      .limit(limit + 1)
      .getMany();
    return pageOf(rows, limit, encodeCursor);
  }

  /** Null where its message was erased. */
  async sendable(messageId: string, id: string): Promise<SendableWebhook | null> {
    const rows: (OfMessage & Record<string, unknown>)[] = await this.dataSource.query(
      `SELECT w.*, m.priority AS lane, q.user_id, q.metadata, q.created_at AS accepted_at,
          coalesce(q.conversation_given_id, q.conversation_id) AS known_conversation_id,
          q.request->'response' IS NOT NULL AS is_response, r.finish_reason
        FROM ${this.at}.webhooks w JOIN ${this.at}.messages m ON m.id = w.message_id
        JOIN ${this.at}.message_requests q ON q.message_id = w.message_id
        LEFT JOIN ${this.at}.message_results r ON r.message_id = m.id AND r.sequence = m.terminal_sequence
        WHERE w.message_id = $1::uuid AND w.id = $2::uuid`,
      [messageId, id],
    );
    const [row] = rows;
    if (row === undefined) return null;
    const { lane, user_id: userId, known_conversation_id: conversationId, metadata, accepted_at } = row;
    const response = row.is_response ? { finishReason: row.finish_reason } : null;
    return {
      ...webhooks.read(row),
      ...{ lane, userId, conversationId, metadata, acceptedAt: accepted_at.toISOString(), response },
    };
  }

  /** Of all tenants. */
  async waiting(): Promise<number> {
    const [row] = await this.dataSource.query(
      `SELECT count(*)::int AS waiting FROM ${this.at}.webhooks WHERE status = 'waiting'`,
    );
    return row.waiting;
  }

  /** Of all tenants: what waits, and what of it looks as if it will not end well. */
  async backlog(): Promise<WebhookBacklog> {
    const [row] = await this.dataSource.query(
      `SELECT count(*)::int AS waiting, count(*) FILTER (WHERE tries > 0)::int AS failing,
          extract(epoch FROM now() - min(created_at) FILTER (WHERE tries > 0))::double precision AS oldest,
          count(*) FILTER (WHERE next_try_at < now() - interval '1 minute')::int AS overdue
        FROM ${this.at}.webhooks WHERE status = 'waiting'`,
    );
    const { waiting, failing, oldest, overdue } = row;
    return { waiting, failing, oldestFailingSeconds: oldest, overdue };
  }

  private get at(): string {
    return `"${databaseOf(this.dataSource).schema}"`;
  }
}
