import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import type { Logger } from 'pino';
import { programEnvironment, runProgram } from './child-program.js';
import type { Login } from './credentials.js';
import type { DataFolder } from './data-folder.js';
import { EmbeddedServerError } from './embedded-server.error.js';
import type { EndStep } from './end-process.js';
import { startOnFreePort } from './loopback-port.js';
import { findPostgresBinaries } from './postgres-binaries.js';
import {
  clusterAccess,
  clusterExists,
  controlFileIsLost,
  createCluster,
  DATABASE,
  ensurePasswords,
  type PostgresCluster,
} from './postgres-cluster.js';
import { type PostgresSettings, postgresAccessRules, postgresConfig } from './postgres-config.js';
import { postgresSystemUser } from './postgres-system-user.js';
import { writePrivateFile } from './private-file.js';
import { ServerLog } from './server-log.js';
import type { ServerProgram } from './server-program.js';
import { readServerRecord } from './server-record.js';
import { SupervisedServer } from './supervised-server.js';

/**
 * SIGINT is PostgreSQL's fast shutdown: it ends sessions and writes a checkpoint. SIGQUIT leaves the checkpoint to the
 * next start's recovery; SIGKILL too, but it can leave sessions behind.
 */
export const POSTGRES_END_STEPS: readonly EndStep[] = [
  { signal: 'SIGINT', waitMs: 30_000 },
  { signal: 'SIGQUIT', waitMs: 10_000 },
  { signal: 'SIGKILL', waitMs: 10_000 },
];

export interface EmbeddedPostgresOptions {
  readonly folder: DataFolder;
  readonly login: Login;
  /** Who may only read. */
  readonly reader: Login;
  readonly logger: Logger;
  /** A port that must be used; null takes the one of last time, or a free one. */
  readonly port: number | null;
  /** Over the configuration that the service uses. */
  readonly settings: PostgresSettings;
  /** fsync the new cluster's files. Off only where a test asks for speed. */
  readonly syncNewCluster: boolean;
  readonly keepAlive: boolean;
}

export interface EmbeddedPostgres {
  /** With user and password; the database is `llmq`. */
  readonly url: string;
  /** Null while the server is down. */
  readonly pid: number | null;
  stop(): Promise<void>;
}

/**
 * Starts PostgreSQL on loopback, its data in the data folder. Resolves when it runs queries.
 * @throws {EmbeddedServerError} `postgres_start_failed`, `postgres_binaries_missing`, `postgres_user_missing`,
 *   `data_dir_not_usable`
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { folder, login } = options;
  const runAs = await postgresSystemUser(folder.postgres);
  const cluster = { dir: folder.postgres, binaries: await findPostgresBinaries(runAs), runAs };
  await prepareCluster(cluster, options);
  const last = (await readServerRecord(folder.run, 'postgres'))?.port ?? null;
  return startOnFreePort({ fixed: options.port, last }, async (port) => {
    const server = new SupervisedServer({
      program: postgresProgram(port, cluster, options),
      log: new ServerLog(join(folder.logs, 'postgres.log')),
      runDir: folder.run,
      logger: options.logger,
      keepAlive: options.keepAlive,
    });
    await server.start();
    return {
      url: databaseUrl(port, login),
      get pid() {
        return server.pid;
      },
      stop: () => server.stop(),
    };
  });
}

const databaseUrl = (port: number, { user, password }: Login) =>
  `postgres://${user}:${password}@127.0.0.1:${port}/${DATABASE}`;

async function prepareCluster(cluster: PostgresCluster, options: EmbeddedPostgresOptions): Promise<void> {
  if (!(await clusterExists(cluster.dir))) {
    options.logger.info(`Setting up the embedded PostgreSQL in ${cluster.dir}.`);
    return createCluster(cluster, options, options.syncNewCluster);
  }
  await refuseForeignCluster(cluster.dir);
  await refuseDamagedCluster(cluster.dir);
  await ensurePasswords(cluster, options);
}

async function refuseDamagedCluster(dir: string): Promise<void> {
  if (!(await controlFileIsLost(dir))) return;
  throw new EmbeddedServerError(
    'postgres_start_failed',
    `The database in ${dir} can't be started: its file global/pg_control is lost. Nothing is in it that the event log has not: remove the folder ${dir}, start again, and it is rebuilt from the log. (If the folder is a mount that is not there, mount it instead.)`,
  );
}

/** PostgreSQL runs only as the owner of its files; the likely reason is one start with sudo. */
async function refuseForeignCluster(dir: string): Promise<void> {
  const { uid } = await stat(dir);
  const own = process.getuid?.();
  if (own === undefined || own === 0 || own === uid) return;
  throw new EmbeddedServerError(
    'data_dir_not_usable',
    `The database in ${dir} belongs to user ${uid}, and this is user ${own}: it was probably created by a start as root. Start the service as root again, give the whole data folder to this user (chown -R ${own}), or set LLMQ_DATA_DIR to another folder.`,
  );
}

function postgresProgram(
  port: number,
  cluster: PostgresCluster,
  { login, reader, settings }: EmbeddedPostgresOptions,
): ServerProgram {
  return {
    name: 'postgres',
    title: 'PostgreSQL',
    port,
    startFailure: 'postgres_start_failed',
    // Sessions of a postmaster that was killed live on for a moment, and keep the next one from starting.
    startTries: 5,
    endSteps: POSTGRES_END_STEPS,
    probe: () => probePostgres(port, login),
    async launch() {
      const owner = cluster.runAs ?? undefined;
      const write = (file: string, text: string) => writePrivateFile(join(cluster.dir, file), text, owner);
      await write('postgresql.conf', postgresConfig(port, settings));
      await write('pg_hba.conf', postgresAccessRules([login.user, reader.user]));
      const { dataDir, ...access } = await clusterAccess(cluster);
      const env = programEnvironment({ LC_ALL: 'C', PGDATA: dataDir });
      return { command: cluster.binaries.postgres, args: ['-D', dataDir], env, ...access };
    },
    // Windows has no signals: there kill() is SIGKILL, and pg_ctl knows PostgreSQL's own way to be asked.
    ...(process.platform === 'win32' ? { requestEnd: () => pgCtlStop(cluster) } : {}),
  };
}

async function pgCtlStop({ binaries, dir }: PostgresCluster): Promise<void> {
  await runProgram(binaries.pgCtl, ['stop', '-D', dir, '-m', 'fast', '-w', '-t', '30']);
}

/** Resolves when the server on this loopback port takes the login and runs a query; rejects otherwise. */
export async function probePostgres(port: number, login: Login): Promise<void> {
  const client = new pg.Client({
    connectionString: databaseUrl(port, login),
    connectionTimeoutMillis: 2_000,
    query_timeout: 2_000,
  });
  // A connection that breaks while idle emits an error; the query's own rejection is the one that counts.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT 1');
  } finally {
    await client.end().catch(() => undefined);
  }
}
