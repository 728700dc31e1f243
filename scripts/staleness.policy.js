/**
 * What is known about the packages in `node_modules`.
 * @typedef {{
 *   hasModules: boolean,
 *   record: { lockHash: string, platform: string } | null,
 *   lock: { hash: string, mtimeMs: number },
 *   npmFinishedMs: number | null,
 *   platform: string,
 * }} InstallFacts
 *   `record`: what our last installation left; `npmFinishedMs`: when npm last finished one, ours or by hand
 */

/**
 * @typedef {{ kind: 'fresh' }
 *   | { kind: 'clean-install', why: string }
 *   | { kind: 'update', why: string }} InstallDecision
 *   `clean-install` empties `node_modules` first (`npm ci`); `update` changes what differs (`npm install`), which is
 *   quicker and leaves the packages under a running service alone
 */

/**
 * The record's hash is asked before any time: a fresh checkout of the same lock file has a new time, and needs nothing.
 *
 * @param {InstallFacts} facts
 * @returns {InstallDecision}
 */
export function decideInstall({ hasModules, record, lock, npmFinishedMs, platform }) {
  if (!hasModules) return { kind: 'clean-install', why: 'there are none yet' };
  if (record !== null && record.platform !== platform) {
    return { kind: 'clean-install', why: `those here are for ${record.platform}` };
  }
  if (record === null && npmFinishedMs === null) {
    return { kind: 'clean-install', why: 'the last installation did not finish' };
  }
  if (record?.lockHash === lock.hash) return { kind: 'fresh' };
  if (npmFinishedMs !== null && npmFinishedMs >= lock.mtimeMs) return { kind: 'fresh' };
  return { kind: 'update', why: 'package-lock.json is newer than the last installation' };
}

/**
 * @typedef {{ kind: 'fresh' } | { kind: 'build', why: string }} BuildDecision
 */

/**
 * A fingerprint instead of a comparison of times: it also sees deleted files and files older than the build.
 *
 * @param {{ recorded: string | null, current: string, hasOutput: boolean }} facts `recorded`: of the sources of the
 *   last build that finished
 * @returns {BuildDecision}
 */
export function decideBuild({ recorded, current, hasOutput }) {
  if (recorded === null || !hasOutput) return { kind: 'build', why: 'there is no finished build yet' };
  if (recorded !== current) return { kind: 'build', why: 'sources changed since the last build' };
  return { kind: 'fresh' };
}
