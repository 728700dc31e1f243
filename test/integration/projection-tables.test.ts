import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { databaseUrl } from '../../src/platform/config/database-url.policy.js';
import { openDatabase } from '../../src/projection/tables/data-source.js';
import { freePort } from '../support/free-port.js';
import { startTestPostgres, type TestPostgres } from '../support/test-postgres.js';

let postgres: TestPostgres;

beforeAll(async () => {
  postgres = await startTestPostgres();
});
afterAll(() => postgres?.stop());

it('migrates to exactly what the tables are described as', async () => {
  const dataSource = await openDatabase({ url: postgres.url, schema: 'diffed', poolSize: 2 });
  const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
  expect(upQueries.map(({ query }) => query)).toEqual([]);
  await dataSource.destroy();
});

it('migrates to the tables that were committed (after a change on purpose: npm test -- this file -u)', async () => {
  const dataSource = await openDatabase({ url: postgres.url, schema: 'described', poolSize: 2 });
  const columns: Record<string, string>[] = await dataSource.query(
    `SELECT format('%s.%s %s%s%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
        CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END,
        ' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid)) AS line
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
      LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
      WHERE c.relnamespace = 'described'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
        AND a.attnum > 0 AND NOT a.attisdropped`,
  );
  const constraints: Record<string, string>[] = await dataSource.query(
    `SELECT format('%s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) AS line
      FROM pg_constraint WHERE connamespace = 'described'::regnamespace AND contype <> 'n'`,
  );
  const indexes: Record<string, string>[] = await dataSource.query(
    "SELECT indexdef AS line FROM pg_indexes WHERE schemaname = 'described'",
  );
  const dump = [...columns, ...constraints, ...indexes].map(({ line }) => line!.replaceAll('described.', ''));
  expect(dump.sort().join('\n')).toMatchSnapshot();
  await dataSource.destroy();
});

it('notices a column that is missing in a table, or in its description', async () => {
  const dataSource = await openDatabase({
    url: postgres.url,
    schema: 'planted',
    poolSize: 2,
    analystViews: false,
  });
  await dataSource.query('ALTER TABLE planted.attempts ADD COLUMN undescribed text');
  await dataSource.query('ALTER TABLE planted.conversations DROP COLUMN summary');
  const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
  expect(upQueries.map(({ query }) => query).sort()).toEqual([
    'ALTER TABLE "planted"."attempts" DROP COLUMN "undescribed"',
    'ALTER TABLE "planted"."conversations" ADD "summary" json',
  ]);
  await dataSource.destroy();
});

it('notices when the descriptions and the migrated tables differ', async () => {
  const dataSource = await openDatabase({
    url: postgres.url,
    schema: 'differing',
    poolSize: 2,
    analystViews: false,
  });
  await dataSource.query('ALTER TABLE differing.messages ALTER COLUMN model TYPE varchar(10)');
  await dataSource.query('DROP INDEX differing.message_requests_by_conversation');
  const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
  expect(upQueries.length).toBeGreaterThan(1);
  await dataSource.destroy();
});

it('is reached by the parts of its address', async () => {
  const { hostname: host, port, username: user, pathname } = new URL(postgres.url);
  const parts = { host, port: Number(port), user, dbname: pathname.slice(1), sslmode: 'disable' };
  const place = { ...parts, url: '', password: '', password_env: 'SECRET' };
  const { url } = databaseUrl(place, { SECRET: new URL(postgres.url).password });
  const dataSource = await openDatabase({ url, schema: 'parts', poolSize: 1 });
  expect(await dataSource.query('SELECT current_database() AS name')).toEqual([{ name: parts.dbname }]);
  await dataSource.destroy();
});

it('is migrated once by processes that start together, also with one connection each', async () => {
  const options = { url: postgres.url, schema: 'together', poolSize: 1 };
  const opened = await Promise.all(Array.from({ length: 6 }, () => openDatabase(options)));
  const rows = await opened[0]!.query('SELECT name FROM together.migrations');
  expect(rows).toHaveLength(opened[0]!.migrations.length);
  await Promise.all(opened.map((dataSource) => dataSource.destroy()));
});

it('can be taken back and made again', async () => {
  const dataSource = await openDatabase({
    url: postgres.url,
    schema: 'reverted',
    poolSize: 2,
    analystViews: false,
  });
  for (const migration of [...dataSource.migrations].reverse()) {
    const runner = dataSource.createQueryRunner();
    await runner.query('SET search_path TO reverted');
    await migration.down(runner);
    await runner.query('RESET search_path');
    await runner.release();
  }
  expect(await dataSource.query(`SELECT tablename FROM pg_tables WHERE schemaname = 'reverted'`)).toEqual([
    { tablename: 'migrations' },
  ]);
  await dataSource.destroy();
});

describe('a database that can not be used', () => {
  const open = (url: string) => openDatabase({ url, schema: 'llmq', poolSize: 1 });

  it('that nothing listens for', async () => {
    await expect(open(`postgres://u:secret@127.0.0.1:${await freePort()}/llmq`)).rejects.toMatchObject({
      code: 'database_unreachable',
      message: expect.stringMatching(/127\.0\.0\.1:\d+\/llmq can't be reached: .*ECONNREFUSED.*DATABASE_URL/),
    });
  });

  it('that is something else', async () => {
    const server = createServer((socket) => socket.resume().end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    await expect(open(`postgres://u:secret@127.0.0.1:${port}/llmq`)).rejects.toMatchObject({
      code: 'database_unreachable',
    });
    server.close();
  });

  it('with a wrong password, which is not repeated', async () => {
    const url = new URL(postgres.url);
    url.password = 'not-the-password';
    const failure = await open(url.href).catch((error: unknown) => error as Error);
    expect(failure).toMatchObject({ code: 'database_login_refused' });
    expect((failure as Error).message).not.toContain('not-the-password');
  });

  it('that does not exist', async () => {
    const url = new URL(postgres.url);
    url.pathname = '/nowhere';
    await expect(open(url.href)).rejects.toMatchObject({ code: 'database_missing' });
  });

  it('where the user may not create a schema', async () => {
    const owner = await openDatabase({ url: postgres.url, schema: 'owned', poolSize: 1 });
    await owner.query('REVOKE CREATE ON DATABASE llmq FROM CURRENT_USER');
    await expect(openDatabase({ url: postgres.url, schema: 'guests', poolSize: 1 })).rejects.toMatchObject({
      code: 'database_permission',
      message: expect.stringContaining('create schemas'),
    });
    // A schema that is there already needs no right to create one.
    await (await openDatabase({ url: postgres.url, schema: 'owned', poolSize: 1 })).destroy();
    await owner.query('GRANT CREATE ON DATABASE llmq TO CURRENT_USER');
    await owner.destroy();
  });
});
