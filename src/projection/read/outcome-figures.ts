import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { databaseOf } from '../tables/data-source.js';

/** Messages of all tenants that ended in a span up to now. */
export interface EndedFigures {
  /** Completed or given up. */
  readonly processed: number;
  /** Given up; those that were requeued since then left out. */
  readonly dead: number;
  /** Why these were given up, the most frequent first. */
  readonly reasons: readonly DeadFigures[];
}

export interface DeadFigures {
  readonly code: string;
  readonly model: string | null;
  readonly tenant: string;
  readonly count: number;
}

/** Calls to one endpoint. */
export interface AttemptFigures {
  readonly endpoint: string;
  readonly attempts: number;
  readonly failed: number;
  /** The code of the most frequent failure; null where none failed. */
  readonly code: string | null;
}

const MOST_REASONS = 5;
/** Calls have no index by time. So many messages tell how calls go of late, at a price that doesn't grow. */
const MOST_SAMPLED = 1_000;

/** How messages ended of late. Reads `messages_ended`, and single rows by their keys; never a whole table. */
@Injectable()
export class OutcomeFigures {
  constructor(@Inject(DataSource) private readonly dataSource: DataSource) {}

  /** @throws when the database does not answer */
  async ended(spanMs: number): Promise<EndedFigures> {
    const [[counted], reasons] = await Promise.all([
      this.query<{ processed: string; dead: string }>(endedSql, [spanMs]),
      this.query<Omit<DeadFigures, 'count'> & { count: string }>(deadReasonsSql, [spanMs, MOST_REASONS]),
    ]);
    return {
      ...{ processed: Number(counted?.processed ?? 0), dead: Number(counted?.dead ?? 0) },
      reasons: reasons.map((reason) => ({ ...reason, count: Number(reason.count) })),
    };
  }

  /** The calls of the messages that ended last. @throws when the database does not answer */
  async attempts(spanMs: number): Promise<AttemptFigures[]> {
    const rows = await this.query<{
      endpoint: string;
      attempts: string;
      failed: string;
      code: string | null;
    }>(attemptsSql, [spanMs, MOST_SAMPLED]);
    return rows.map(({ endpoint, attempts, failed, code }) => ({
      ...{ endpoint, attempts: Number(attempts), failed: Number(failed), code },
    }));
  }

  private query<Row>(sql: (schema: string) => string, parameters: unknown[]): Promise<Row[]> {
    return this.dataSource.query(sql(databaseOf(this.dataSource).schema), parameters);
  }
}

const IN_SPAN = "completed_at >= now() - $1::double precision * interval '1 millisecond'";

export function endedSql(schema: string): string {
  return `SELECT count(*) AS processed, count(*) FILTER (WHERE status = 'failed') AS dead
    FROM "${schema}".messages WHERE ${IN_SPAN} AND status IN ('completed', 'failed')`;
}

export function deadReasonsSql(schema: string): string {
  return `SELECT coalesce(error ->> 'code', '') AS code, model, tenant, count(*) AS count
    FROM "${schema}".messages WHERE ${IN_SPAN} AND status = 'failed'
    GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3 LIMIT $2`;
}

export function attemptsSql(schema: string): string {
  return `SELECT a.endpoint, count(*) AS attempts, count(*) FILTER (WHERE a.outcome = 'failed') AS failed,
      mode() WITHIN GROUP (ORDER BY a.error ->> 'code') FILTER (WHERE a.outcome = 'failed') AS code
    FROM (
      SELECT id FROM "${schema}".messages WHERE ${IN_SPAN} AND status IN ('completed', 'failed')
      ORDER BY completed_at DESC LIMIT $2
    ) AS m JOIN "${schema}".attempts a ON a.message_id = m.id
    WHERE a.endpoint IS NOT NULL GROUP BY a.endpoint ORDER BY a.endpoint`;
}
