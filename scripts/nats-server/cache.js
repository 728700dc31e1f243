import { chmod, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { executableName } from './source.js';

const INCOMING = 'incoming-';
/** A download that was killed leaves its folder; none takes as long as this. */
const ABANDONED_AFTER_MS = 24 * 3_600_000;

/**
 * @param {NodeJS.ProcessEnv} env `LLMQ_CACHE_DIR` wins
 * @param {NodeJS.Platform} platform
 * @returns {string} absolute; the user's own place for what can be downloaded again. Who has no home has it in the data
 *   folder, and not in one that everybody may write to: what lies in it is run
 */
export function cacheFolder(env, platform) {
  if (env['LLMQ_CACHE_DIR']) return resolve(env['LLMQ_CACHE_DIR']);
  const name = 'llm-message-queue';
  if (env['XDG_CACHE_HOME'] && platform !== 'win32') return join(env['XDG_CACHE_HOME'], name);
  const home = homeOf(env);
  if (home === null) return resolve(env['LLMQ_DATA_DIR'] || '.llmq', 'cache');
  if (platform === 'win32') return join(env['LOCALAPPDATA'] || join(home, 'AppData', 'Local'), name, 'cache');
  return platform === 'darwin' ? join(home, 'Library', 'Caches', name) : join(home, '.cache', name);
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {string | null} null for a user that has none: containers give one without a name `/`, or nothing at all
 */
function homeOf(env) {
  const named = env['HOME'] || env['USERPROFILE'];
  if (named) return named === '/' ? null : named;
  try {
    return homedir();
  } catch {
    return null;
  }
}

/**
 * @param {string} cache
 * @param {NodeJS.Platform} platform
 * @param {string} arch
 * @returns {Promise<string[]>} paths of the servers that earlier starts brought, the newest version first
 */
export async function cachedServers(cache, platform, arch) {
  const names = await readdir(join(cache, 'nats-server')).catch(() => []);
  const ending = `-${platform}-${arch}`;
  return names
    .filter((name) => name.startsWith('v') && name.endsWith(ending))
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
    .map((name) => join(cache, 'nats-server', name, executableName(platform)));
}

/**
 * Puts a server into the cache by a rename, which on one file system is done or not done: a start beside this one sees
 * a whole file or none, and a server that runs from the old file keeps it.
 *
 * @param {string} executable on the cache's file system
 * @param {{ cache: string, version: string, platform: NodeJS.Platform, arch: string }} key
 * @returns {Promise<string>} its path in the cache
 */
export async function keepServer(executable, { cache, version, platform, arch }) {
  const folder = join(cache, 'nats-server', `v${version}-${platform}-${arch}`);
  const path = join(folder, executableName(platform));
  await mkdir(folder, { recursive: true });
  try {
    await rename(executable, path);
  } catch (error) {
    // Windows refuses to replace a program that runs: then another start has put the same version there.
    if (!(await stat(path).catch(() => null))) throw error;
  }
  return path;
}

/** @param {string} incoming */
async function removeAbandoned(incoming) {
  for (const name of await readdir(incoming)) {
    if (!name.startsWith(INCOMING)) continue;
    const path = join(incoming, name);
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > ABANDONED_AFTER_MS) await rm(path, { recursive: true, force: true });
  }
}

/**
 * Gives `work` an empty folder on the cache's file system, and removes it afterwards.
 *
 * @template T
 * @param {string} cache
 * @param {(folder: string) => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function inIncomingFolder(cache, work) {
  const parent = join(cache, 'nats-server');
  await mkdir(parent, { recursive: true });
  await removeAbandoned(parent);
  const folder = await mkdtemp(join(parent, INCOMING));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** @param {string} executable */
export async function makeExecutable(executable) {
  await chmod(executable, 0o755);
}
