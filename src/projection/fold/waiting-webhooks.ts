import type { DataSource } from 'typeorm';
import type { DueWebhook } from '../../domain/webhook/due-webhook.state.js';
import { databaseOf } from '../tables/data-source.js';

/** A webhook whose time has come. */
export interface OverdueWebhook extends DueWebhook {
  /** ISO 8601, UTC. */
  readonly nextTryAt: string;
}

interface Row extends Omit<OverdueWebhook, 'nextTryAt'> {
  readonly nextTryAt: Date;
}

/** Webhooks that wait, by the partial index of these. */
export class WaitingWebhooks {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * Those that should have been tried before a time, the oldest first.
   *
   * @param behind one of an earlier answer, to go on behind it
   */
  async overdue(
    before: string,
    behind: Pick<OverdueWebhook, 'id' | 'nextTryAt'> | null,
    limit: number,
  ): Promise<readonly OverdueWebhook[]> {
    const rows: Row[] = await this.dataSource.query(
      `SELECT message_id AS "messageId", id, round, tries, next_try_at AS "nextTryAt"
        FROM "${databaseOf(this.dataSource).schema}".webhooks
        WHERE status = 'waiting' AND next_try_at < $1
          AND ($2::timestamptz IS NULL OR (next_try_at, id) > ($2, $3::uuid))
        ORDER BY next_try_at, id LIMIT $4`,
      [before, behind?.nextTryAt ?? null, behind?.id ?? null, limit],
    );
    return rows.map((row) => ({ ...row, nextTryAt: row.nextTryAt.toISOString() }));
  }
}
