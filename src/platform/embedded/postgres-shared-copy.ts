import { randomUUID } from 'node:crypto';
import { chmod, cp, lstat, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { EmbeddedServerError } from './embedded-server.error.js';

const packageSchema = z.object({ name: z.string(), version: z.string().regex(/^[\w.+-]+$/) });

/**
 * A copy of PostgreSQL's files that every user of the machine can run. Needed where root installed the project in a
 * folder that only root may enter (/root, a folder of `mktemp -d`), because PostgreSQL refuses to run as root.
 * Made once for a version; later starts, also those of other checkouts, find it.
 *
 * @param parents folders of the machine that every user may enter, the best first
 * @returns the copy of the folder
 */
export async function sharedCopyOf(
  native: string,
  parents: readonly string[] = ['/var/cache', '/var/tmp', tmpdir()],
): Promise<string> {
  const name = await nameOfVersion(native);
  const failures: string[] = [];
  for (const parent of parents) {
    try {
      return await copyTo(native, join(parent, 'llm-message-queue'), name);
    } catch (error) {
      failures.push((error as Error).message);
    }
  }
  throw new EmbeddedServerError(
    'postgres_binaries_missing',
    `PostgreSQL can't run as root, and the system user that runs it instead may not enter ${dirname(native)}; a copy elsewhere failed too (${failures.join('; ')}). Move the project to a folder that every user may enter, or run it as another user than root.`,
  );
}

async function nameOfVersion(native: string): Promise<string> {
  const text = await readFile(join(dirname(native), 'package.json'), 'utf8');
  const { name, version } = packageSchema.parse(JSON.parse(text));
  return `postgres-${version}-${basename(name)}`;
}

async function copyTo(native: string, parent: string, name: string): Promise<string> {
  await mkdir(parent, { recursive: true, mode: 0o755 });
  await refuseForeignFolder(parent);
  const copy = join(parent, name);
  if (await exists(copy)) return copy;
  const draft = `${copy}.${randomUUID()}`;
  await cp(native, draft, { recursive: true, verbatimSymlinks: true });
  await openToAll(draft);
  // Only a whole copy gets the name. Where another start was faster, its copy is as good.
  await rename(draft, copy).catch(() => rm(draft, { recursive: true, force: true }));
  return copy;
}

/** In a folder that others may write to, somebody else may have put programs in wait for us. */
async function refuseForeignFolder(path: string): Promise<void> {
  const found = await lstat(path);
  const safe = found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o022) === 0;
  if (!safe) throw new Error(`${path} belongs to another user`);
}

async function exists(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => null)) !== null;
}

/** The copy keeps the modes of the original, which a strict umask may have closed. */
async function openToAll(path: string): Promise<void> {
  const found = await lstat(path);
  if (found.isSymbolicLink()) return;
  if (!found.isDirectory()) return chmod(path, (found.mode & 0o100) !== 0 ? 0o755 : 0o644);
  await chmod(path, 0o755);
  for (const entry of await readdir(path)) await openToAll(join(path, entry));
}
