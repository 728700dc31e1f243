import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { databaseOf } from '../tables/data-source.js';
import { storableIdentifier } from '../tables/storable-text.js';
import { InvalidCursorError, type Page, pageOf } from './page.js';

/** What sums can be split by; a day is one in UTC. */
export const USAGE_GROUPS = ['day', 'hour', 'user', 'key', 'model', 'endpoint'] as const;
export type UsageGroup = (typeof USAGE_GROUPS)[number];

const ISO = (unit: string) =>
  `to_char(date_trunc('${unit}', hour, 'UTC') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') COLLATE "C"`;

/** As text, so that one order and one cursor fit all; byte by byte, so that the order is the same on every server. */
const SQL_OF: Readonly<Record<UsageGroup, string>> = {
  day: ISO('day'),
  hour: ISO('hour'),
  user: 'user_id COLLATE "C"',
  key: 'key_name COLLATE "C"',
  model: 'model COLLATE "C"',
  endpoint: 'endpoint COLLATE "C"',
};

export interface UsageFilter {
  readonly tenant: string;
  /** ISO 8601; hours that begin at it or later count. */
  readonly from: string;
  /** ISO 8601; hours that begin before it count. */
  readonly to: string;
  readonly user?: string;
  readonly key?: string;
  readonly model?: string;
  readonly endpoint?: string;
}

/** Sums over completed messages and summaries. Those that can be beyond 2^53 are text. */
export interface UsageSums {
  readonly messages: number;
  readonly summaries: number;
  readonly estimated: number;
  readonly unmetered: number;
  readonly unpriced: number;
  readonly inputTokens: number;
  readonly cachedTokens: number;
  readonly outputTokens: number;
  readonly reasoningTokens: number;
  readonly costNanos: string;
}

export interface UsageGroupSums extends UsageSums {
  /** The value of each group that was asked for. */
  readonly of: Readonly<Partial<Record<UsageGroup, string>>>;
}

const SUMS = `sum(messages) AS messages, sum(summaries) AS summaries, sum(estimated) AS estimated, sum(unmetered) AS unmetered,
    sum(unpriced) AS unpriced, sum(input_tokens) AS input_tokens, sum(cached_tokens) AS cached_tokens,
    sum(output_tokens) AS output_tokens, sum(reasoning_tokens) AS reasoning_tokens, sum(cost_nanos)::text AS cost_nanos`;

type SumRow = Readonly<Record<string, string | number | null>>;

export interface UsagePage {
  readonly order: 'asc' | 'desc';
  readonly limit: number;
  /** Of a page in the same order. */
  readonly cursor: string | null;
}

/** Reads `usage_hours` by its index on tenant and time. */
@Injectable()
export class UsageReader {
  constructor(@Inject(DataSource) private readonly dataSource: DataSource) {}

  /** All of a span together. */
  async total(filter: UsageFilter): Promise<UsageSums> {
    const [where, parameters] = condition(filter);
    const [row] = await this.query(`SELECT ${SUMS} FROM ${this.table} WHERE ${where}`, parameters);
    return sumsOf(row!);
  }

  /**
   * The sums of each group, in the order of the groups' values, or in the opposite one.
   *
   * @param groups at least one
   * @throws {InvalidCursorError}
   */
  async grouped(
    filter: UsageFilter,
    groups: readonly UsageGroup[],
    { order, limit, cursor }: UsagePage,
  ): Promise<Page<UsageGroupSums>> {
    const [where, parameters] = condition(filter);
    const names = groups.map((_, index) => `g${index}`);
    const selected = groups.map((group, index) => `${SQL_OF[group]} AS ${names[index]}`).join(', ');
    const last = cursor === null ? [] : decodeCursor(cursor, groups.length);
    const behind = last.map((_, index) => `$${parameters.length + index + 1}::text COLLATE "C"`).join(', ');
    const rows = await this.query(
      `SELECT * FROM (
          SELECT ${selected}, ${SUMS} FROM ${this.table} WHERE ${where}
          GROUP BY ${names.map((_, index) => index + 1).join(', ')}
        ) AS sums
        ${last.length === 0 ? '' : `WHERE (${names.join(', ')}) ${order === 'asc' ? '>' : '<'} (${behind})`}
        ORDER BY ${names.map((name) => `${name} ${order}`).join(', ')} LIMIT ${limit + 1}`,
      [...parameters, ...last],
    );
    const found = rows.map((row) => ({
      of: Object.fromEntries(groups.map((group, index) => [group, String(row[names[index]!])])),
      ...sumsOf(row),
    }));
    return pageOf(found, limit, ({ of }) => encodeCursor(groups.map((group) => of[group]!)));
  }

  private get table(): string {
    return `"${databaseOf(this.dataSource).schema}".usage_hours`;
  }

  private query(sql: string, parameters: readonly unknown[]): Promise<SumRow[]> {
    return this.dataSource.query(sql, [...parameters]);
  }
}

function condition({ tenant, from, to, user, key, model, endpoint }: UsageFilter): [string, unknown[]] {
  const parameters: unknown[] = [storableIdentifier(tenant), from, to];
  const conditions = ['tenant = $1', 'hour >= $2::timestamptz', 'hour < $3::timestamptz'];
  for (const [column, value] of Object.entries({ user_id: user, key_name: key, model, endpoint })) {
    if (value === undefined) continue;
    parameters.push(storableIdentifier(value));
    conditions.push(`${column} = $${parameters.length}`);
  }
  return [conditions.join(' AND '), parameters];
}

function sumsOf(row: SumRow): UsageSums {
  const count = (name: string) => Number(row[name] ?? 0);
  return {
    messages: count('messages'),
    summaries: count('summaries'),
    estimated: count('estimated'),
    unmetered: count('unmetered'),
    unpriced: count('unpriced'),
    inputTokens: count('input_tokens'),
    cachedTokens: count('cached_tokens'),
    outputTokens: count('output_tokens'),
    reasoningTokens: count('reasoning_tokens'),
    costNanos: String(row['cost_nanos'] ?? 0),
  };
}

function encodeCursor(values: readonly string[]): string {
  return Buffer.from(JSON.stringify(values)).toString('base64url');
}

function decodeCursor(cursor: string, count: number): string[] {
  let values: unknown;
  try {
    values = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    throw new InvalidCursorError();
  }
  const valid =
    Array.isArray(values) &&
    values.length === count &&
    values.every((value) => typeof value === 'string' && storableIdentifier(value) === value);
  if (!valid || encodeCursor(values as string[]) !== cursor) throw new InvalidCursorError();
  return values as string[];
}
