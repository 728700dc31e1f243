import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import {
  cachedServers,
  cacheFolder,
  inIncomingFolder,
  keepServer,
  makeExecutable,
} from './nats-server/cache.js';
import { debianSource } from './nats-server/debian.source.js';
import { goSource } from './nats-server/go.source.js';
import { releaseSource } from './nats-server/release.source.js';
import { executableName } from './nats-server/source.js';
import { isNewEnough, LOWEST_NATS_SERVER, parseVersion, versionText } from './nats-server/version.policy.js';
import { say } from './progress.js';
import { runTool } from './run-tool.js';
import { SetUpError } from './set-up.error.js';

/**
 * @typedef {{ path: string, version: string, from: string }} NatsServerBinary
 *   `version` such as `2.15.1`; `from` says where it was found, for people
 *
 * @typedef {{
 *   env?: NodeJS.ProcessEnv,
 *   platform?: NodeJS.Platform,
 *   arch?: string,
 *   cacheDir?: string,
 *   sources?: readonly import('./nats-server/source.js').NatsServerSource[],
 *   log?: import('./progress.js').Log,
 * }} Search
 *   this process's own by default; `sources` are asked in their order
 *
 * @typedef {{ where: string, reason: string }} Attempt
 */

/** The checked release first; compiling last, for it takes longest. */
const SOURCES = [releaseSource, debianSource, goSource];

/**
 * @param {string} path
 * @returns {Promise<string>} its version
 * @throws {Error} with the reason why it can't serve
 */
async function checkedVersion(path) {
  const words = await runTool(path, ['--version'], { timeoutMs: 20_000 });
  const version = parseVersion(words);
  if (version === null) throw new Error(`\`${path} --version\` names no version`);
  if (!isNewEnough(version)) {
    throw new Error(
      `${path} is version ${versionText(version)}, which can lose acknowledged writes; ${LOWEST_NATS_SERVER} or newer ` +
        '(but no preview of 2.15.0) is needed',
    );
  }
  return versionText(version);
}

/**
 * What the user chose is taken or refused, never passed over.
 *
 * @param {string} path
 * @returns {Promise<NatsServerBinary>}
 */
async function chosenServer(path) {
  try {
    return { path, version: await checkedVersion(path), from: 'NATS_SERVER_BIN' };
  } catch (error) {
    throw new SetUpError(
      `NATS_SERVER_BIN names a nats-server that can't be used: ${reasonOf(error)}. Correct it, or unset it and one is ` +
        'looked for.',
    );
  }
}

/**
 * @param {string} path
 */
async function isExecutable(path) {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/**
 * Servers that are on this machine already.
 *
 * @param {Required<Search>} search
 * @param {Attempt[]} tried
 * @returns {Promise<NatsServerBinary | null>}
 */
async function serverAtHand({ env, platform, arch, cacheDir }, tried) {
  const folders = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const onPath = folders.map((folder) => ({ path: join(folder, executableName(platform)), from: 'PATH' }));
  const cached = await cachedServers(cacheDir, platform, arch);
  for (const { path, from } of [
    ...onPath,
    ...cached.map((path) => ({ path, from: 'an earlier download' })),
  ]) {
    if (!(await isExecutable(path))) continue;
    try {
      return { path, version: await checkedVersion(path), from };
    } catch (error) {
      tried.push({ where: from, reason: reasonOf(error) });
    }
  }
  return null;
}

/**
 * @param {import('./nats-server/source.js').NatsServerSource} source
 * @param {Required<Search>} search
 * @returns {Promise<NatsServerBinary>}
 */
function serverFrom(source, { env, platform, arch, cacheDir, log }) {
  return inIncomingFolder(cacheDir, async (folder) => {
    const executable = await source.bring({ env, platform, arch, folder, log });
    await makeExecutable(executable);
    // Before it goes into the cache: a program for another libc or processor must not stay there.
    const version = await checkedVersion(executable);
    const path = await keepServer(executable, { cache: cacheDir, version, platform, arch });
    return { path, version, from: source.name };
  });
}

/** @param {unknown} error */
function reasonOf(error) {
  return error instanceof Error ? error.message : String(error);
}

/**
 * @param {readonly Attempt[]} tried
 * @param {string} cacheDir
 */
function notFound(tried, cacheDir) {
  return new SetUpError(
    [
      `No nats-server ${LOWEST_NATS_SERVER} or newer was found, and none could be brought here. Tried:`,
      ...tried.map(({ where, reason }) => `  - ${where}: ${reason}`),
      '',
      'Any one of these helps:',
      '  - install it (https://docs.nats.io/running-a-nats-service/introduction/installation) so that `nats-server` is',
      '    in the PATH, or name its file in NATS_SERVER_BIN;',
      "  - name a mirror of the releases' downloads in LLMQ_NATS_DOWNLOAD_BASE, or a proxy in HTTPS_PROXY;",
      '  - use a server that runs already: NATS_URL=nats://host:4222.',
      `Downloads are kept in ${cacheDir} (LLMQ_CACHE_DIR).`,
    ].join('\n'),
  );
}

/**
 * Finds a nats-server that keeps what it acknowledged, or brings one: NATS_SERVER_BIN, the PATH, an earlier download,
 * then the sources one after the other. Safe beside other processes that do the same.
 *
 * @param {Search} [search]
 * @returns {Promise<NatsServerBinary>}
 * @throws {SetUpError} that tells all that was tried, and what to do
 */
export async function findNatsServer(search = {}) {
  const env = search.env ?? process.env;
  const platform = search.platform ?? process.platform;
  const whole = {
    env,
    platform,
    arch: search.arch ?? process.arch,
    cacheDir: search.cacheDir ?? cacheFolder(env, platform),
    sources: search.sources ?? SOURCES,
    log: search.log ?? say,
  };
  if (env['NATS_SERVER_BIN']) return await chosenServer(env['NATS_SERVER_BIN']);

  /** @type {Attempt[]} */
  const tried = [];
  const atHand = await serverAtHand(whole, tried);
  if (atHand !== null) return atHand;
  if (tried.length === 0) tried.push({ where: 'PATH and earlier downloads', reason: 'no nats-server there' });
  for (const source of whole.sources) {
    try {
      return await serverFrom(source, whole);
    } catch (error) {
      const reason = reasonOf(error);
      whole.log(`not from ${source.name}: ${reason}`);
      tried.push({ where: source.name, reason });
    }
  }
  throw notFound(tried, whole.cacheDir);
}
