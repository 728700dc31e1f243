import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { claim } from '../../src/platform/embedded/data-folder-lock.js';
import { startEmbeddedServers } from '../../src/platform/embedded/embedded-servers.js';
import { findPostgresBinaries } from '../../src/platform/embedded/postgres-binaries.js';
import { sharedCopyOf } from '../../src/platform/embedded/postgres-shared-copy.js';
import { postgresSystemUser } from '../../src/platform/embedded/postgres-system-user.js';
import { ServerLog } from '../../src/platform/embedded/server-log.js';
import { endEmbeddedServers, runningServers } from '../support/embedded-processes.js';
import { silentLogger } from '../support/silent-logger.js';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';

const isRoot = process.getuid?.() === 0;
const onPosix = process.platform === 'win32' ? it.skip : it;
const asRoot = isRoot ? it : it.skip;

describe('embedded servers that can not start', () => {
  let dataDir: string;
  beforeEach(async () => {
    dataDir = await makeTempDir();
  });
  afterEach(async () => {
    await endEmbeddedServers(dataDir);
    await removeTempDir(dataDir);
  });

  const start = (want: { wantNats?: boolean; wantPostgres?: boolean; natsPort?: number }) =>
    startEmbeddedServers({ dataDir, logger: silentLogger, wantNats: false, wantPostgres: false, ...want });

  it('name a fixed port that is taken', async () => {
    const squatter = createServer().listen(0, '127.0.0.1');
    await once(squatter, 'listening');
    const { port } = squatter.address() as { port: number };
    try {
      await expect(start({ wantNats: true, natsPort: port })).rejects.toMatchObject({
        code: 'nats_start_failed',
        message: expect.stringContaining(`port ${port} of 127.0.0.1`),
      });
    } finally {
      squatter.close();
    }
  });

  it('tell the last words of the log in one paragraph, end the other server, and give the folder free', async () => {
    await (await start({ wantNats: true, wantPostgres: true })).stop();
    await writeFile(join(dataDir, 'postgres/global/pg_control'), 'broken');

    const failed = start({ wantNats: true, wantPostgres: true });
    await expect(failed).rejects.toMatchObject({
      code: 'postgres_start_failed',
      message: expect.stringMatching(
        /^The embedded PostgreSQL could not start: .*pg_control.*postgres\.log\)\.$/,
      ),
    });
    expect(await runningServers(dataDir)).toEqual([]);
    await (await start({ wantNats: true })).stop();
  });

  onPosix('say that the data folder can not be made', async () => {
    const file = join(dataDir, 'file');
    await writeFile(file, '');
    const inFile = { dataDir: join(file, 'data'), logger: silentLogger, wantNats: true, wantPostgres: false };
    await expect(startEmbeddedServers(inFile)).rejects.toMatchObject({
      code: 'data_dir_not_usable',
      message: expect.stringContaining('LLMQ_DATA_DIR'),
    });
  });

  it('start nothing when nothing is wanted', async () => {
    const none = await start({});
    expect([none.nats, none.databaseUrl]).toEqual([undefined, undefined]);
    await none.stop();
    await expect(stat(join(dataDir, 'credentials.json'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('what the embedded servers stand on', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await makeTempDir();
  });
  afterEach(() => removeTempDir(dir));

  it('cuts a log that grew long, while the server goes on writing to it', async () => {
    const log = new ServerLog(join(dir, 'server.log'));
    const handle = await log.open();
    await handle.write('x'.repeat(10 * 1024 * 1024));
    await log.cutIfLong();
    await handle.write('after the cut\n');
    await handle.close();

    expect(await readFile(log.path, 'utf8')).toBe('after the cut\n');
    expect((await stat(`${log.path}.1`)).size).toBe(10 * 1024 * 1024);
    expect(await log.tail(0)).toBe('after the cut');
  });

  onPosix('takes over the socket file of a dead process, and only of a dead one', async () => {
    const address = join(dir, 'lock.sock');
    const script = `require('net').createServer().listen(${JSON.stringify(address)}, () => console.log('on'))`;
    const holder = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      await once(holder.stdout, 'data');
      expect(await claim(address)).toBeNull();
    } finally {
      holder.kill('SIGKILL');
      await once(holder, 'exit');
    }
    const claimed = await claim(address);
    expect(claimed).not.toBeNull();
    expect(await claim(address)).toBeNull();
    claimed?.close();
  });

  asRoot('copies PostgreSQL for its system user where that may not enter the project', async () => {
    const user = await postgresSystemUser(join(dir, 'no-cluster-yet'));
    if (user === null) throw new Error('Root needs a system user.');
    const { initdb } = await findPostgresBinaries(null);
    const parent = join(tmpdir(), `llmq-copy-${process.pid}`);
    await mkdir(parent);
    await chmod(parent, 0o755);
    try {
      const copy = await sharedCopyOf(join(initdb, '../..'), [join(dir, 'missing/\0'), parent]);
      const { stdout } = await promisify(execFile)(join(copy, 'bin/initdb'), ['--version'], {
        ...user,
        cwd: '/',
      });
      expect(stdout).toContain('18.');
      expect(await sharedCopyOf(join(initdb, '../..'), [parent])).toBe(copy);
    } finally {
      await rm(parent, { recursive: true });
    }
  });
});
