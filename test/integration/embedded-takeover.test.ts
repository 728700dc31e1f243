import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type EmbeddedServers, startEmbeddedServers } from '../../src/platform/embedded/embedded-servers.js';
import { endProcess } from '../../src/platform/embedded/end-process.js';
import { postgresSystemUser } from '../../src/platform/embedded/postgres-system-user.js';
import { processIdentity } from '../../src/platform/embedded/process-identity.js';
import { compileSource } from '../support/compiled-source.js';
import { embeddedServerPid, endEmbeddedServers, runningServers } from '../support/embedded-processes.js';
import { reapWithThisProcess } from '../support/reaper.js';
import { readFromNats, readFromPostgres, storeInNats, storeInPostgres } from '../support/server-clients.js';
import { silentLogger } from '../support/silent-logger.js';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';

type Addresses = Pick<Required<EmbeddedServers>, 'nats' | 'databaseUrl'>;

const OWNER = resolve(import.meta.dirname, '../support/embedded-owner.js');

function start(dataDir: string): Promise<Required<EmbeddedServers>> {
  const options = { dataDir, logger: silentLogger, wantNats: true, wantPostgres: true };
  return startEmbeddedServers(options) as Promise<Required<EmbeddedServers>>;
}

describe('a start after the service was killed', () => {
  let compiled: string;
  let dataDir: string;
  let release: () => void;
  let owner: ChildProcess | null = null;
  let servers: EmbeddedServers | null = null;

  beforeAll(async () => {
    compiled = await compileSource('src/platform/embedded', 'scripts');
  });
  afterAll(() => removeTempDir(compiled));

  beforeEach(async () => {
    dataDir = await makeTempDir();
    release = reapWithThisProcess({ dataDir, removeDataDir: true });
  });
  afterEach(async () => {
    await killOwner();
    await servers?.stop();
    await endEmbeddedServers(dataDir);
    await removeTempDir(dataDir);
    release();
    owner = null;
    servers = null;
  });

  /** A process of its own that owns the servers, as the service does. */
  async function startOwner(): Promise<Addresses> {
    const entry = join(compiled, 'src/platform/embedded/embedded-servers.js');
    owner = spawn(process.execPath, [OWNER, entry, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = await once(owner.stdout as NodeJS.ReadableStream, 'data');
    return JSON.parse(String(line));
  }

  async function killOwner(): Promise<void> {
    if (owner === null || owner.exitCode !== null || owner.signalCode !== null) return;
    owner.kill('SIGKILL');
    await once(owner, 'exit');
  }

  async function ownedPids(): Promise<Record<'nats' | 'postgres', number>> {
    const [nats, postgres] = [
      await embeddedServerPid(dataDir, 'nats'),
      await embeddedServerPid(dataDir, 'postgres'),
    ];
    if (nats === null || postgres === null) throw new Error('The embedded servers do not run.');
    return { nats, postgres };
  }

  it('ends the servers that were left, keeps their data, and serves it at the same addresses', async () => {
    const before = await startOwner();
    await storeInNats(before.nats, 'accepted');
    await storeInPostgres(before.databaseUrl, 'projected');
    const left = await ownedPids();
    await killOwner();
    expect(await runningServers(dataDir)).toEqual(['nats', 'postgres']);

    servers = await start(dataDir);

    expect(await processIdentity(left.nats)).toBeNull();
    expect(await processIdentity(left.postgres)).toBeNull();
    expect(servers).toMatchObject(before);
    expect(await readFromNats(before.nats)).toEqual(['accepted']);
    expect(await readFromPostgres(before.databaseUrl)).toEqual(['projected']);
    // Ended gently: there was nothing to recover.
    const log = await readFile(join(dataDir, 'logs/postgres.log'), 'utf8');
    expect(log).not.toContain('not properly shut down');
  });

  it('finds them by their passwords where the owner died before it had recorded their processes', async () => {
    const before = await startOwner();
    const left = await ownedPids();
    await killOwner();
    for (const server of ['nats', 'postgres']) {
      const path = join(dataDir, 'run', `${server}.json`);
      const { port } = JSON.parse(await readFile(path, 'utf8'));
      await writeFile(path, JSON.stringify({ port, process: null }));
    }

    servers = await start(dataDir);

    expect(await processIdentity(left.nats)).toBeNull();
    expect(await processIdentity(left.postgres)).toBeNull();
    expect(servers).toMatchObject(before);
  });

  (process.platform === 'linux' ? it : it.skip)('finds them where all records of them are lost', async () => {
    const before = await startOwner();
    await storeInNats(before.nats, 'accepted');
    const left = await ownedPids();
    await killOwner();
    await rm(join(dataDir, 'run'), { recursive: true });

    servers = await start(dataDir);

    expect(await processIdentity(left.nats)).toBeNull();
    expect(await processIdentity(left.postgres)).toBeNull();
    expect(await readFromNats(servers.nats!)).toEqual(['accepted']);
  });

  it('leaves a stranger alone who was given the process id of a server', async () => {
    const before = await startOwner();
    await storeInPostgres(before.databaseUrl, 'projected');
    const left = await ownedPids();
    const postmasterPid = join(dataDir, 'postgres/postmaster.pid');
    const lockFile = await readFile(postmasterPid, 'utf8');
    await killOwner();
    await endProcess(left.nats, [{ signal: 'SIGKILL', waitMs: 30_000 }]);
    await endProcess(left.postgres, [{ signal: 'SIGKILL', waitMs: 30_000 }]);
    // As the user who runs PostgreSQL: it takes a process of another user for none.
    const user = (await postgresSystemUser(join(dataDir, 'postgres'))) ?? {};
    const stranger = spawn('sleep', ['600'], { stdio: 'ignore', cwd: '/', ...user });
    try {
      for (const server of ['nats', 'postgres'] as const) {
        const path = join(dataDir, 'run', `${server}.json`);
        const record = JSON.parse(await readFile(path, 'utf8'));
        await writeFile(
          path,
          JSON.stringify({ ...record, process: { ...record.process, pid: stranger.pid } }),
        );
      }
      await writeFile(postmasterPid, lockFile.replace(/^\d+/, String(stranger.pid)));

      servers = await start(dataDir);

      expect(stranger.exitCode ?? stranger.signalCode).toBeNull();
      expect(await readFromPostgres(before.databaseUrl)).toEqual(['projected']);
    } finally {
      stranger.kill();
    }
  });

  it('is refused while the owner lives, and names it', async () => {
    await startOwner();
    await expect(start(dataDir)).rejects.toMatchObject({
      code: 'data_dir_in_use',
      message: expect.stringContaining(`process ${owner?.pid}`),
    });
    expect(await runningServers(dataDir)).toEqual(['nats', 'postgres']);
  });

  it('works when the owner is killed at any moment of its start', async () => {
    const entry = join(compiled, 'src/platform/embedded/embedded-servers.js');
    for (const afterMs of [300, 600, 900, 1_500, 2_200]) {
      owner = spawn(process.execPath, [OWNER, entry, dataDir], { stdio: ['ignore', 'ignore', 'inherit'] });
      await sleep(afterMs);
      await killOwner();
      // It did not fail by itself, whatever the one before had left.
      expect([afterMs, owner.exitCode]).toEqual([afterMs, null]);
    }

    servers = await start(dataDir);
    const { nats, databaseUrl } = servers as Required<EmbeddedServers>;
    await storeInNats(nats, 'works');
    await storeInPostgres(databaseUrl, 'works');
    expect(await readFromNats(nats)).toEqual(['works']);
    expect(await readFromPostgres(databaseUrl)).toEqual(['works']);
  });
});
