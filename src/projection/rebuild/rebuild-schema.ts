import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import type { DataSource } from 'typeorm';
import { renewAnalystViews } from '../tables/analyst-views.js';
import { readCheckpoint } from '../tables/checkpoint.js';

/** A rebuild fills `next` beside the live schema; the swap leaves the live one behind as `old`, to be dropped. */
export interface RebuildSchemas {
  readonly live: string;
  readonly next: string;
  readonly old: string;
}

export function rebuildSchemas(live: string): RebuildSchemas {
  return { live, next: `${live}_next`, old: `${live}_old` };
}

export async function schemaExists(client: Client, schema: string): Promise<boolean> {
  const { rowCount } = await client.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema]);
  return rowCount === 1;
}

export async function dropSchema(client: Client, schema: string): Promise<void> {
  await client.query(`DROP SCHEMA IF EXISTS "${schema}" CASCADE`);
}

/** Where the definitions of the indexes wait while they are dropped. It is gone when they are back. */
const SHELF = 'rebuild_indexes';

/**
 * Takes away the indexes that only readers use: building them over full tables is far cheaper than keeping them up row
 * by row. Their definitions stay in the schema itself, so that a rebuild which is killed can be resumed.
 */
export async function shelveIndexes(dataSource: DataSource, schema: string): Promise<void> {
  await dataSource.transaction(async (manager) => {
    const indexes = await manager.query(
      `SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS definition
        FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
        WHERE c.relnamespace = $1::regnamespace AND NOT i.indisunique`,
      [schema],
    );
    await manager.query(`CREATE TABLE "${schema}".${SHELF} (definition text NOT NULL)`);
    for (const { name, definition } of indexes) {
      await manager.query(`INSERT INTO "${schema}".${SHELF} VALUES ($1)`, [definition]);
      await manager.query(`DROP INDEX ${name}`);
    }
  });
}

/** PostgreSQL reads, sorts and writes for each: two of them keep two cores busy, more would only share the memory. */
const BUILT_AT_ONCE = 2;

/**
 * Builds the shelved indexes, and the statistics that the planner needs to use them. Each one leaves the shelf in the
 * transaction that builds it, so that one that was broken off goes on with the rest. Nothing to do the second time.
 */
export async function restoreIndexes(dataSource: DataSource, schema: string): Promise<void> {
  const [{ shelf }] = await dataSource.query('SELECT to_regclass($1) AS shelf', [`"${schema}".${SHELF}`]);
  if (shelf === null) return;
  const shelved = await dataSource.query(`SELECT definition FROM "${schema}".${SHELF}`);
  await someAtOnce<{ definition: string }>(shelved, async ({ definition }) => {
    await dataSource.transaction(async (manager) => {
      await manager.query(`SET LOCAL maintenance_work_mem = '128MB'`);
      await manager.query(definition);
      await manager.query(`DELETE FROM "${schema}".${SHELF} WHERE definition = $1`, [definition]);
    });
  });
  const tables = await dataSource.query('SELECT tablename FROM pg_tables WHERE schemaname = $1', [schema]);
  await someAtOnce<{ tablename: string }>(tables, ({ tablename }) =>
    dataSource.query(`ANALYZE "${schema}"."${tablename}"`),
  );
  await dataSource.query(`DROP TABLE "${schema}".${SHELF}`);
}

/** @throws the first failure, when all that was begun has ended */
async function someAtOnce<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const left = [...items];
  const hand = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  const ended = await Promise.allSettled(Array.from({ length: BUILT_AT_ONCE }, hand));
  for (const hand of ended) if (hand.status === 'rejected') throw hand.reason;
}

/**
 * Between the swap and the drop. A reader that looked up its first table just before the swap takes its further locks
 * within this time; dropping the tables meanwhile, in another order, could be a deadlock.
 */
const BEFORE_DROP_MS = 1_000;

/**
 * Puts the rebuilt tables in the place of the live ones, in one transaction.
 *
 * The lock on the live checkpoint waits for the projector's transaction and then holds back its next one, whose first
 * statement moves the checkpoint. `catchUp` brings the new tables to where the live ones are, so that no reader ever
 * sees a message go back in time. When this commits, the projector's statement looks the name up again, finds the new
 * table with another generation, and fails: nothing of it can get into the old tables, and it begins anew on the new.
 *
 * Readers are not held back: a query under way ends on the old tables, which are dropped behind the last of them.
 */
export async function swapSchemas(
  client: Client,
  { live, next, old }: RebuildSchemas,
  catchUp: (sequence: number) => Promise<void>,
): Promise<void> {
  await client.query('BEGIN');
  try {
    if (await schemaExists(client, live)) {
      await catchUp(await lockLive(client, live));
      await client.query(`ALTER SCHEMA "${live}" RENAME TO "${old}"`);
    }
    await client.query(`ALTER SCHEMA "${next}" RENAME TO "${live}"`);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    throw error;
  }
  await renewAnalystViews(async (sql, values) => (await client.query(sql, values)).rows, live);
  await sleep(BEFORE_DROP_MS);
  await dropSchema(client, old);
}

/** The live position, which stands still from here on; 0 where the live tables are broken, and nothing writes to them. */
async function lockLive(client: Client, live: string): Promise<number> {
  const table = `"${live}".projection_checkpoint`;
  const { rows } = await client.query('SELECT to_regclass($1) AS found', [table]);
  if (rows[0].found === null) return 0;
  await client.query(`LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
  const { rowCount } = await client.query(`SELECT 1 FROM ${table}`);
  return rowCount === 0 ? 0 : (await readCheckpoint(client, live)).sequence;
}
