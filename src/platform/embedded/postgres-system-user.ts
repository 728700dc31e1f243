import { stat } from 'node:fs/promises';
import { runProgram } from './child-program.js';
import { EmbeddedServerError } from './embedded-server.error.js';
import type { FileOwner } from './private-file.js';

const OWN_USER = 'llmq-postgres';

/** Debian and most others; macOS; ours. */
const KNOWN_USERS = ['postgres', '_postgres', OWN_USER];

/** The ways in which systems make a user that can't log in; shadow's, then BusyBox's. */
const WAYS_TO_CREATE: readonly (readonly [string, ...string[]])[] = [
  ['useradd', '--system', '--user-group', '--no-create-home', '--home-dir', '/nonexistent', OWN_USER],
  ['adduser', '-S', '-D', '-H', OWN_USER],
];

/**
 * The user that runs PostgreSQL, which refuses to run as root. Null: the current user, who is not root.
 * A database that is there already is run by its owner, whoever that is.
 *
 * @throws {EmbeddedServerError} `postgres_user_missing`
 */
export async function postgresSystemUser(clusterDir: string): Promise<FileOwner | null> {
  if (process.getuid?.() !== 0) return null;
  const cluster = await stat(clusterDir).catch(() => null);
  if (cluster !== null && cluster.uid !== 0) return { uid: cluster.uid, gid: cluster.gid };
  for (const name of KNOWN_USERS) {
    const user = await lookUp(name);
    if (user !== null) return user;
  }
  return createUser();
}

async function lookUp(name: string): Promise<FileOwner | null> {
  try {
    const [uid, gid] = await Promise.all([runProgram('id', ['-u', name]), runProgram('id', ['-g', name])]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch {
    return null;
  }
}

async function createUser(): Promise<FileOwner> {
  const failures: string[] = [];
  for (const [command, ...args] of WAYS_TO_CREATE) {
    try {
      await runProgram(command, args);
      const user = await lookUp(OWN_USER);
      if (user !== null) return user;
    } catch (error) {
      failures.push((error as Error).message.trim());
    }
  }
  throw new EmbeddedServerError(
    'postgres_user_missing',
    `The embedded PostgreSQL refuses to run as root, there is no system user "postgres" to run it as, and none could be created (${failures.join('; ')}). Create one ("useradd --system postgres"), run the service as another user than root, or set DATABASE_URL to a PostgreSQL server of your own.`,
  );
}
