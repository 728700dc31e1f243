import { randomBytes } from 'node:crypto';
import pg from 'pg';
import type { DataSource } from 'typeorm';
import type { EventLog } from '../../src/event-log/event-log.port.js';
import { readCheckpoint } from '../../src/projection/checkpoint.js';
import { databaseOf, openDatabase } from '../../src/projection/data-source.js';
import { foldLog } from '../../src/projection/fold-log.js';

export const PROJECTED_TABLES = [
  'messages',
  'message_requests',
  'message_results',
  'attempts',
  'message_events',
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

/** Folds until the log's present end, without a projector around it. Returns the turns that moved on the way. */
export async function foldToEnd(dataSource: DataSource, log: EventLog, maxBatch: number): Promise<string[]> {
  const { url, schema } = databaseOf(dataSource);
  const client = new pg.Client({ connectionString: url, pipeline: true });
  await client.connect();
  const moved: string[] = [];
  try {
    const end = await log.lastSequence();
    const from = await readCheckpoint(client, schema);
    if (from.sequence >= end) return moved;
    const done = new AbortController();
    await foldLog({ log, schema, client, dataSource, maxBatch }, from, done.signal, ({ sequence }, turns) => {
      moved.push(...turns);
      if (sequence >= end) done.abort();
    });
    return moved;
  } finally {
    await client.end();
  }
}
