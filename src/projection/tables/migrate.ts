import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type DataSource, MigrationExecutor, type MigrationInterface, type QueryRunner } from 'typeorm';
import { dropAnalystViews, ensureAnalystViews, type Query } from './analyst-views.js';
import { migrationError } from './database.errors.js';

export interface MigrateOptions {
  readonly url: string;
  readonly schema: string;
  /** Whether people are to read these tables through views; not those that a rebuild is still filling. Default true. */
  readonly analystViews?: boolean;
}

/**
 * Makes the schema when it is missing and runs what migrations it has not seen, in one transaction: a process killed in
 * the middle leaves nothing half-made. Processes that start together wait for one another at the lock and then find
 * nothing left to do.
 *
 * @throws {DatabaseError} `database_permission`, `migration_failed`
 */
export async function migrate(
  dataSource: DataSource,
  { url, schema, analystViews = true }: MigrateOptions,
): Promise<void> {
  const runner = dataSource.createQueryRunner();
  const query: Query = (sql, values) => runner.query(sql, values);
  try {
    await runner.startTransaction();
    await runner.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [
      `llmq migrations ${schema}`,
    ]);
    await createSchema(runner, schema);
    await runner.query(`SET LOCAL search_path TO "${schema}"`);
    const executor = new MigrationExecutor(dataSource, runner);
    if ((await executor.getPendingMigrations()).length > 0) {
      // PostgreSQL changes no column that a view is made of.
      await dropAnalystViews(query, schema);
      await executor.executePendingMigrations();
    }
    if (analystViews) await ensureAnalystViews(query, schema);
    await runner.commitTransaction();
  } catch (error) {
    await runner.rollbackTransaction().catch(() => {});
    throw migrationError(error, url, schema);
  } finally {
    await runner.release();
  }
}

/** Asked first, because `CREATE SCHEMA IF NOT EXISTS` wants the right to create even where there is nothing to do. */
async function createSchema(runner: QueryRunner, schema: string): Promise<void> {
  const [found] = await runner.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema]);
  if (found === undefined) await runner.query(`CREATE SCHEMA "${schema}"`);
}

type MigrationClass = new () => MigrationInterface;

/** The nearest `migrations` folder upwards: the same one from `src/projection` and from `dist/projection`. */
function migrationsFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'migrations'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error(`No folder "migrations" above ${import.meta.url}`);
    folder = parent;
  }
  return join(folder, 'migrations');
}

/**
 * The classes of `migrations/*.js`. They are imported here and not by TypeORM's own loader, whose dynamic import is
 * made in a way that does not work inside jest.
 */
export async function loadMigrations(): Promise<MigrationClass[]> {
  const folder = migrationsFolder();
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.js'))
    .sort();
  const modules = await Promise.all(files.map((name) => import(pathToFileURL(join(folder, name)).href)));
  return modules.flatMap((module) => Object.values(module) as MigrationClass[]);
}
