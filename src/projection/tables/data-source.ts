import { DataSource } from 'typeorm';
import type { PostgresDataSourceOptions } from 'typeorm/driver/postgres/PostgresDataSourceOptions.js';
import { projectionCheckpoint } from './checkpoint.js';
import { conversationEvents, conversations, erasedMessages, erasureQueue } from './conversation.tables.js';
import { connectError, DatabaseError, databaseAddress } from './database.errors.js';
import {
  attempts,
  deadLetters,
  messageEvents,
  messageRequests,
  messageResults,
  messages,
} from './message.tables.js';
import { loadMigrations, migrate } from './migrate.js';
import { usageHours } from './usage.tables.js';
import { webhooks } from './webhook.tables.js';

const TABLES = [
  messages,
  messageRequests,
  messageResults,
  attempts,
  messageEvents,
  deadLetters,
  webhooks,
  usageHours,
  conversations,
  conversationEvents,
  erasedMessages,
  erasureQueue,
  projectionCheckpoint,
];

/** `gen_random_uuid()` and the rest of what the SQL here uses are older; what is older than this is out of its support. */
const LEAST_POSTGRES = 15;

export interface DatabaseOptions {
  /** `postgres://user:password@host:port/database` */
  readonly url: string;
  /** The schema that holds the projection's tables; made when missing. */
  readonly schema: string;
  readonly poolSize: number;
  /** See `MigrateOptions`. */
  readonly analystViews?: boolean;
}

/** Where a data source of `createDataSource` is connected to. */
export function databaseOf(dataSource: DataSource): { readonly url: string; readonly schema: string } {
  const { url, schema } = dataSource.options as PostgresDataSourceOptions;
  return { url: url!, schema: schema! };
}

/** A data source that is not connected yet. `openDatabase` is what a service wants. */
export async function createDataSource(options: DatabaseOptions): Promise<DataSource> {
  return new DataSource({
    type: 'postgres',
    url: options.url,
    schema: options.schema,
    poolSize: options.poolSize,
    entities: TABLES.map(({ entity }) => entity),
    migrations: await loadMigrations(),
    migrationsTableName: 'migrations',
    // Sequences are counts of events; 2^53 of them are out of reach.
    parseInt8: true,
    installExtensions: false,
    connectTimeoutMS: 10_000,
    applicationName: 'llm-message-queue',
    // A lost connection is noticed by its next query. Without a handler it would end the process; the pool replaces it.
    poolErrorHandler: () => {},
    extra: { keepAlive: true, keepAliveInitialDelayMillis: 10_000 },
  });
}

/**
 * Connects, and migrates the schema. Any number of processes may do so at once.
 *
 * @throws {DatabaseError} `database_unreachable`, `database_login_refused`, `database_missing`, `database_too_old`,
 *   `database_permission`, `migration_failed`
 */
export async function openDatabase(options: DatabaseOptions): Promise<DataSource> {
  const dataSource = await createDataSource(options);
  try {
    await dataSource.initialize();
  } catch (error) {
    throw connectError(error, options.url);
  }
  try {
    await refuseOldServer(dataSource, options.url);
    await migrate(dataSource, options);
  } catch (error) {
    await dataSource.destroy().catch(() => {});
    throw error;
  }
  return dataSource;
}

async function refuseOldServer(dataSource: DataSource, url: string): Promise<void> {
  const [row] = await dataSource.query("SELECT current_setting('server_version_num')::int AS version");
  const major = Math.floor(row.version / 10_000);
  if (major >= LEAST_POSTGRES) return;
  throw new DatabaseError(
    'database_too_old',
    `PostgreSQL at ${databaseAddress(url)} is version ${major}; this service needs ${LEAST_POSTGRES} or newer. Upgrade it, or point DATABASE_URL (database.url) to a newer one.`,
  );
}
