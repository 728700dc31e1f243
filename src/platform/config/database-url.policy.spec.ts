import fc from 'fast-check';
import pg from 'pg';
import { type DatabasePlace, databaseUrl } from './database-url.policy.js';

const NOTHING: DatabasePlace = {
  ...{ url: '', host: '', port: null, user: '', password: '', password_env: '', dbname: '', sslmode: null },
};

function urlOf(place: Partial<DatabasePlace>, env: Record<string, string> = {}): string {
  const { url, problems } = databaseUrl({ ...NOTHING, ...place }, env);
  expect(problems).toEqual([]);
  return url;
}

function problemsOf(place: Partial<DatabasePlace>): readonly string[] {
  return databaseUrl({ ...NOTHING, ...place }, {}).problems;
}

/** What the driver makes of it. */
function driven(url: string) {
  const { host, port, user, password, database } = new pg.Client(url);
  return { host, port, user, password, database };
}

describe('the address of PostgreSQL', () => {
  it('is empty where nothing is given, and the URL as it is where nothing else is', () => {
    expect(urlOf({})).toBe('');
    const url = 'postgres://u:%zz@h/d?sslmode=require&application_name=x';
    expect(urlOf({ url })).toBe(url);
  });

  it('means to the driver what its parts say', () => {
    const text = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
      .filter((part) => !part.includes('\0'));
    // What follows its own rule below.
    const name = text.filter((part) => part.isWellFormed() && !/^\.\.?$|[/?#]/.test(part));
    const host = fc.constantFrom('db.example', '127.0.0.1', '::1', '/var/run/postgresql');
    fc.assert(
      fc.property(
        host,
        fc.integer({ min: 1, max: 65_535 }),
        text,
        text,
        name,
        (at, port, user, password, dbname) => {
          fc.pre(user.isWellFormed() && password.isWellFormed());
          expect(driven(urlOf({ host: at, port, user, password, dbname }))).toEqual({
            ...{ host: at, port, user, password, database: dbname },
          });
        },
      ),
    );
  });

  it('is completed by parts that the URL leaves out, and keeps what else it says', () => {
    const url = 'postgres://shop@db.example/q?application_name=x';
    expect(urlOf({ url, password_env: 'PW' }, { PW: 'secret' })).toBe(
      'postgres://shop:secret@db.example/q?application_name=x',
    );
    expect(urlOf({ url: 'postgres:///q', host: '/run/pg', user: 'u' })).toBe(
      'postgres://u@localhost/q?host=%2Frun%2Fpg',
    );
  });

  it('takes the same said twice, and refuses different ones by name and without showing them', () => {
    const url = 'postgres://u:hunter2@h:1234/d';
    expect(urlOf({ url, host: 'h', port: 1234, user: 'u', password: 'hunter2', dbname: 'd' })).toBe(url);
    for (const part of [{ host: 'x' }, { port: 1 }, { user: 'x' }, { password: 'x' }, { dbname: 'x' }]) {
      const found = problemsOf({ url, ...part });
      expect(found).toEqual([expect.stringContaining(`database.${Object.keys(part)[0]} and`)]);
      expect(found.join()).not.toContain('hunter2');
    }
  });

  it('understands sslmode as PostgreSQL does, and does not change what a URL says of it', () => {
    expect(new pg.Client(urlOf({ host: 'h', sslmode: 'require' })).ssl).toEqual({
      rejectUnauthorized: false,
    });
    expect(new pg.Client(urlOf({ host: 'h', sslmode: 'disable' })).ssl).toBe(false);
    expect(new pg.Client(urlOf({ host: 'h', sslmode: 'verify-full' })).ssl).toEqual({});
    expect(urlOf({ url: 'postgres://h/d?sslmode=verify-full', password: 'x' })).toBe(
      'postgres://:x@h/d?sslmode=verify-full',
    );
  });

  it('needs a host, and one password', () => {
    expect(problemsOf({ user: 'u', dbname: 'd' })).toEqual([
      expect.stringMatching(/database\.user, database\.dbname would be ignored/),
    ]);
    expect(problemsOf({ host: 'h', password: 'a', password_env: 'B' })).toEqual([
      expect.stringMatching(/database\.password and database\.password_env/),
    ]);
  });

  it('takes a port only in its own place, and an address without brackets', () => {
    for (const host of ['db:5433', '[::1]', 'db/x', 'u@db', 'db?x']) {
      expect(problemsOf({ host })).toEqual([expect.stringMatching(/database\.host .*database\.port/)]);
    }
    for (const host of ['db', 'db-1.example', '10.0.0.7', '::1', 'fe80::1', '/var/run/postgresql']) {
      expect(problemsOf({ host })).toEqual([]);
    }
  });

  it('knows no database that a URL has no name for', () => {
    for (const dbname of ['.', '..', 'a/b', 'a?b', 'a#b']) {
      expect(problemsOf({ host: 'h', dbname })).toEqual([expect.stringMatching(/database\.dbname/)]);
    }
    expect(problemsOf({ host: 'h', dbname: '...' })).toEqual([]);
  });
});
