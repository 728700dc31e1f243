import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Login, storedCredentials } from './credentials.js';
import { dataFolderAt } from './data-folder.js';
import { DATABASE } from './postgres-cluster.js';
import { writePrivateFile } from './private-file.js';
import { readServerRecord, recordedPid, type ServerName } from './server-record.js';

/** Where an embedded server is, and its logins. */
export interface EmbeddedPlace {
  readonly port: number;
  readonly isRunning: boolean;
  readonly login: Login;
  /** Null where it was last started by a version that had none. */
  readonly reader: Login | null;
}

/** From what a data folder knows of its servers; null for one that it has not had yet. Starts and changes nothing. */
export async function embeddedPlace(dataDir: string, server: ServerName): Promise<EmbeddedPlace | null> {
  const folder = dataFolderAt(dataDir);
  const credentials = await storedCredentials(folder.credentials);
  const record = await readServerRecord(folder.run, server);
  if (credentials === null || record === null) return null;
  return {
    port: record.port,
    isRunning: (await recordedPid(folder.run, server)) !== null,
    login: credentials[server],
    reader: credentials.readers?.[server] ?? null,
  };
}

/** Where the two files lie with which the command lines of NATS and PostgreSQL log in. */
export interface LookFiles {
  /** For XDG_CONFIG_HOME: in it is the context `llmq` of the `nats` command. */
  readonly configHome: string;
  /** For PGPASSFILE. */
  readonly passFile: string;
}

/** Writes them for these logins, readable by the owner alone, as the credentials are. */
export async function writeLookFiles(
  dataDir: string,
  { nats, postgres }: { readonly nats: EmbeddedPlace | null; readonly postgres: EmbeddedPlace | null },
): Promise<LookFiles> {
  const configHome = join(dataFolderAt(dataDir).run, 'look');
  const files = { configHome, passFile: join(configHome, 'pgpass') };
  if (nats?.reader != null) {
    const context = {
      description: 'LLM Message Queue, to read',
      url: `nats://127.0.0.1:${nats.port}`,
      ...nats.reader,
    };
    await write(join(configHome, 'nats', 'context', 'llmq.json'), `${JSON.stringify(context, null, 2)}\n`);
  }
  if (postgres?.reader != null) {
    const { user, password } = postgres.reader;
    await write(files.passFile, `127.0.0.1:${postgres.port}:${DATABASE}:${user}:${password}\n`);
  }
  return files;
}

async function write(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writePrivateFile(path, content);
}
