import type { Client } from 'pg';
import type { DataSource } from 'typeorm';

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
