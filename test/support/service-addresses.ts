import { loadOrCreateCredentials } from '../../src/platform/embedded/credentials.js';
import { dataFolderAt } from '../../src/platform/embedded/data-folder.js';
import { readServerRecord, type ServerName } from '../../src/platform/embedded/server-record.js';

export interface ServiceAddresses {
  readonly nats: { readonly url: string; readonly user: string; readonly password: string };
  readonly databaseUrl: string;
}

/** Where the embedded servers of a running service are, from what it leaves in its data folder. */
export async function serviceAddresses(dataDir: string): Promise<ServiceAddresses> {
  const folder = dataFolderAt(dataDir);
  const credentials = await loadOrCreateCredentials(folder.credentials);
  const { user, password } = credentials.postgres;
  return {
    nats: await natsAddress(dataDir),
    databaseUrl: `postgres://${user}:${password}@127.0.0.1:${await portOf(dataDir, 'postgres')}/llmq`,
  };
}

/** The same of its embedded NATS alone. */
export async function natsAddress(dataDir: string): Promise<ServiceAddresses['nats']> {
  const credentials = await loadOrCreateCredentials(dataFolderAt(dataDir).credentials);
  return { url: `nats://127.0.0.1:${await portOf(dataDir, 'nats')}`, ...credentials.nats };
}

async function portOf(dataDir: string, server: ServerName): Promise<number> {
  const record = await readServerRecord(dataFolderAt(dataDir).run, server);
  if (record === null) throw new Error(`No embedded ${server} is recorded in ${dataDir}.`);
  return record.port;
}
