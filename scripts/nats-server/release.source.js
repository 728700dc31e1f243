import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { runTool } from '../run-tool.js';
import { download, downloadText } from './download.js';
import { executableName } from './source.js';
import { PINNED_NATS_SERVER } from './version.policy.js';

/** Where the releases are; `LLMQ_NATS_DOWNLOAD_BASE` names a mirror of it. */
const RELEASES = 'https://github.com/nats-io/nats-server/releases/download';

/** As the releases name them. @type {Partial<Record<NodeJS.Platform, string>>} */
const SYSTEMS = { linux: 'linux', darwin: 'darwin', win32: 'windows' };
/** @type {Record<string, string | undefined>} */
const PROCESSORS = { x64: 'amd64', arm64: 'arm64' };

/**
 * Which archive to take, of those that the release's own list of checksums names.
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

/** @type {import('./source.js').NatsServerSource['bring']} */
async function bring({ env, platform, arch, folder, log }) {
  if (!SYSTEMS[platform] || !PROCESSORS[arch])
    throw new Error(`there is no release for ${platform} on ${arch}`);
  const base = `${(env['LLMQ_NATS_DOWNLOAD_BASE'] || RELEASES).replace(/\/+$/, '')}/v${PINNED_NATS_SERVER}`;

  const sums = await downloadText(`${base}/SHA256SUMS`, join(folder, 'SHA256SUMS'), { env });
  const { name, sha256 } = chooseArchive(sums, platform, arch);
  log(`downloading ${base}/${name} (about 7 MB)`);
  const archive = join(folder, name);
  await download(`${base}/${name}`, archive, { env });

  const actual = await sha256Of(archive);
  if (actual !== sha256) {
    throw new Error(
      `${base}/${name} does not match the release's SHA256SUMS (${actual} instead of ${sha256}); it was not used`,
    );
  }
  await runTool(tarFor(platform, env), ['-xf', archive, '-C', folder], { env });
  const executable = executableName(platform);
  const inside = (await readdir(folder, { recursive: true })).find((path) => basename(path) === executable);
  if (!inside) throw new Error(`there is no ${executable} in ${name}`);
  return join(folder, inside);
}

/** The official release for this platform, checked against its own list of checksums. */
export const releaseSource = { name: `the official release ${PINNED_NATS_SERVER}`, bring };
