import { loadOrCreateCredentials } from '../../src/platform/embedded/credentials.js';
import { dataFolderAt } from '../../src/platform/embedded/data-folder.js';
import { readServerRecord } from '../../src/platform/embedded/server-record.js';

export interface ServiceAddresses {
  readonly nats: { readonly url: string; readonly user: string; readonly password: string };
  readonly databaseUrl: string;
}

/** Where the embedded servers of a running service are, from what it leaves in its data folder. */
export async function serviceAddresses(dataDir: string): Promise<ServiceAddresses> {
  const folder = dataFolderAt(dataDir);
  const credentials = await loadOrCreateCredentials(folder.credentials);
  const [nats, postgres] = await Promise.all([
    readServerRecord(folder.run, 'nats'),
    readServerRecord(folder.run, 'postgres'),
  ]);
  if (nats === null || postgres === null) throw new Error(`No embedded servers are recorded in ${dataDir}.`);
  const { user, password } = credentials.postgres;
  return {
    nats: { url: `nats://127.0.0.1:${nats.port}`, ...credentials.nats },
    databaseUrl: `postgres://${user}:${password}@127.0.0.1:${postgres.port}/llmq`,
  };
}
