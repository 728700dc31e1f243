import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import pg from 'pg';
import type { QueryRunner } from 'typeorm';
import { ensureStreams } from '../../src/broker/ensure-streams.js';
import { dataFolderAt } from '../../src/platform/embedded/data-folder.js';
import { findPostgresBinaries } from '../../src/platform/embedded/postgres-binaries.js';
import { clusterAccess } from '../../src/platform/embedded/postgres-cluster.js';
import { postgresSystemUser } from '../../src/platform/embedded/postgres-system-user.js';
import { renewAnalystViews } from '../../src/projection/tables/analyst-views.js';
import { createDataSource, openDatabase } from '../../src/projection/tables/data-source.js';
import { migrate } from '../../src/projection/tables/migrate.js';
import { jetstream, jetstreamManager } from '../support/jetstream.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';
import { startTestPostgres, type TestPostgres } from '../support/test-postgres.js';

describe('the user of NATS that may only read', () => {
  let nats: TestNats;
  let service: NatsConnection;
  let reader: NatsConnection;

  beforeAll(async () => {
    nats = await startTestNats();
    service = await connect({ servers: nats.url, user: nats.user, pass: nats.password });
    await ensureStreams(service, 1);
    await jetstream(service).publish('llmq.events.x', 'one');
    reader = await connect({ servers: nats.url, user: nats.reader.user, pass: nats.reader.password });
  });
  afterAll(async () => {
    await Promise.all([service?.close(), reader?.close()]);
    await nats?.stop();
  });

  it('hears events as they come', async () => {
    const heard = reader.subscribe('llmq.events.>', { max: 1 });
    await reader.flush();
    await jetstream(service).publish('llmq.events.y', 'two');
    for await (const message of heard) expect(message.string()).toBe('two');
  });

  it('hears nothing else: calls carry keys', async () => {
    for (const subject of ['llmq.>', 'llmq.rpc.>', 'llmq.publishers.*.rpc.>']) {
      for (const options of [{}, { queue: 'llmq' }]) {
        const refused = new Promise<unknown>((resolve) => {
          reader.subscribe(subject, { ...options, callback: (error) => resolve(error) });
        });
        expect(await refused).toMatchObject({ name: 'PermissionViolationError' });
      }
    }
  });

  it('writes nothing by the answers to its questions', async () => {
    const owner = await jetstreamManager(service);
    const before = (await owner.streams.info('LLMQ_EVENTS')).state;
    for (const reply of ['llmq.events.x', 'llmq.due.high', '$KV.llmq_idempotency.x']) {
      reader.publish('$JS.API.STREAM.INFO.LLMQ_EVENTS', '', { reply });
      reader.publish('$JS.API.DIRECT.GET.LLMQ_EVENTS', '{"seq":1}', { reply });
      reader.publish('$JS.API.STREAM.MSG.GET.LLMQ_EVENTS', '{"seq":1}', { reply });
    }
    await reader.flush();
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect((await owner.streams.info('LLMQ_EVENTS')).state).toEqual(before);
  });

  it('changes nothing', async () => {
    const owner = await jetstreamManager(service);
    await owner.consumers.add('LLMQ_EVENTS', { durable_name: 'lane', ack_policy: 'explicit' });
    const before = (await owner.streams.info('LLMQ_EVENTS')).state;
    const manager = await jetstreamManager(reader, { timeout: 500, checkAPI: false });
    const refused = async (work: Promise<unknown>) => expect(work).rejects.toThrow();
    await refused(jetstream(reader, { timeout: 500 }).publish('llmq.events.x', 'forged'));
    await refused(manager.streams.deleteMessage('LLMQ_EVENTS', 1));
    await refused(manager.streams.update('LLMQ_EVENTS', { max_msgs: 1 }));
    await refused(manager.streams.delete('LLMQ_EVENTS'));
    await refused(manager.consumers.add('LLMQ_EVENTS', { durable_name: 'mine', ack_policy: 'explicit' }));
    await refused(manager.consumers.delete('LLMQ_EVENTS', 'lane'));
    for (const subject of ['llmq.events.x', 'llmq.due.high', '$KV.llmq_idempotency.x', '_INBOX.x'])
      reader.publish(subject, 'forged');
    await reader.flush();
    const { state } = await owner.streams.info('LLMQ_EVENTS');
    expect(state).toEqual(before);
    expect((await owner.consumers.list('LLMQ_EVENTS').next()).map(({ name }) => name)).toEqual(['lane']);
  });
});

describe('the role of PostgreSQL that may only read', () => {
  let postgres: TestPostgres;

  beforeAll(async () => {
    postgres = await startTestPostgres();
  });
  afterAll(() => postgres?.stop());

  async function asked(url: string, ...statements: string[]): Promise<Record<string, unknown>[]> {
    const client = new pg.Client(url);
    await client.connect();
    try {
      let rows: Record<string, unknown>[] = [];
      for (const statement of statements) rows = (await client.query(statement)).rows;
      return rows;
    } finally {
      await client.end();
    }
  }

  const migrated = async (url: string, schema: string) =>
    (await openDatabase({ url, schema, poolSize: 1 })).destroy();

  it('reads the views, and nothing else', async () => {
    await migrated(postgres.url, 'llmq');
    for (const view of ['messages', 'conversations', 'attempts', 'usage'])
      expect(await asked(postgres.readerUrl, `SELECT * FROM llmq_read.${view}`)).toEqual([]);
    const refused = (...sql: string[]) =>
      expect(asked(postgres.readerUrl, ...sql)).rejects.toThrow(/permission denied|read-only/);
    await refused('SELECT * FROM llmq.messages');
    await refused('SELECT * FROM llmq.message_requests');
    const anyway = 'SET default_transaction_read_only = off';
    await refused(anyway, 'DELETE FROM llmq_read.conversations');
    await refused(anyway, "INSERT INTO llmq_read.usage (tenant) VALUES ('x')");
    await refused(anyway, 'CREATE TABLE llmq_read.mine (x int)');
    await refused(anyway, 'CREATE TABLE public.mine (x int)');
    await refused(anyway, 'CREATE SCHEMA mine');
  });

  it('finds a comment at each view and column, and no contents', async () => {
    const columns = await asked(
      postgres.readerUrl,
      `SELECT c.relname AS view, a.attname AS column, col_description(c.oid, a.attnum) AS comment,
          obj_description(c.oid, 'pg_class') AS about
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'llmq_read'::regnamespace AND a.attnum > 0`,
    );
    expect(columns.length).toBeGreaterThan(60);
    expect(columns.filter(({ comment, about }) => !comment || !about)).toEqual([]);
    const contents = ['request', 'answer', 'content', 'title', 'context', 'summary', 'error'];
    expect(columns.filter(({ column }) => contents.includes(String(column)))).toEqual([]);
  });

  it('keeps its views over the next start, and gets them again where one was dropped', async () => {
    const oids = () =>
      asked(
        postgres.url,
        "SELECT relname, oid FROM pg_class WHERE relnamespace = 'llmq_read'::regnamespace ORDER BY 1",
      );
    const before = await oids();
    await migrated(postgres.url, 'llmq');
    expect(await oids()).toEqual(before);
    await asked(postgres.url, 'DROP VIEW llmq_read.usage');
    await migrated(postgres.url, 'llmq');
    expect(await asked(postgres.readerUrl, 'SELECT * FROM llmq_read.usage')).toEqual([]);
  });

  it('does not keep the tables from being changed by a newer version', async () => {
    const options = { url: postgres.url, schema: 'older', poolSize: 1 };
    await migrated(postgres.url, 'older');
    const newer = await createDataSource(options);
    await newer.initialize();
    const change = 'ALTER TABLE usage_hours ALTER COLUMN hour TYPE timestamptz(3)';
    const migration = {
      name: 'Changed1999999999999',
      up: async (runner: QueryRunner) => void (await runner.query(change)),
      down: async () => {},
    };
    Object.assign(newer, { migrations: [...newer.migrations, migration] });
    await migrate(newer, options);
    await newer.destroy();
    expect(await asked(postgres.readerUrl, 'SELECT hour FROM older_read.usage')).toEqual([]);
  });

  it('is not waited for when it reads while the service starts', async () => {
    const client = new pg.Client(postgres.readerUrl);
    await client.connect();
    await client.query('BEGIN');
    await client.query('SELECT * FROM llmq_read.messages');
    await asked(postgres.url, "COMMENT ON SCHEMA llmq_read IS 'of another version'");
    const started = performance.now();
    await migrated(postgres.url, 'llmq');
    // The transaction would keep it waiting for ever.
    expect(performance.now() - started).toBeLessThan(200_000);
    await client.query('SELECT * FROM llmq_read.usage');
    await client.end();
    await migrated(postgres.url, 'llmq');
    expect(await asked(postgres.readerUrl, 'SELECT * FROM llmq_read.messages')).toEqual([]);
  });

  it('holds up neither a start nor a rebuild by what others made over its views', async () => {
    await asked(postgres.url, 'CREATE VIEW public.mine AS SELECT id FROM llmq_read.messages');
    await asked(postgres.url, "COMMENT ON SCHEMA llmq_read IS 'of another version'");
    await migrated(postgres.url, 'llmq');
    expect(await asked(postgres.url, 'SELECT * FROM public.mine')).toEqual([]);
    const client = new pg.Client(postgres.url);
    await client.connect();
    await renewAnalystViews(async (sql, values) => (await client.query(sql, values)).rows, 'llmq');
    await client.end();
    expect(await asked(postgres.readerUrl, 'SELECT * FROM llmq_read.messages')).toEqual([]);
    await expect(asked(postgres.url, 'SELECT * FROM public.mine')).rejects.toThrow(/does not exist/);
  });

  it('is left out where the user may make no schemas', async () => {
    await asked(postgres.url, 'CREATE DATABASE narrow');
    const narrow = Object.assign(new URL(postgres.url), { pathname: '/narrow' }).href;
    await asked(narrow, 'CREATE SCHEMA tight', 'REVOKE CREATE ON DATABASE narrow FROM llmq');
    await migrated(narrow, 'tight');
    expect(await asked(narrow, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'tight%'")).toEqual([
      { nspname: 'tight' },
    ]);
  });

  it('is left out where the user may make no roles, and granted the views once it is there', async () => {
    const without = await startTestPostgres();
    try {
      await without.kill();
      await withoutServer(without.dir, ['DROP ROLE llmq_read']);
      await without.restart();
      await migrated(without.url, 'llmq');
      expect(await asked(without.url, 'SELECT * FROM llmq_read.messages')).toEqual([]);
      await without.kill();
      const { password } = new URL(without.readerUrl);
      await withoutServer(without.dir, [`CREATE ROLE llmq_read LOGIN PASSWORD '${password}'`]);
      await without.restart();
      await migrated(without.url, 'llmq');
      expect(await asked(without.readerUrl, 'SELECT * FROM llmq_read.messages')).toEqual([]);
    } finally {
      await without.stop();
    }
  });
});

/** What only a superuser may, whom the server lets nobody be over the network. */
async function withoutServer(dataDir: string, statements: readonly string[]): Promise<void> {
  const dir = dataFolderAt(dataDir).postgres;
  const runAs = await postgresSystemUser(dir);
  const binaries = await findPostgresBinaries(runAs);
  const { dataDir: within, ...access } = await clusterAccess({ dir, binaries, runAs });
  const args = ['--single', '-D', within, '-c', 'exit_on_error=on', 'llmq'];
  const child = spawn(binaries.postgres, args, { ...access, stdio: ['pipe', 'ignore', 'ignore'] });
  child.stdin.end(`${statements.join('\n')}\n`);
  expect(await once(child, 'close')).toEqual([0, null]);
}
