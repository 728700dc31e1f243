import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { LANES, type Lane } from '../../domain/message/lane.policy.js';
import { databaseOf } from '../tables/data-source.js';
import { storableIdentifier } from '../tables/storable-text.js';

/** Beyond so many messages nobody counts: a place behind them is told as the first that was not counted. */
const MOST_COUNTED = 100_000;

interface CountRow {
  status: 'scheduled' | 'failed';
  priority: Lane;
  count: string;
}
interface WaitRow {
  priority: Lane;
  ended: string;
  average: number | null;
  p95: number | null;
}
interface SpanRow {
  priority: Lane | null;
  completed: string;
  failed: string;
  wait: Spread;
  processing: Spread;
}
interface TotalRow {
  priority: Lane | null;
  processed_hour: string;
  failed_hour: string;
  processed_day: string;
  failed_day: string;
}

/** In milliseconds; null where there were none. */
export interface Spread {
  readonly average: number | null;
  readonly p95: number | null;
  readonly least: number | null;
  readonly most: number | null;
}

export const NO_SPREAD: Spread = { average: null, p95: null, least: null, most: null };

/** Messages that ended. */
export interface Total {
  /** Completed or given up. */
  readonly processed: number;
  /** Given up. */
  readonly failed: number;
}

/** Since the hour and the day began, in UTC. */
export interface Totals {
  readonly thisHour: Total;
  readonly today: Total;
}

export const NO_TOTALS: Totals = {
  thisHour: { processed: 0, failed: 0 },
  today: { processed: 0, failed: 0 },
};

/** What the tables know of a lane, over all tenants. */
export interface LaneFigures {
  /** Turns that wait for an earlier one of their conversation, outside of the lane. */
  readonly held: number;
  /** Messages whose time has not come. */
  readonly scheduled: number;
  /** Messages that were given up. */
  readonly dead: number;
  /** When the message that waits longest last entered its lane, ISO 8601; null where none waits. */
  readonly oldestWaitingSince: string | null;
  /** Completed or given up in the span asked for. */
  readonly ended: number;
  /** In milliseconds, of those that ended in the span; null where none did. */
  readonly averageWaitMs: number | null;
  readonly p95WaitMs: number | null;
}

/** What a tenant's messages of one lane, or of all, came to in a span of time. */
export interface SpanFigures {
  /** Null for all lanes together. */
  readonly priority: Lane | null;
  readonly completed: number;
  readonly failed: number;
  readonly wait: Spread;
  /** From the first call to the end, of those that were completed. */
  readonly processing: Spread;
}

/** Where a waiting message stands among those of its model. */
export interface PlaceInLane {
  /** Messages of its lane and model that wait before it, those held for a turn left out. */
  readonly ahead: number;
  /** Messages of its model that wait in the lanes asked for. */
  readonly above: number;
  /** It waits for its turn in its conversation. */
  readonly held: boolean;
}

/** What a message stands among. */
export interface Among {
  /** The model of messages that name none. */
  readonly defaultModel: string;
  /** Lanes that go before its own. */
  readonly above: readonly Lane[];
}

/** Reads `messages_waiting`, `messages_held`, `messages_apart` and `messages_ended`; never the whole table. */
@Injectable()
export class QueueFigures {
  constructor(@Inject(DataSource) private readonly dataSource: DataSource) {}

  async lanes(spanMs: number): Promise<ReadonlyMap<Lane, LaneFigures>> {
    const [counts, held, waits, oldest] = await Promise.all([
      this.query<CountRow>(countsSql, []),
      this.query<Pick<CountRow, 'priority' | 'count'>>(heldSql, []),
      this.query<WaitRow>(waitsSql, [spanMs]),
      this.query<{ priority: Lane; since: Date | null }>(oldestSql, [[...LANES]]),
    ]);
    const count = (lane: Lane, status: CountRow['status']) =>
      Number(counts.find((row) => row.priority === lane && row.status === status)?.count ?? 0);
    return new Map(
      LANES.map((lane) => {
        const wait = waits.find(({ priority }) => priority === lane);
        const figures: LaneFigures = {
          held: Number(held.find(({ priority }) => priority === lane)?.count ?? 0),
          scheduled: count(lane, 'scheduled'),
          dead: count(lane, 'failed'),
          oldestWaitingSince: oldest.find(({ priority }) => priority === lane)?.since?.toISOString() ?? null,
          ended: Number(wait?.ended ?? 0),
          averageWaitMs: wait?.average ?? null,
          p95WaitMs: wait?.p95 ?? null,
        };
        return [lane, figures];
      }),
    );
  }

  async span(tenant: string, spanMs: number): Promise<SpanFigures[]> {
    const rows = await this.query<SpanRow>(spanSql, [storableIdentifier(tenant), spanMs]);
    return rows.map((row) => ({
      priority: row.priority,
      completed: Number(row.completed),
      failed: Number(row.failed),
      wait: row.wait,
      processing: row.processing,
    }));
  }

  /**
   * By lane, and under null for all of them together; without those that have none.
   * @param tenant null for all tenants
   */
  async totals(tenant: string | null): Promise<ReadonlyMap<Lane | null, Totals>> {
    const rows = await this.query<TotalRow>(totalsSql, [tenant === null ? null : storableIdentifier(tenant)]);
    return new Map(
      rows.map((row) => [
        row.priority,
        {
          thisHour: { processed: Number(row.processed_hour), failed: Number(row.failed_hour) },
          today: { processed: Number(row.processed_day), failed: Number(row.failed_day) },
        },
      ]),
    );
  }

  /** Null for a message that does not wait in a lane (any more). */
  async place(messageId: string, { defaultModel, above }: Among): Promise<PlaceInLane | null> {
    const [row] = await this.query<{ ahead: string; above: string; held: boolean }>(placeSql, [
      ...[messageId, defaultModel, [...above], MOST_COUNTED],
    ]);
    if (row === undefined) return null;
    return { ahead: Number(row.ahead), above: Number(row.above), held: row.held };
  }

  private query<Row>(sql: (schema: string) => string, parameters: unknown[]): Promise<Row[]> {
    return this.dataSource.query(sql(databaseOf(this.dataSource).schema), parameters);
  }
}

export function countsSql(schema: string): string {
  return `SELECT status, priority, count(*) FROM "${schema}".messages
    WHERE status IN ('scheduled', 'failed') GROUP BY status, priority`;
}

export function heldSql(schema: string): string {
  return `SELECT priority, count(*) FROM "${schema}".messages WHERE held_behind IS NOT NULL GROUP BY priority`;
}

export function waitsSql(schema: string): string {
  return `SELECT priority, count(*) AS ended, avg(waited_ms) AS average,
      percentile_cont(0.95) WITHIN GROUP (ORDER BY waited_ms) AS p95
    FROM "${schema}".messages
    WHERE completed_at >= now() - $1::double precision * interval '1 millisecond' AND status IN ('completed', 'failed')
    GROUP BY priority`;
}

/** The first of each lane in the log; a plain minimum over all lanes would read every message that waits. */
export function oldestSql(schema: string): string {
  return `SELECT lane AS priority, head.updated_at AS since
    FROM unnest($1::text[]) AS lane CROSS JOIN LATERAL (
      SELECT updated_at FROM "${schema}".messages
      WHERE status = 'pending' AND held_behind IS NULL AND priority = lane ORDER BY lane_sequence LIMIT 1
    ) AS head`;
}

function spread(of: string, filter: string): string {
  return `json_build_object('average', avg(${of}) ${filter},
        'p95', percentile_cont(0.95) WITHIN GROUP (ORDER BY ${of}) ${filter},
        'least', min(${of}) ${filter}, 'most', max(${of}) ${filter})`;
}

export function totalsSql(schema: string): string {
  const thisHour = "completed_at >= date_trunc('hour', now(), 'UTC')";
  return `SELECT priority,
      count(*) FILTER (WHERE ${thisHour}) AS processed_hour,
      count(*) FILTER (WHERE ${thisHour} AND status = 'failed') AS failed_hour,
      count(*) AS processed_day,
      count(*) FILTER (WHERE status = 'failed') AS failed_day
    FROM "${schema}".messages
    WHERE completed_at >= date_trunc('day', now(), 'UTC') AND ($1::text IS NULL OR tenant = $1)
      AND status IN ('completed', 'failed')
    GROUP BY GROUPING SETS ((priority), ())`;
}

export function spanSql(schema: string): string {
  const processing = 'extract(epoch FROM completed_at - started_at)::double precision * 1000';
  return `SELECT priority,
      count(*) FILTER (WHERE status = 'completed') AS completed,
      count(*) FILTER (WHERE status = 'failed') AS failed,
      ${spread('waited_ms', '')} AS wait,
      ${spread(processing, "FILTER (WHERE status = 'completed')")} AS processing
    FROM "${schema}".messages
    WHERE completed_at >= now() - $2::double precision * interval '1 millisecond'
      AND tenant = $1 AND status IN ('completed', 'failed')
    GROUP BY GROUPING SETS ((priority), ())`;
}

export function placeSql(schema: string): string {
  const counted = (which: string) => `(SELECT count(*) FROM (SELECT FROM "${schema}".messages w
      WHERE w.status = 'pending' AND w.held_behind IS NULL AND ${which}
        AND coalesce(w.model, $2) = coalesce(m.model, $2) LIMIT $4) AS counted)`;
  return `SELECT m.held_behind IS NOT NULL AS held,
      ${counted('w.priority = m.priority AND w.lane_sequence < m.lane_sequence')} AS ahead,
      ${counted('w.priority = ANY($3::text[])')} AS above
    FROM "${schema}".messages m WHERE m.id = $1::uuid AND m.status = 'pending'`;
}
