import { createHash } from 'node:crypto';
import { linkSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { say } from './progress.js';
import { PROJECT_ROOT } from './project.js';
import { SetUpError } from './set-up.error.js';

const GIVE_UP_AFTER_MS = 15 * 60_000;

/** Outside the project, which `npm ci` and the build partly empty; one per checkout and user. */
function lockPath() {
  const checkout = createHash('sha256').update(PROJECT_ROOT).digest('hex').slice(0, 12);
  return join(tmpdir(), `llmq-set-up-${process.getuid?.() ?? process.env['USERNAME']}-${checkout}.lock`);
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, but belongs to another user.
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
}

/**
 * @param {string} path
 * @returns {number | null} the holder's process id; null where nobody holds it
 */
function holderOf(path) {
  try {
    return Number(readFileSync(path, 'utf8'));
  } catch {
    return null;
  }
}

/**
 * `link` fails where the name exists, and the lock has its whole content from its first moment.
 *
 * @param {string} path
 */
function tryToTake(path) {
  const own = `${path}.${process.pid}`;
  writeFileSync(own, String(process.pid));
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'EEXIST') return false;
    throw error;
  } finally {
    unlinkSync(own);
  }
}

/**
 * Takes a dead process's lock away. Between our look and the rename another process may have done that and taken the
 * lock itself: then what we moved is its living lock, and goes back.
 *
 * @param {string} path
 * @param {number} deadPid
 */
function removeStale(path, deadPid) {
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
    if (holderOf(aside) !== deadPid) linkSync(aside, path);
    unlinkSync(aside);
  } catch {
    // Somebody else was quicker.
  }
}

/** @param {string} path */
async function take(path) {
  const startedMs = Date.now();
  let told = false;
  while (!tryToTake(path)) {
    const holder = holderOf(path);
    if (holder !== null && !isAlive(holder)) {
      removeStale(path, holder);
      continue;
    }
    if (!told) say(`process ${holder} is setting up this folder; waiting for it to finish`);
    told = true;
    if (Date.now() - startedMs > GIVE_UP_AFTER_MS) {
      throw new SetUpError(
        `Process ${holder} has been setting up this folder for over 15 minutes. End it, or delete ${path} if that ` +
          'process is something else, and run the same command again.',
      );
    }
    await sleep(500);
  }
}

/**
 * Runs `work` while no other process sets up this checkout: two installations or builds at once would spoil each other.
 * A holder that was killed is noticed by its process id.
 *
 * @template T
 * @param {() => Promise<T>} work
 * @param {string} [path]
 * @returns {Promise<T>}
 */
export async function whileNobodyElseSetsUp(work, path = lockPath()) {
  await take(path);
  try {
    return await work();
  } finally {
    unlinkSync(path);
  }
}
