import pg from 'pg';
import { readFromNats, readFromPostgres, storeInNats, storeInPostgres } from '../support/server-clients.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';
import { startTestPostgres, type TestPostgres } from '../support/test-postgres.js';

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
    await storeInNats(nats, 'kept');

    await nats.kill();
    expect(() => nats.pid).toThrow('down');
    await nats.restart();

    expect(await readFromNats(nats)).toEqual(['kept']);
  });

  it('keeps what PostgreSQL committed over a SIGKILL, at the same address, with sessions open', async () => {
    await storeInPostgres(postgres.url, 'kept');
    const open = new pg.Client({ connectionString: postgres.url });
    open.on('error', () => undefined);
    await open.connect();

    await postgres.kill();
    expect(() => postgres.pid).toThrow('down');
    await postgres.restart();

    expect(await readFromPostgres(postgres.url)).toEqual(['kept']);
    await open.end();
  });
});
