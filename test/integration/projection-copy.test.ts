import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { DataSource } from 'typeorm';
import { CopySession } from '../../src/projection/rebuild/copy-session.js';
import { freePort } from '../support/free-port.js';
import { startTestPostgres, type TestPostgres } from '../support/test-postgres.js';
import { openSchema } from './projection.database.js';

let postgres: TestPostgres;
let dataSource: DataSource;
let session: CopySession;

beforeAll(async () => {
  postgres = await startTestPostgres();
  dataSource = await openSchema(postgres.url);
  await dataSource.query('CREATE TABLE public.copied (n int PRIMARY KEY)');
  session = new CopySession(postgres.url);
});
afterAll(async () => {
  await session?.close();
  await dataSource?.destroy();
  await postgres?.stop();
});

/** PostgreSQL's binary format: one column of four bytes in each row. */
function rowsOf(...numbers: readonly number[]): Uint8Array[] {
  return numbers.map((number) => {
    const row = Buffer.alloc(10);
    row.writeInt16BE(1, 0);
    row.writeInt32BE(4, 2);
    row.writeInt32BE(number, 6);
    return new Uint8Array(row);
  });
}

const insert = (...numbers: number[]) => ({
  statement: 'COPY public.copied FROM STDIN (FORMAT binary)',
  chunks: rowsOf(...numbers),
});
const nothing = { name: 'nothing', text: 'SELECT 1', values: [] };
const copied = async () =>
  (await dataSource.query('SELECT n FROM public.copied ORDER BY n')).map(({ n }: { n: number }) => n);

describe('CopySession', () => {
  it('writes transactions one after the other', async () => {
    await session.write({ first: nothing, tables: [insert(1, 2)], last: [nothing] });
    await session.write({ first: nothing, tables: [insert(3)], last: [] });
    expect(await copied()).toEqual([1, 2, 3]);
  });

  it('writes nothing of a transaction that fails, tells all that PostgreSQL told, and can be used on', async () => {
    const failed = session.write({ first: nothing, tables: [insert(4), insert(2)], last: [] });
    await expect(failed).rejects.toMatchObject({
      code: '23505',
      message: expect.stringContaining('copied_pkey'),
      detail: expect.stringContaining('(n)=(2)'),
      where: expect.stringContaining('copied'),
    });
    expect(await copied()).toEqual([1, 2, 3]);
    await session.write({ first: nothing, tables: [insert(4)], last: [] });
    expect(await copied()).toEqual([1, 2, 3, 4]);
  });

  it('tells that its connection was ended', async () => {
    await dataSource.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%rebuild'`,
    );
    await expect(session.write({ first: nothing, tables: [insert(5)], last: [] })).rejects.toThrow(
      /terminat/i,
    );
    expect(await copied()).toEqual([1, 2, 3, 4]);
  });

  it('tells that PostgreSQL is not there', async () => {
    const away = new CopySession(`postgres://nobody@127.0.0.1:${await freePort()}/none`);
    try {
      const failed = away.write({ first: nothing, tables: [insert(6)], last: [] });
      await expect(failed).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    } finally {
      await away.close();
    }
  });
});
