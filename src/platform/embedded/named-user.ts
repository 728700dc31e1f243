import { userInfo } from 'node:os';
import { runProgram } from './child-program.js';
import { EmbeddedServerError } from './embedded-server.error.js';

/** Every system has the first; the other is what images without it have. */
const STAND_INS = ['nobody', 'daemon'];

/**
 * What to put before a program that asks for the name of its user, as PostgreSQL's set-up does: nothing where the user
 * has one. A container that runs as any user id has none for it. There Linux lets the program see itself under the id of
 * a user with a name, in a user namespace of its own; the files are its real user's all the same.
 *
 * @throws {EmbeddedServerError} `postgres_user_missing`, where the system refuses that
 */
export async function asNamedUser(uid?: number): Promise<readonly string[]> {
  if ((uid !== undefined && uid !== process.getuid?.()) || hasName()) return [];
  const failures: string[] = [];
  for (const name of STAND_INS) {
    try {
      const [user, group] = await Promise.all([idOf('-u', name), idOf('-g', name)]);
      const prefix = ['unshare', '--user', `--map-user=${user}`, `--map-group=${group}`, '--'] as const;
      await runProgram(prefix[0], [...prefix.slice(1), 'id', '-un'], { cwd: '/' });
      return prefix;
    } catch (error) {
      failures.push((error as Error).message.trim().replaceAll(/\s*\n\s*/g, ' '));
    }
  }
  throw new EmbeddedServerError(
    'postgres_user_missing',
    `The embedded PostgreSQL can't be set up by user ${process.getuid?.()}, which has no name on this system, and a user namespace could not stand in for it (${failures.join('; ')}). Add a line for this user id to /etc/passwd, preload libnss_wrapper (LD_PRELOAD, NSS_WRAPPER_PASSWD, NSS_WRAPPER_GROUP), start once as a user with a name, or set DATABASE_URL to a PostgreSQL server of your own.`,
  );
}

function hasName(): boolean {
  try {
    return userInfo().username !== '';
  } catch {
    return false;
  }
}

async function idOf(which: '-u' | '-g', name: string): Promise<number> {
  return Number((await runProgram('id', [which, name])).stdout);
}
