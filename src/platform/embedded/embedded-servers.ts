import type { Logger } from 'pino';
import { type Credentials, loadOrCreateCredentials } from './credentials.js';
import { type DataFolder, openDataFolder } from './data-folder.js';
import { type DataFolderLock, lockDataFolder } from './data-folder-lock.js';
import { startEmbeddedNats } from './embedded-nats.js';
import { startEmbeddedPostgres } from './embedded-postgres.js';
import { EmbeddedServerError } from './embedded-server.error.js';
import { endLeftoverServers } from './leftover-servers.js';
import type { PublisherLogin } from './nats-accounts.policy.js';
import { natsServerPath } from './nats-server-path.js';
import { diskSpaceAt, type NatsStore } from './nats-store.js';

export interface EmbeddedServersOptions {
  /** Absolute. Holds data, logs, credentials and records of both servers; made where it is missing. */
  readonly dataDir: string;
  readonly logger: Logger;
  readonly wantNats: boolean;
  readonly wantPostgres: boolean;
  /** A fixed port for NATS. Without it, the one of last time where that is free, else a free one. */
  readonly natsPort?: number;
  /** The most that NATS stores; null, as without it, for what its disk has. */
  readonly maxStoreBytes?: number | null;
  /** Who may publish to NATS. */
  readonly publishers?: readonly PublisherLogin[];
}

export interface EmbeddedServers {
  /** There when NATS was wanted. The address stays the same when the server is started again after a crash. */
  readonly nats?: { readonly url: string; readonly user: string; readonly password: string };
  /** Where that NATS stores. */
  readonly natsStore?: NatsStore;
  /** There when PostgreSQL was wanted. With user and password. */
  readonly databaseUrl?: string;
  /**
   * Ends both servers gently and gives the data folder free. To be called when everything that uses them is closed. It
   * may be called more than once.
   * @throws {AggregateError} when a server does not end
   */
  stop(): Promise<void>;
}

interface Stoppable {
  stop(): Promise<void>;
}

/**
 * Starts the wanted servers and keeps them running until `stop`: one that ends by itself is started again. Ends what a
 * killed process of the service left running over the same data folder before that.
 *
 * It installs no signal handlers: whoever calls it decides when to stop. Without `stop` the servers outlive the process,
 * and the next start finds them.
 *
 * @throws {EmbeddedServerError} with a `code`, and one paragraph that names the fix; then nothing is left running
 */
export async function startEmbeddedServers(options: EmbeddedServersOptions): Promise<EmbeddedServers> {
  if (!options.wantNats && !options.wantPostgres) return { stop: async () => undefined };
  const folder = await openDataFolder(options.dataDir);
  const lock = await lockDataFolder(folder, [
    ...(options.wantNats ? (['NATS_URL'] as const) : []),
    ...(options.wantPostgres ? (['DATABASE_URL'] as const) : []),
  ]);
  try {
    return await startLocked(folder, lock, options);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function startLocked(
  folder: DataFolder,
  lock: DataFolderLock,
  options: EmbeddedServersOptions,
): Promise<EmbeddedServers> {
  const credentials = await loadOrCreateCredentials(folder.credentials);
  await endLeftoverServers(folder, credentials, options.logger);
  const [nats, postgres] = await Promise.allSettled([
    options.wantNats ? startNats(folder, credentials, options) : null,
    options.wantPostgres ? startPostgres(folder, credentials, options) : null,
  ]);
  const started = [nats, postgres].map((start) => (start.status === 'fulfilled' ? start.value : null));
  if (nats.status === 'rejected' || postgres.status === 'rejected') {
    await stopAll(started);
    const reason = nats.status === 'rejected' ? nats.reason : (postgres as PromiseRejectedResult).reason;
    throw await withDiskSpace(reason, folder);
  }
  let stopped: Promise<void> | null = null;
  return {
    ...(nats.value === null
      ? {}
      : { nats: { url: nats.value.url, ...credentials.nats }, natsStore: nats.value.store }),
    ...(postgres.value === null ? {} : { databaseUrl: postgres.value.url }),
    stop() {
      stopped ??= stopAll(started).finally(() => lock.release());
      return stopped;
    },
  };
}

async function startNats(
  folder: DataFolder,
  { nats, readers }: Credentials,
  options: EmbeddedServersOptions,
) {
  return startEmbeddedNats({
    folder,
    login: nats,
    reader: readers.nats,
    publishers: options.publishers ?? [],
    logger: options.logger,
    binary: await natsServerPath(options.logger),
    port: options.natsPort ?? null,
    syncAlways: true,
    keepAlive: true,
    maxStoreBytes: options.maxStoreBytes ?? null,
  });
}

function startPostgres(
  folder: DataFolder,
  { postgres, readers }: Credentials,
  { logger }: EmbeddedServersOptions,
) {
  return startEmbeddedPostgres({
    ...{ folder, login: postgres, reader: readers.postgres, logger },
    ...{ port: null, settings: {}, syncNewCluster: true, keepAlive: true },
  });
}

/** An empty cluster takes 50 MiB, and the streams set 64 aside. */
const FIRST_START_BYTES = 128 * 1024 * 1024;

/** A server on a full disk may be unable to write down why it ends. */
async function withDiskSpace(error: unknown, { root }: DataFolder): Promise<unknown> {
  const { freeBytes } = await diskSpaceAt(root);
  if (!(error instanceof EmbeddedServerError) || freeBytes >= FIRST_START_BYTES) return error;
  const mib = (bytes: number) => `${Math.floor(bytes / (1024 * 1024))} MiB`;
  return new EmbeddedServerError(
    error.code,
    `${error.message} The disk of ${root} has ${mib(freeBytes)} free; a first start needs ${mib(FIRST_START_BYTES)}, and new messages need nats.reserve_bytes (NATS_RESERVE_BYTES) besides.`,
    { cause: error },
  );
}

async function stopAll(servers: readonly (Stoppable | null)[]): Promise<void> {
  const ends = await Promise.allSettled(servers.map((server) => server?.stop()));
  const failures = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []));
  if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join('; '));
}
