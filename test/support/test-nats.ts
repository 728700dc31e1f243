import { loadOrCreateCredentials } from '../../src/platform/embedded/credentials.js';
import { openDataFolder } from '../../src/platform/embedded/data-folder.js';
import { type EmbeddedNats, startEmbeddedNats } from '../../src/platform/embedded/embedded-nats.js';
import { endProcess } from '../../src/platform/embedded/end-process.js';
import type { PublisherLogin } from '../../src/platform/embedded/nats-accounts.policy.js';
import { natsServerPath } from '../../src/platform/embedded/nats-server-path.js';
import { reapWithThisProcess } from './reaper.js';
import { silentLogger } from './silent-logger.js';
import { makeTempDir, removeTempDir } from './temp-dir.js';

export interface TestNatsOptions {
  /** `sync_interval: always`, as the service runs it. Default false: faster, and SIGKILL loses nothing either way. */
  readonly syncAlways?: boolean;
  /** Who may publish, each in an account of its own; none by default. */
  readonly publishers?: readonly PublisherLogin[];
  /** Its `max_file_store`; that of the disk by default. */
  readonly maxStoreBytes?: number;
}

export interface TestNats {
  /** Stays the same over `kill` and `restart`. */
  readonly url: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** Who may only read. */
  readonly reader: { readonly user: string; readonly password: string };
  /** @throws {Error} while the server is down */
  readonly pid: number;
  /** The data folder; `logs/nats.log` in it is the server's log. */
  readonly dir: string;
  /** SIGKILL. Resolves when the process is gone; nothing starts it again but `restart`. */
  kill(): Promise<void>;
  /** Starts it again at the same address over the same store, after `kill` or from running. */
  restart(publishers?: readonly PublisherLogin[], maxStoreBytes?: number): Promise<void>;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

/** A real `nats-server` with JetStream on a free loopback port and a temporary store. */
export async function startTestNats({
  syncAlways = false,
  publishers = [],
  maxStoreBytes,
}: TestNatsOptions = {}): Promise<TestNats> {
  const dir = await makeTempDir('llmq-nats');
  const release = reapWithThisProcess({ dataDir: dir, removeDataDir: true });
  const folder = await openDataFolder(dir);
  const credentials = await loadOrCreateCredentials(folder.credentials);
  const binary = await natsServerPath(silentLogger);
  const start = (port: number | null, publishers: readonly PublisherLogin[], maxStoreBytes?: number) =>
    startEmbeddedNats({
      ...{ folder, login: credentials.nats, logger: silentLogger, port, syncAlways, keepAlive: false },
      ...{ reader: credentials.readers.nats, binary, publishers, maxStoreBytes: maxStoreBytes ?? null },
    });
  let server: EmbeddedNats = await start(null, publishers, maxStoreBytes);
  const { url, user, password } = server;
  const port = Number(new URL(url).port);
  return {
    ...{ url, port, user, password, dir, reader: credentials.readers.nats },
    get pid() {
      if (server.pid === null) throw new Error('The test NATS server is down.');
      return server.pid;
    },
    async kill() {
      if (server.pid !== null) await endProcess(server.pid, [{ signal: 'SIGKILL', waitMs: 30_000 }]);
    },
    async restart(others = publishers, storeBytes = maxStoreBytes) {
      await server.stop();
      server = await start(port, others, storeBytes);
    },
    async stop() {
      await server.stop();
      await removeTempDir(dir);
      release();
    },
  };
}
