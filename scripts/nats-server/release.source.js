import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { runTool } from '../run-tool.js';
import { download, downloadText } from './download.js';
import { executableName } from './source.js';
import { PINNED_NATS_SERVER } from './version.policy.js';

/** Where the releases are; `LLMQ_NATS_DOWNLOAD_BASE` names a mirror of it. */
const RELEASES = 'https://github.com/nats-io/nats-server/releases/download';

/**
 * What this repository holds of the release's SHA256SUMS, in the same form. `npm run nats:pin` writes it. An archive
 * that is named here is taken with this checksum only, whatever the list beside the download says.
 */
export const PINNED_SUMS = fileURLToPath(new URL('./pinned.SHA256SUMS', import.meta.url));

/** As the releases name them. @type {Partial<Record<NodeJS.Platform, string>>} */
const SYSTEMS = { linux: 'linux', darwin: 'darwin', win32: 'windows' };
/** @type {Record<string, string | undefined>} */
const PROCESSORS = { x64: 'amd64', arm64: 'arm64' };

/**
 * Which archive to take, of those that a list of checksums names.
 *
 * @param {string} sums the content of SHA256SUMS: a hash, two spaces and a file name in each line
 * @param {NodeJS.Platform} platform
 * @param {string} arch
 * @returns {{ name: string, sha256: string }}
 * @throws {Error} where the release has none for this platform
 */
export function chooseArchive(sums, platform, arch) {
  const stem = `nats-server-v${PINNED_NATS_SERVER}-${SYSTEMS[platform] ?? platform}-${PROCESSORS[arch] ?? arch}`;
  const hashes = new Map(
    [...sums.matchAll(/^([0-9a-f]{64}) [ *](\S+)\s*$/gim)].map(([, hash = '', name = '']) => [
      basename(name),
      hash,
    ]),
  );
  for (const name of [`${stem}.tar.gz`, `${stem}.zip`]) {
    const sha256 = hashes.get(name);
    // GNU tar knows no zip; the tar of macOS and of Windows knows both.
    if (sha256 && !(platform === 'linux' && name.endsWith('.zip')))
      return { name, sha256: sha256.toLowerCase() };
  }
  throw new Error(`the release names no archive ${stem} with a checksum`);
}

/** @param {string} file */
async function sha256Of(file) {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

/**
 * Windows has a tar of its own that also unpacks zip, but a Unix-like shell on it may put GNU tar before it, which
 * takes `C:` for a host's name.
 *
 * @param {NodeJS.Platform} platform
 * @param {NodeJS.ProcessEnv} env
 */
function tarFor(platform, env) {
  return platform === 'win32' ? join(env['SystemRoot'] ?? 'C:\\Windows', 'System32', 'tar.exe') : 'tar';
}

/**
 * @param {NodeJS.ProcessEnv} env
 */
export function releaseAddress(env) {
  return `${(env['LLMQ_NATS_DOWNLOAD_BASE'] || RELEASES).replace(/\/+$/, '')}/v${PINNED_NATS_SERVER}`;
}

/**
 * By the pinned checksums; by the release's own where none is pinned for this platform.
 *
 * @param {string} pins a file such as `PINNED_SUMS`
 * @param {string} base
 * @param {import('./source.js').Order} bringing
 * @returns {Promise<{ name: string, sha256: string, list: string }>}
 */
async function trustedArchive(pins, base, { env, platform, arch, folder, log }) {
  try {
    const list = 'the checksum that this repository holds';
    return { ...chooseArchive(await readFile(pins, 'utf8'), platform, arch), list };
  } catch {
    log(
      `no checksum of nats-server ${PINNED_NATS_SERVER} is pinned for ${platform}-${arch}: taking the release's own`,
    );
  }
  const sums = await downloadText(`${base}/SHA256SUMS`, join(folder, 'SHA256SUMS'), { env });
  return { ...chooseArchive(sums, platform, arch), list: "the release's SHA256SUMS" };
}

/**
 * @param {string} pins
 * @param {import('./source.js').Order} bringing
 */
async function bring(pins, bringing) {
  const { env, platform, arch, folder, log } = bringing;
  if (!SYSTEMS[platform] || !PROCESSORS[arch])
    throw new Error(`there is no release for ${platform} on ${arch}`);
  const base = releaseAddress(env);
  const { name, sha256, list } = await trustedArchive(pins, base, bringing);
  log(`downloading ${base}/${name} (about 7 MB)`);
  const archive = join(folder, name);
  await download(`${base}/${name}`, archive, { env });

  const actual = await sha256Of(archive);
  if (actual !== sha256) {
    throw new Error(
      `${base}/${name} does not match ${list} (${actual} instead of ${sha256}); it was not used`,
    );
  }
  await runTool(tarFor(platform, env), ['-xf', archive, '-C', folder], { env });
  const executable = executableName(platform);
  const inside = (await readdir(folder, { recursive: true })).find((path) => basename(path) === executable);
  if (!inside) throw new Error(`there is no ${executable} in ${name}`);
  return join(folder, inside);
}

/**
 * The official release for this platform, checked against pinned checksums.
 *
 * @param {string} [pins]
 * @returns {import('./source.js').NatsServerSource}
 */
export function releaseSourceBy(pins = PINNED_SUMS) {
  return {
    name: `the official release ${PINNED_NATS_SERVER}`,
    bring: (bringing) => bring(pins, bringing),
  };
}

export const releaseSource = releaseSourceBy();
