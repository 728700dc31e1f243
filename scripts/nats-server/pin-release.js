import { rename, rm } from 'node:fs/promises';
import { downloadText } from './download.js';
import { chooseArchive, PINNED_SUMS, releaseAddress } from './release.source.js';

/**
 * Replaces the pinned checksums by those that the release tells today; to be looked at and committed.
 *
 * @param {NodeJS.ProcessEnv} env
 * @param {string} [file]
 * @throws {Error} where the release has no list, or one without an archive for Linux; then nothing is changed
 */
export async function pinRelease(env, file = PINNED_SUMS) {
  const incoming = `${file}.new`;
  try {
    const sums = await downloadText(`${releaseAddress(env)}/SHA256SUMS`, incoming, { env });
    chooseArchive(sums, 'linux', 'x64');
    await rename(incoming, file);
  } finally {
    await rm(incoming, { force: true });
  }
}
