import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { brotliCompressSync, brotliDecompressSync } from 'node:zlib';
import { jetstream } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { MigrationExecutor } from 'typeorm';
import { type EmbeddedServers, startEmbeddedServers } from '../../src/platform/embedded/embedded-servers.js';
import { createDataSource } from '../../src/projection/tables/data-source.js';
import { silentLogger } from './silent-logger.js';

/**
 * A data folder of an earlier version, as files of the repository. It depends on neither the CPU nor the version of
 * PostgreSQL: NATS's own files are kept as they are, the tables as the text of COPY. What brings the old schema back is
 * the migrations that the folder had seen: a migration never changes once it is released.
 */

// biome-ignore lint/suspicious/noExplicitAny: answers of the service, in many shapes.
type Json = any;

/** What was in the folder, as the earlier version told it over its API. */
export interface FixtureContents {
  readonly commit: string;
  /** `GET /messages/:id` of every message that is not erased, by what it is there for. */
  readonly messages: Readonly<Record<string, Json>>;
  /** The types of every ended message's events, in order, by the message's id. */
  readonly timelines: Readonly<Record<string, readonly string[]>>;
  readonly conversations: Readonly<
    Record<string, { readonly conversation: Json; readonly turns: readonly string[] }>
  >;
  readonly erased: { readonly conversation: string; readonly message: string };
  readonly deadLetters: readonly Json[];
  readonly rules: readonly Json[];
  readonly userPriorities: readonly Json[];
  readonly pause: Json;
  readonly idempotent: {
    readonly key: string;
    readonly body: Json;
    readonly response: Json;
    /** Its entry in the bucket, which goes by itself after a day: a test writes it again. */
    readonly entry: { readonly subject: string; readonly value: Json };
  };
}

interface Tables {
  readonly migrations: readonly string[];
  readonly tables: readonly { readonly name: string; readonly columns: string; readonly rows: string }[];
}

const SCHEMA = 'llmq';
const KEPT = ['credentials.json', 'run/nats.json', 'run/postgres.json', 'nats'];

const pathsOf = (fixture: string) => ({
  contents: join(fixture, 'contents.json'),
  files: join(fixture, 'files.json.br'),
  tables: join(fixture, 'tables.json.br'),
});

export async function readContents(fixture: string): Promise<FixtureContents> {
  return JSON.parse(await readFile(pathsOf(fixture).contents, 'utf8'));
}

/** Writes the fixture of a data folder whose service has ended. */
export async function packDataFolder(
  dataDir: string,
  fixture: string,
  contents: FixtureContents,
): Promise<void> {
  await mkdir(fixture, { recursive: true });
  const paths = pathsOf(fixture);
  await writeFile(paths.files, packed(await filesOf(dataDir)));
  const servers = await startEmbeddedServers({
    ...{ dataDir, logger: silentLogger, wantNats: false, wantPostgres: true },
  });
  try {
    await writeFile(paths.tables, packed(await dumpTables(servers.databaseUrl!)));
  } finally {
    await servers.stop();
  }
  await writeFile(paths.contents, `${JSON.stringify(contents, null, 2)}\n`);
}

/**
 * Lays the fixture out as a data folder that the embedded servers start on, which have ended when this resolves.
 *
 * @param beforeEnd what else the earlier version left there, with its broker still running
 */
export async function layOutDataFolder(
  fixture: string,
  dataDir: string,
  beforeEnd: (nats: NatsConnection) => Promise<void> = async () => undefined,
): Promise<void> {
  const paths = pathsOf(fixture);
  await writeFiles(dataDir, unpacked(await readFile(paths.files)));
  const servers = await startEmbeddedServers({
    ...{ dataDir, logger: silentLogger, wantNats: true, wantPostgres: true },
  });
  try {
    await fillTables(servers.databaseUrl!, unpacked(await readFile(paths.tables)));
    await withNats(servers, async (nats) => {
      const { entry } = (await readContents(fixture)).idempotent;
      await jetstream(nats).publish(entry.subject, JSON.stringify(entry.value));
      await beforeEnd(nats);
    });
  } finally {
    await servers.stop();
  }
}

// Bytes as the characters of one string each: compressed, that is far smaller than base64.
const packed = (value: unknown) => brotliCompressSync(JSON.stringify(value));
const unpacked = (file: Buffer) => JSON.parse(brotliDecompressSync(file).toString());

async function filesOf(dataDir: string): Promise<Record<string, string>> {
  const entries = await readdir(dataDir, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(dataDir, join(entry.parentPath, entry.name)));
  const kept = paths.filter((path) => KEPT.some((name) => path === name || path.startsWith(`${name}/`)));
  const files = await Promise.all(
    kept.sort().map(async (path) => [path, await readFile(join(dataDir, path), 'latin1')] as const),
  );
  return Object.fromEntries(files);
}

async function writeFiles(dataDir: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, bytes] of Object.entries(files)) {
    const file = resolve(dataDir, path);
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(file, bytes, { encoding: 'latin1', mode: 0o600 });
  }
}

async function dumpTables(url: string): Promise<Tables> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ name: string; columns: string }>(
      `SELECT table_name AS name, string_agg(format('%I', column_name), ', ' ORDER BY ordinal_position) AS columns
        FROM information_schema.columns WHERE table_schema = $1 AND table_name <> 'migrations'
        GROUP BY table_name ORDER BY table_name`,
      [SCHEMA],
    );
    const tables: Tables['tables'][number][] = [];
    for (const { name, columns } of rows) {
      const copy = client.query(copyTo(`COPY ${SCHEMA}.${name} (${columns}) TO STDOUT`));
      tables.push({ name, columns, rows: await text(copy) });
    }
    const migrations = await client.query(`SELECT name FROM ${SCHEMA}.migrations ORDER BY timestamp`);
    return { migrations: migrations.rows.map(({ name }) => name), tables };
  });
}

async function fillTables(url: string, { migrations, tables }: Tables): Promise<void> {
  await migrateTo(url, migrations);
  await withClient(url, async (client) => {
    for (const { name, columns, rows } of tables) {
      // A migration may have put a row there, which the dump holds too.
      await client.query(`DELETE FROM ${SCHEMA}.${name}`);
      const copy = client.query(copyFrom(`COPY ${SCHEMA}.${name} (${columns}) FROM STDIN`));
      await pipeline(Readable.from([rows]), copy);
    }
  });
}

/** The schema as it was when these were all migrations that there were. */
async function migrateTo(url: string, names: readonly string[]): Promise<void> {
  const dataSource = await createDataSource({ url, schema: SCHEMA, poolSize: 1 });
  const all = dataSource.options.migrations as (new () => unknown)[];
  dataSource.setOptions({ migrations: all.filter(({ name }) => names.includes(name)) });
  await dataSource.initialize();
  const runner = dataSource.createQueryRunner();
  try {
    await runner.query(`CREATE SCHEMA ${SCHEMA}`);
    await runner.startTransaction();
    await runner.query(`SET LOCAL search_path TO ${SCHEMA}`);
    const done = await new MigrationExecutor(dataSource, runner).executePendingMigrations();
    await runner.commitTransaction();
    if (done.length !== names.length)
      throw new Error(`Of ${names}, only ${done.length} migrations are here.`);
  } finally {
    await runner.release();
    await dataSource.destroy();
  }
}

async function withClient<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

async function withNats<T>({ nats }: EmbeddedServers, use: (nats: NatsConnection) => Promise<T>): Promise<T> {
  const { url, user, password } = nats!;
  const connection = await connect({ servers: url, user, pass: password });
  try {
    return await use(connection);
  } finally {
    await connection.close();
  }
}
