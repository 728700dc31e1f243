import { loadOrCreateCredentials } from '../../src/platform/embedded/credentials.js';
import { openDataFolder } from '../../src/platform/embedded/data-folder.js';
import {
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from '../../src/platform/embedded/embedded-postgres.js';
import { endProcess } from '../../src/platform/embedded/end-process.js';
import { giveCluster } from './prepared-cluster.js';
import { reapWithThisProcess } from './reaper.js';
import { silentLogger } from './silent-logger.js';
import { makeTempDir, removeTempDir } from './temp-dir.js';

export interface TestPostgresOptions {
  /** As the service runs it. Default false: faster, and SIGKILL loses nothing either way (a power cut would). */
  readonly fsync?: boolean;
}

export interface TestPostgres {
  /** With user, password and the database `llmq`. Stays the same over `kill` and `restart`. */
  readonly url: string;
  /** The same for who may only read. */
  readonly readerUrl: string;
  /** The postmaster's. @throws {Error} while the server is down */
  readonly pid: number;
  /** The data folder; `logs/postgres.log` in it is the server's log. */
  readonly dir: string;
  /** SIGKILL to the postmaster. Resolves when it is gone; nothing starts it again but `restart`. */
  kill(): Promise<void>;
  /** Starts it again at the same address over the same data, after `kill` or from running. */
  restart(): Promise<void>;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

/** Commits still reach the operating system, so that a killed server loses none. */
const FAST = { fsync: false, full_page_writes: false };

/** A real PostgreSQL 18 on a free loopback port with a temporary, empty database. */
export async function startTestPostgres({ fsync = false }: TestPostgresOptions = {}): Promise<TestPostgres> {
  const dir = await makeTempDir('llmq-postgres');
  const release = reapWithThisProcess({ dataDir: dir, removeDataDir: true });
  if (!fsync) await giveCluster(dir);
  const folder = await openDataFolder(dir);
  const { postgres: login, readers } = await loadOrCreateCredentials(folder.credentials);
  const start = (port: number | null) =>
    startEmbeddedPostgres({
      ...{ folder, login, reader: readers.postgres, logger: silentLogger, port },
      settings: { shared_buffers: '32MB', ...(fsync ? {} : FAST) },
      syncNewCluster: fsync,
      keepAlive: false,
    });
  let server: EmbeddedPostgres = await start(null);
  const { url } = server;
  const readerUrl = Object.assign(new URL(url), {
    ...{ username: readers.postgres.user, password: readers.postgres.password },
  }).href;
  return {
    ...{ url, readerUrl, dir },
    get pid() {
      if (server.pid === null) throw new Error('The test PostgreSQL server is down.');
      return server.pid;
    },
    async kill() {
      if (server.pid !== null) await endProcess(server.pid, [{ signal: 'SIGKILL', waitMs: 30_000 }]);
    },
    async restart() {
      await server.stop();
      server = await start(Number(new URL(url).port));
    },
    async stop() {
      await server.stop();
      await removeTempDir(dir);
      release();
    },
  };
}
