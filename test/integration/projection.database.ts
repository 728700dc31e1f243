import { randomBytes } from 'node:crypto';
import pg from 'pg';
import type { DataSource } from 'typeorm';
import type { EventLog } from '../../src/log/event-log.port.js';
import { foldLog } from '../../src/projection/fold/fold-log.js';
import { CopySession } from '../../src/projection/rebuild/copy-session.js';
import { CopyWriter } from '../../src/projection/rebuild/copy-writer.js';
import { readCheckpoint } from '../../src/projection/tables/checkpoint.js';
import { databaseOf, openDatabase } from '../../src/projection/tables/data-source.js';
import { RowWriter } from '../../src/projection/write/row-writer.js';

export const PROJECTED_TABLES = [
  'messages',
  'message_requests',
  'message_results',
  'attempts',
  'message_events',
  'dead_letters',
  'usage_hours',
  'conversations',
  'conversation_events',
  'erased_messages',
  'erasure_queue',
];

export function openSchema(
  url: string,
  schema = `test_${randomBytes(4).toString('hex')}`,
): Promise<DataSource> {
  return openDatabase({ url, schema, poolSize: 4 });
}

/** One digest for each table, over all rows and columns; equal digests are equal tables, row by row. */
export async function digests(dataSource: DataSource, schema = databaseOf(dataSource).schema) {
  const found: Record<string, string> = {};
  for (const table of PROJECTED_TABLES) {
    const [row] = await dataSource.query(
      `SELECT count(*)::text || ' ' || coalesce(md5(string_agg(t::text, E'\\n' ORDER BY t::text)), '') AS digest
        FROM "${schema}".${table} t`,
    );
    found[table] = row.digest;
  }
  return found;
}

/**
 * Folds until the log's present end, without a projector around it, by the live projector's writer or a rebuild's.
 * Returns the turns that moved on the way.
 */
export async function foldToEnd(
  dataSource: DataSource,
  log: EventLog,
  maxBatch: number,
  copiedAtATime: number | null = null,
): Promise<string[]> {
  const { url, schema } = databaseOf(dataSource);
  const client = new pg.Client({ connectionString: url, pipeline: true });
  const session = copiedAtATime === null ? null : new CopySession(url);
  await client.connect();
  const moved: string[] = [];
  try {
    const until = await log.lastSequence();
    const from = await readCheckpoint(dataSource, schema);
    if (from.sequence >= until) return moved;
    const done = new AbortController();
    const newWriter = () =>
      session === null ? new RowWriter(client, schema) : new CopyWriter(session, schema, copiedAtATime!);
    const target = { log, schema, newWriter, dataSource, maxBatch, until };
    await foldLog(target, from, done.signal, ({ sequence }, { turns }) => {
      moved.push(...turns);
      if (sequence >= until) done.abort();
    });
    return moved;
  } finally {
    await session?.close();
    await client.end();
  }
}
