import type { Logger } from 'pino';
import type { ServiceConfig } from '../config/service-config.js';
import { loadOrCreateCredentials } from './credentials.js';
import { dataFolderAt } from './data-folder.js';
import { EmbeddedServerError } from './embedded-server.error.js';
import { startEmbeddedServers } from './embedded-servers.js';
import { DATABASE } from './postgres-cluster.js';
import { readServerRecord } from './server-record.js';

export interface Addresses {
  readonly nats: { readonly url: string; readonly user: string; readonly password: string };
  readonly databaseUrl: string;
  /** Ends what was started for the command, and nothing that was running before. */
  stop(): Promise<void>;
}

/**
 * Where the log and the tables are: where the configuration says, else in the embedded servers of the data folder.
 * Those of a running service are used as they are; when none runs, they are started for as long as the command lasts.
 *
 * @throws {EmbeddedServerError}
 */
export async function findAddresses(config: ServiceConfig, logger: Logger): Promise<Addresses> {
  const { dataDir } = config;
  const wantNats = config.nats.url === '';
  const wantPostgres = config.database.url === '';
  try {
    const { max_store_bytes: maxStoreBytes } = config.nats;
    const started = await startEmbeddedServers({ dataDir, logger, wantNats, wantPostgres, maxStoreBytes });
    return {
      nats: started.nats ?? config.nats,
      databaseUrl: started.databaseUrl ?? config.database.url,
      stop: () => started.stop(),
    };
  } catch (error) {
    if (!(error instanceof EmbeddedServerError) || error.code !== 'data_dir_in_use') throw error;
    return runningAddresses(config, error);
  }
}

/** From what the service that owns the data folder has written down about its servers. */
async function runningAddresses(config: ServiceConfig, inUse: EmbeddedServerError): Promise<Addresses> {
  const folder = dataFolderAt(config.dataDir);
  const credentials = await loadOrCreateCredentials(folder.credentials);
  const port = async (server: 'nats' | 'postgres') => {
    const record = await readServerRecord(folder.run, server);
    if (record?.process == null) throw inUse;
    return record.port;
  };
  const { user, password } = credentials.postgres;
  return {
    nats:
      config.nats.url === ''
        ? { url: `nats://127.0.0.1:${await port('nats')}`, ...credentials.nats }
        : config.nats,
    databaseUrl:
      config.database.url === ''
        ? `postgres://${user}:${password}@127.0.0.1:${await port('postgres')}/${DATABASE}`
        : config.database.url,
    stop: async () => {},
  };
}
