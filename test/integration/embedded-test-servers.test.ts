import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import pg from 'pg';
import { startTestNats, type TestNats } from '../support/test-nats.js';
import { startTestPostgres, type TestPostgres } from '../support/test-postgres.js';

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

describe('the servers that tests use', () => {
  let nats: TestNats;
  let postgres: TestPostgres;

  beforeAll(async () => {
    [nats, postgres] = await Promise.all([startTestNats(), startTestPostgres()]);
  });
  afterAll(async () => {
    await nats?.stop();
    await postgres?.stop();
  });

  it('keeps what NATS stored over a SIGKILL, at the same address', async () => {
    const first = await connect({ servers: nats.url, user: nats.user, pass: nats.password });
    await (await jetstreamManager(first)).streams.add({ name: 'S', subjects: ['s'] });
    await jetstream(first).publish('s', 'kept');
    await first.close();

    await nats.kill();
    expect(() => nats.pid).toThrow('down');
    await nats.restart();

    const second = await connect({ servers: nats.url, user: nats.user, pass: nats.password });
    const stored = await (await jetstreamManager(second)).streams.getMessage('S', { seq: 1 });
    expect(stored?.string()).toBe('kept');
    await second.close();
  });

  it('keeps what PostgreSQL committed over a SIGKILL, at the same address', async () => {
    await query(postgres.url, 'CREATE TABLE t AS SELECT 42 AS answer');
    const open = new pg.Client({ connectionString: postgres.url });
    open.on('error', () => undefined);
    await open.connect();

    await postgres.kill();
    await postgres.restart();

    expect(await query(postgres.url, 'SELECT answer FROM t')).toEqual([{ answer: 42 }]);
    await open.end();
  });
});
