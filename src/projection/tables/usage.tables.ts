import { createHash } from 'node:crypto';
import { addUsage, type UsageKey, type UsageRow } from '../../domain/message/usage.projection.js';
import { storableIdentifier } from './storable-text.js';
import { type Columns, column, identifier, type RowOf, sequence, sum, Table, time, uuid } from './table.js';

const columns = {
  /** Of what the row adds up by: the names together can be longer than an index takes. */
  id: column(uuid, usageId),
  hour: column(time, (row) => row.hour),
  tenant: column(identifier, (row) => row.tenant),
  userId: column(identifier, (row) => row.userId),
  /** Of the API key; empty for summaries, and where it was not recorded. */
  keyName: column(identifier, (row) => row.keyName),
  model: column(identifier, (row) => row.model),
  endpoint: column(identifier, (row) => row.endpoint),
  messages: column(sequence, (row) => row.messages),
  summaries: column(sequence, (row) => row.summaries),
  estimated: column(sequence, (row) => row.estimated),
  unmetered: column(sequence, (row) => row.unmetered),
  unpriced: column(sequence, (row) => row.unpriced),
  inputTokens: column(sum, (row) => row.inputTokens),
  cachedTokens: column(sum, (row) => row.cachedTokens),
  outputTokens: column(sum, (row) => row.outputTokens),
  reasoningTokens: column(sum, (row) => row.reasoningTokens),
  /** In 10^-9 of the prices' currency. */
  costNanos: column(sum, (row) => row.costNanos),
} satisfies Columns<UsageRow>;

/** What is added up; the other columns say of whom, and when. */
export const USAGE_SUMS = [
  ...['messages', 'summaries', 'estimated', 'unmetered', 'unpriced'],
  ...['inputTokens', 'cachedTokens', 'outputTokens', 'reasoningTokens', 'costNanos'],
] as (keyof typeof columns)[];
export const USAGE_SUM_NAMES: readonly string[] = USAGE_SUMS.map((property) =>
  property.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
);

/**
 * What completed messages and summaries used, hour by hour. A batch adds to it in the transaction that moves the checkpoint, so no
 * message is added twice; a rebuild begins with an empty table.
 */
export const usageHours = new Table<UsageRow, typeof columns>('usage_hours', columns, {
  key: ['id'],
  sums: USAGE_SUMS,
  indexes: { usage_hours_by_time: { on: ['tenant', 'hour'] } },
});

/**
 * What the messages of `$1` have added to `usage_hours`, from their own rows, under its names.
 *
 * @param at the schema, quoted
 */
export function usageOfMessagesSql(at: string): string {
  const sumOf = (of: string) => `coalesce(sum(r.${of}), 0)`;
  return `SELECT date_trunc('hour', m.completed_at, 'UTC') AS hour, m.tenant, q.user_id,
      coalesce(q.key_name, '') AS key_name, left(coalesce(r.accounted_model, r.model), 400) AS model,
      left(r.endpoint, 400) AS endpoint, count(*) AS messages, 0 AS summaries,
      count(*) FILTER (WHERE r.estimated) AS estimated,
      count(*) FILTER (WHERE r.prompt_tokens IS NULL) AS unmetered,
      count(*) FILTER (WHERE r.cost_nanos IS NULL) AS unpriced,
      ${sumOf('prompt_tokens')} AS input_tokens, ${sumOf('cached_tokens')} AS cached_tokens,
      ${sumOf('completion_tokens')} AS output_tokens, ${sumOf('reasoning_tokens')} AS reasoning_tokens,
      ${sumOf('cost_nanos')} AS cost_nanos
    FROM ${at}.message_results r
      JOIN ${at}.messages m ON m.id = r.message_id AND m.terminal_sequence = r.sequence
      JOIN ${at}.message_requests q ON q.message_id = r.message_id
    WHERE r.message_id = ANY($1::uuid[])
    GROUP BY 1, 2, 3, 4, 5, 6`;
}

/** Names that differ only where they are cut off are one row: two of them in one statement would be refused. */
export function storedApart(rows: ReadonlyMap<string, UsageRow>): UsageRow[] {
  const all = [...rows.values()];
  if (all.length < 2 || all.every(isStoredWhole)) return all;
  const apart = new Map<string, UsageRow>();
  for (const row of all) addUsage(apart, row, usageId(row));
  return [...apart.values()];
}

/** Its id is made of its names as they are, and no other names make the same. */
function isStoredWhole({ tenant, userId, keyName, model, endpoint }: UsageKey): boolean {
  return [tenant, userId, keyName, model, endpoint].every(
    (name) => storableIdentifier(name) === name && !name.includes('\n'),
  );
}

/** The migration that filled the table from what was there makes the same. */
function usageId({ hour, tenant, userId, keyName, model, endpoint }: UsageKey): string {
  const parts = [tenant, userId, keyName, model, endpoint].map(storableIdentifier);
  const digest = createHash('md5')
    .update([hour, ...parts].join('\n'))
    .digest('hex');
  return digest.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

export type StoredUsage = RowOf<typeof columns>;
