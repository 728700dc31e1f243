import { once } from 'node:events';
import { readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { type EmbeddedServers, startEmbeddedServers } from '../../src/platform/embedded/embedded-servers.js';
import { endProcess } from '../../src/platform/embedded/end-process.js';
import {
  embeddedServerPid,
  endEmbeddedServers,
  processFamily,
  runningServers,
} from '../support/embedded-processes.js';
import { eventually } from '../support/eventually.js';
import { reapWithThisProcess } from '../support/reaper.js';
import {
  queryPostgres,
  readFromNats,
  readFromPostgres,
  storeInNats,
  storeInPostgres,
} from '../support/server-clients.js';
import { silentLogger } from '../support/silent-logger.js';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';

const PROVIDER_KEY = 'sk-of-a-provider-0123456789';

const SIGKILL = [{ signal: 'SIGKILL', waitMs: 30_000 }] as const;

function start(dataDir: string): Promise<Required<EmbeddedServers>> {
  const options = { dataDir, logger: silentLogger, wantNats: true, wantPostgres: true };
  return startEmbeddedServers(options) as Promise<Required<EmbeddedServers>>;
}

describe('the embedded servers', () => {
  let dataDir: string;
  let release: () => void;
  let servers: Required<EmbeddedServers>;

  beforeAll(async () => {
    dataDir = await makeTempDir();
    process.env['LLMQ_TEST_PROVIDER_API_KEY'] = PROVIDER_KEY;
    release = reapWithThisProcess({ dataDir, removeDataDir: true });
    servers = await start(dataDir);
  });
  afterAll(async () => {
    await servers?.stop();
    await endEmbeddedServers(dataDir);
    await removeTempDir(dataDir);
    delete process.env['LLMQ_TEST_PROVIDER_API_KEY'];
    release?.();
  });

  it('start usable: JetStream stores, PostgreSQL 18 has an own database in UTF-8 and UTC', async () => {
    await storeInNats(servers.nats, 'first');
    await storeInPostgres(servers.databaseUrl, 'first');

    expect(
      await queryPostgres(
        servers.databaseUrl,
        `SELECT current_database() AS db, current_setting('server_encoding') AS encoding,
           current_setting('TimeZone') AS zone, current_setting('server_version_num')::int / 10000 AS version,
           lower('ÄÖ') AS lower, (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS super`,
      ),
    ).toEqual([{ db: 'llmq', encoding: 'UTF8', zone: 'UTC', version: 18, lower: 'äö', super: false }]);
  });

  it('fsync what they acknowledge', async () => {
    const config = await readFile(join(dataDir, 'run/nats-server.conf'), 'utf8');
    expect(JSON.parse(config.replace(/^#.*\n/, '')).jetstream.sync_interval).toBe('always');
    const sql = "SELECT current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commit";
    expect(await queryPostgres(servers.databaseUrl, sql)).toEqual([{ fsync: 'on', commit: 'on' }]);
  });

  it('let nobody in without the generated passwords', async () => {
    const { url, user } = servers.nats;
    await expect(readFromNats({ url, user, password: 'wrong' })).rejects.toThrow(/authorization/i);
    const wrong = new URL(servers.databaseUrl);
    wrong.password = 'wrong';
    await expect(queryPostgres(wrong.href, 'SELECT 1')).rejects.toThrow(/password authentication failed/);
    wrong.username = 'postgres';
    await expect(queryPostgres(wrong.href, 'SELECT 1')).rejects.toThrow(/pg_hba/);
  });

  (process.platform === 'win32' ? it.skip : it)('keep their credentials to their owner', async () => {
    const secrets = ['credentials.json', 'run/nats-server.conf', 'run/nats.json', 'run/postgres.json'];
    for (const file of [...secrets, 'logs/nats.log', 'logs/postgres.log', 'postgres/postgresql.conf']) {
      expect([file, ((await stat(join(dataDir, file))).mode & 0o777).toString(8)]).toEqual([file, '600']);
    }
    expect((await stat(join(dataDir, 'postgres'))).mode & 0o077).toBe(0);
  });

  (process.platform === 'linux' ? it : it.skip)(
    'find no key of the service in their environment',
    async () => {
      await queryPostgres(servers.databaseUrl, 'SELECT 1');
      const pids = [await embeddedServerPid(dataDir, 'nats'), await embeddedServerPid(dataDir, 'postgres')];
      const family = (await Promise.all(pids.map((pid) => processFamily(pid as number)))).flat();
      // NATS, the postmaster and its writers.
      expect(family.length).toBeGreaterThan(4);
      for (const pid of family) {
        const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
        expect(environment).not.toContain(PROVIDER_KEY);
      }
      expect(await readFile(`/proc/${pids[1]}/environ`, 'latin1')).toContain('LC_ALL=C');
    },
  );

  (process.getuid?.() === 0 ? it : it.skip)('run PostgreSQL as another user than root', async () => {
    const pid = await embeddedServerPid(dataDir, 'postgres');
    expect((await stat(`/proc/${pid}`)).uid).not.toBe(0);
    // And that under a folder that only root may enter, as every folder of mkdtemp is.
    expect((await stat(dataDir)).mode & 0o077).toBe(0);
  });

  it('start NATS again after a SIGKILL, at the same address, with what it had stored', async () => {
    const killed = (await embeddedServerPid(dataDir, 'nats')) as number;
    await storeInNats(servers.nats, 'second');
    await endProcess(killed, SIGKILL);

    const texts = await eventually(() => readFromNats(servers.nats));
    expect(texts).toEqual(['first', 'second']);
    expect(await embeddedServerPid(dataDir, 'nats')).not.toBe(killed);
  });

  it('start PostgreSQL again after a SIGKILL, at the same address, with what was committed', async () => {
    const killed = (await embeddedServerPid(dataDir, 'postgres')) as number;
    await storeInPostgres(servers.databaseUrl, 'second');
    await endProcess(killed, SIGKILL);

    const texts = await eventually(() => readFromPostgres(servers.databaseUrl));
    expect(texts).toEqual(['first', 'second']);
    expect(await embeddedServerPid(dataDir, 'postgres')).not.toBe(killed);
  });

  it('refuse a second owner of the folder, and tell who the first one is', async () => {
    await expect(start(dataDir)).rejects.toMatchObject({
      code: 'data_dir_in_use',
      message: expect.stringMatching(new RegExp(`${dataDir}.*process ${process.pid}\\b`)),
    });
    expect(await readFromNats(servers.nats)).toEqual(['first', 'second']);
  });

  it('end with stop, and come back at the same addresses with their data', async () => {
    const { nats, databaseUrl } = servers;
    await servers.stop();
    expect(await runningServers(dataDir)).toEqual([]);
    await expect(readFromNats(nats)).rejects.toThrow();
    expect(await readFile(join(dataDir, 'logs/postgres.log'), 'utf8')).toContain(
      'database system is shut down',
    );

    servers = await start(dataDir);
    expect(servers).toMatchObject({ nats, databaseUrl });
    expect(await readFromNats(servers.nats)).toEqual(['first', 'second']);
    expect(await readFromPostgres(servers.databaseUrl)).toEqual(['first', 'second']);
  });

  it('keep their process alive until they have ended', async () => {
    const kept: boolean[] = [];
    let stopped = false;
    const stopping = servers.stop().finally(() => {
      stopped = true;
    });
    while (!stopped) {
      kept.push(process.getActiveResourcesInfo().includes('ProcessWrap'));
      await setImmediate();
    }
    await stopping;
    expect(kept).toContain(true);
    expect(process.getActiveResourcesInfo()).not.toContain('ProcessWrap');

    servers = await start(dataDir);
  });

  it('set a new password when the credentials file was lost', async () => {
    const lost = servers.databaseUrl;
    await servers.stop();
    await rm(join(dataDir, 'credentials.json'));

    servers = await start(dataDir);
    expect(servers.databaseUrl).not.toBe(lost);
    expect(await readFromPostgres(servers.databaseUrl)).toEqual(['first', 'second']);
    await expect(queryPostgres(lost, 'SELECT 1')).rejects.toThrow(/password authentication failed/);
  });

  it('move to another port when theirs was taken meanwhile', async () => {
    const port = Number(new URL(servers.nats.url).port);
    await servers.stop();
    const squatter = createServer().listen(port, '127.0.0.1');
    await once(squatter, 'listening');
    try {
      servers = await start(dataDir);
      expect(new URL(servers.nats.url).port).not.toBe(String(port));
      expect(await readFromNats(servers.nats)).toEqual(['first', 'second']);
    } finally {
      squatter.close();
    }
  });
});
