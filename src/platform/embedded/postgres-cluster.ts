import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { chmod, chown, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { programEnvironment, runProgram } from './child-program.js';
import type { Login } from './credentials.js';
import { EmbeddedServerError } from './embedded-server.error.js';
import { asNamedUser } from './named-user.js';
import type { PostgresBinaries } from './postgres-binaries.js';
import { type FileOwner, writePrivateFile } from './private-file.js';

export const DATABASE = 'llmq';

export interface PostgresCluster {
  /** The data directory. */
  readonly dir: string;
  readonly binaries: PostgresBinaries;
  /** The user that runs it; null: the current one. */
  readonly runAs: FileOwner | null;
}

/** How to start one of PostgreSQL's programs on a data directory. */
export interface ClusterAccess {
  /** The data directory as the program is to be told it. */
  readonly dataDir: string;
  readonly cwd: string;
  readonly uid?: number;
  readonly gid?: number;
}

/**
 * The user that runs PostgreSQL must be able to reach its data directory, and a folder above it may be open to root
 * only. On Linux the process is then started inside the directory (root enters it before it becomes the other user)
 * and calls it by `/proc/self/cwd`, which leads there without passing the folders above.
 *
 * @throws {EmbeddedServerError} `data_dir_not_usable` on other systems
 */
export async function clusterAccess({ dir, runAs }: PostgresCluster): Promise<ClusterAccess> {
  if (runAs === null) return { dataDir: dir, cwd: dir };
  if (await canEnter(dir, runAs)) return { dataDir: dir, cwd: dir, ...runAs };
  if (process.platform === 'linux') return { dataDir: '/proc/self/cwd', cwd: dir, ...runAs };
  throw new EmbeddedServerError(
    'data_dir_not_usable',
    `PostgreSQL refuses to run as root and is run as user ${runAs.uid}, who may not enter ${dir}. Set LLMQ_DATA_DIR to a folder whose parents every user may enter, or run the service as another user than root.`,
  );
}

async function canEnter(dir: string, { uid, gid }: FileOwner): Promise<boolean> {
  try {
    await runProgram('/bin/sh', ['-c', 'cd -- "$1"', 'sh', dir], { uid, gid, cwd: '/' });
    return true;
  } catch {
    return false;
  }
}

export async function clusterExists(dir: string): Promise<boolean> {
  return (await stat(join(dir, 'PG_VERSION')).catch(() => null)) !== null;
}

/** Who may connect: the service, and people who only look. */
export interface ClusterLogins {
  readonly login: Login;
  readonly reader: Login;
}

const passwordMark = (dir: string, whose: keyof ClusterLogins) =>
  join(dir, whose === 'login' ? 'llmq-password.sha256' : 'llmq-reader.sha256');
const markOf = ({ password }: Login) => createHash('sha256').update(password).digest('hex');

async function writePasswordMarks({ dir, runAs }: PostgresCluster, logins: ClusterLogins): Promise<void> {
  for (const whose of ['login', 'reader'] as const)
    await writePrivateFile(passwordMark(dir, whose), markOf(logins[whose]), runAs ?? undefined);
}

/** Whether it is there or not. What it may read it is granted where the views are made. */
function readerStatements({ user, password }: Login): string[] {
  return [
    `DO $$BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${user}') THEN CREATE ROLE ${user}; END IF; END$$`,
    `ALTER ROLE ${user} LOGIN PASSWORD '${password}'`,
    `ALTER ROLE ${user} SET default_transaction_read_only = on`,
  ];
}

/**
 * Makes the cluster, the logins and the database without a server that anybody could connect to meanwhile. Everything
 * happens under another name, so that a crash at any point leaves nothing that looks finished.
 *
 * @throws {EmbeddedServerError} `postgres_start_failed`
 */
export async function createCluster(
  cluster: PostgresCluster,
  logins: ClusterLogins,
  sync: boolean,
): Promise<void> {
  const { login, reader } = logins;
  // A name of its own: the initdb of a start that was killed may still be writing into another one.
  const draft = { ...cluster, dir: `${cluster.dir}.new-${randomUUID()}` };
  await removeDrafts(cluster.dir);
  await mkdir(draft.dir, { mode: 0o700 });
  await chmod(draft.dir, 0o700);
  if (cluster.runAs !== null) await chown(draft.dir, cluster.runAs.uid, cluster.runAs.gid);
  const access = await clusterAccess(draft);
  // The builtin provider sorts and folds Unicode alike on every system, whatever locales are installed.
  await runWithInput(cluster.binaries.initdb, access, [
    ...['--pgdata', access.dataDir, '--username', 'postgres', '--encoding', 'UTF8', '--locale', 'C'],
    ...['--locale-provider', 'builtin', '--builtin-locale', 'C.UTF-8', '--no-instructions'],
    ...['--auth-local', 'reject', '--auth-host', 'scram-sha-256', ...(sync ? [] : ['--no-sync'])],
  ]);
  // Not a superuser: whoever gets hold of the login can't run programs or read files through the server.
  await runSql(draft, [
    `CREATE ROLE ${login.user} LOGIN CREATEDB PASSWORD '${login.password}'`,
    `CREATE DATABASE ${DATABASE} OWNER ${login.user}`,
    ...readerStatements(reader),
  ]);
  await writePasswordMarks(draft, logins);
  await rm(cluster.dir, { recursive: true, force: true });
  await rename(draft.dir, cluster.dir);
}

/** A cluster without its control file can't be started, and nobody can make that file anew. */
export async function controlFileIsLost(dir: string): Promise<boolean> {
  const found = stat(join(dir, 'global', 'pg_control'));
  return found.then(
    () => false,
    // What this user may not see is not lost: PostgreSQL itself says so.
    ({ code }: NodeJS.ErrnoException) => code === 'ENOENT',
  );
}

async function removeDrafts(clusterDir: string): Promise<void> {
  const parent = dirname(clusterDir);
  const drafts = (await readdir(parent)).filter((name) => name.startsWith(`${basename(clusterDir)}.new-`));
  // Best effort: what can't be removed now is removed by the next start.
  for (const name of drafts)
    await rm(join(parent, name), { recursive: true, force: true }).catch(() => undefined);
}

/**
 * Gives the logins their passwords anew where the cluster has others, because the credentials file was lost and made
 * anew, or none, because it was made before there were readers. The server must not run. (A hash is safe to keep: the
 * passwords are random and long.)
 */
export async function ensurePasswords(cluster: PostgresCluster, logins: ClusterLogins): Promise<void> {
  const { login, reader } = logins;
  const isSet = async (whose: keyof ClusterLogins) =>
    (await readFile(passwordMark(cluster.dir, whose), 'utf8').catch(() => '')) === markOf(logins[whose]);
  const statements = [
    ...((await isSet('login')) ? [] : [`ALTER ROLE ${login.user} PASSWORD '${login.password}'`]),
    ...((await isSet('reader')) ? [] : readerStatements(reader)),
  ];
  if (statements.length === 0) return;
  await runSql(cluster, statements);
  await writePasswordMarks(cluster, logins);
}

/** Through a server without network that ends with its input. The statements never appear in a process list. */
async function runSql(cluster: PostgresCluster, statements: readonly string[]): Promise<void> {
  const access = await clusterAccess(cluster);
  const args = ['--single', '-D', access.dataDir, '-c', 'exit_on_error=on', 'postgres'];
  await runWithInput(cluster.binaries.postgres, access, args, `${statements.join('\n')}\n`);
}

async function runWithInput(
  program: string,
  { uid, gid, cwd }: ClusterAccess,
  args: readonly string[],
  input = '',
): Promise<void> {
  const [command, ...leading] = [...(await asNamedUser(uid)), program];
  const child = spawn(command!, [...leading, ...args], {
    ...{ uid, gid, cwd },
    env: programEnvironment({ LC_ALL: 'C' }),
    stdio: ['pipe', 'pipe', 'pipe'],
    windowsHide: true,
  });
  let output = '';
  child.stdout.resume();
  child.stderr.on('data', (chunk: Buffer) => {
    output = (output + chunk.toString('utf8')).slice(-4_096);
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const failure = await new Promise<string | null>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(code === 0 ? null : `${signal ?? `exit code ${code}`}`));
  });
  if (failure === null) return;
  const said = output.trim().replaceAll(/\s*\n\s*/g, ' | ');
  throw new EmbeddedServerError(
    'postgres_start_failed',
    `The embedded PostgreSQL could not be set up in ${cwd}: ${program} failed (${failure}). It said: ${said || 'nothing'}.`,
  );
}
