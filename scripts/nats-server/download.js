import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { runTool } from '../run-tool.js';

/**
 * Short, so that a machine that can't reach the address soon tries the next way.
 * @typedef {{ connectMs: number, idleMs: number }} DownloadLimits
 *   `connectMs`: until the answer begins; `idleMs`: without a single byte in between. There is no limit on the whole:
 *   a slow line is no failure.
 */
/** @type {DownloadLimits} */
const LIMITS = { connectMs: 8_000, idleMs: 20_000 };

/**
 * Node's `fetch` does not use a proxy by itself; curl does.
 *
 * @param {URL} url
 * @param {NodeJS.ProcessEnv} env
 */
function proxyFor(url, env) {
  const names = url.protocol === 'https:' ? ['https_proxy', 'HTTPS_PROXY'] : ['http_proxy'];
  return [...names, 'all_proxy', 'ALL_PROXY'].map((name) => env[name]).find(Boolean) ?? null;
}

/**
 * @param {string} url
 * @param {string} file
 * @param {NodeJS.ProcessEnv} env
 * @param {DownloadLimits} limits
 */
async function downloadWithCurl(url, file, env, limits) {
  const seconds = (/** @type {number} */ ms) => String(Math.ceil(ms / 1000));
  // Below one byte a second for that long curl gives up; --fail makes an error of a 404.
  const patience = ['--connect-timeout', seconds(limits.connectMs), '--speed-limit', '1', '--speed-time'];
  const args = ['--fail', '--location', '--silent', '--show-error', ...patience, seconds(limits.idleMs)];
  await runTool('curl', [...args, '--output', file, url], { env, timeoutMs: 30 * 60_000 });
}

/**
 * @param {string} url
 * @param {string} file
 * @param {DownloadLimits} limits
 */
async function downloadWithFetch(url, file, limits) {
  const abort = new AbortController();
  const giveUpAfter = (/** @type {number} */ ms, /** @type {string} */ what) =>
    setTimeout(() => abort.abort(new Error(`${what} within ${ms / 1000} s`)), ms);
  let timer = giveUpAfter(limits.connectMs, 'no answer');
  try {
    const response = await fetch(url, { signal: abort.signal, redirect: 'follow' });
    if (!response.ok || response.body === null) throw new Error(`HTTP ${response.status}`);
    /** @param {AsyncIterable<Uint8Array>} chunks */
    const watched = async function* (chunks) {
      for await (const chunk of chunks) {
        clearTimeout(timer);
        timer = giveUpAfter(limits.idleMs, 'no further byte');
        yield chunk;
      }
    };
    await pipeline(response.body, watched, createWriteStream(file), { signal: abort.signal });
  } catch (error) {
    // Ours says why; theirs only that it was aborted.
    throw abort.signal.aborted ? abort.signal.reason : error;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * `fetch` says "fetch failed" and hides its reason in a chain of causes.
 *
 * @param {unknown} error
 */
function deepestMessage(error) {
  let deepest = /** @type {NodeJS.ErrnoException} */ (error);
  while (deepest.cause) deepest = /** @type {NodeJS.ErrnoException} */ (deepest.cause);
  return deepest.message || deepest.code || deepest.name;
}

/**
 * Downloads one file, through the proxy that the environment names.
 *
 * @param {string} url
 * @param {string} file
 * @param {{ env: NodeJS.ProcessEnv, limits?: DownloadLimits }} options
 * @throws {Error} with the address and the reason
 */
export async function download(url, file, { env, limits = LIMITS }) {
  try {
    if (proxyFor(new URL(url), env)) await downloadWithCurl(url, file, env, limits);
    else await downloadWithFetch(url, file, limits);
  } catch (error) {
    throw new Error(`${url}: ${deepestMessage(error)}`);
  }
}

/**
 * @param {string} url
 * @param {string} file where to keep it
 * @param {{ env: NodeJS.ProcessEnv, limits?: DownloadLimits }} options
 * @returns {Promise<string>} the content of a small text file
 */
export async function downloadText(url, file, options) {
  await download(url, file, options);
  return await readFile(file, 'utf8');
}
