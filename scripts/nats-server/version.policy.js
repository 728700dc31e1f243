/**
 * Releases before 2.14.7, and the previews of 2.15.0, can lose acknowledged writes when a stream is compacted, even
 * with `sync_interval: always`.
 */
export const LOWEST_NATS_SERVER = '2.14.7';

/** Which release is downloaded where no server is there: one whose checksums this repository holds. */
export const PINNED_NATS_SERVER = '2.15.0';

/** @typedef {{ major: number, minor: number, patch: number, pre: string }} Version `pre`: empty for a release */

/**
 * @param {string} text such as `nats-server: v2.15.1`, which `nats-server --version` prints
 * @returns {Version | null} null where there is no version in it
 */
export function parseVersion(text) {
  const found = /(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?/.exec(text);
  if (found === null) return null;
  return { major: Number(found[1]), minor: Number(found[2]), patch: Number(found[3]), pre: found[4] ?? '' };
}

/** @param {Version} version */
export function versionText({ major, minor, patch, pre }) {
  return `${major}.${minor}.${patch}${pre === '' ? '' : `-${pre}`}`;
}

/**
 * Order of releases; a pre-release comes before its release, and pre-releases of one release are not told apart.
 *
 * @param {Version} a
 * @param {Version} b
 * @returns {number} negative where `a` is the older
 */
export function compareVersions(a, b) {
  return (
    a.major - b.major || a.minor - b.minor || a.patch - b.patch || Number(a.pre === '') - Number(b.pre === '')
  );
}

const LOWEST = { major: 2, minor: 14, patch: 7, pre: '' };
const FIXED_AGAIN = { major: 2, minor: 15, patch: 0, pre: '' };

/**
 * Whether this server keeps acknowledged writes. The previews of 2.15.0 are newer than 2.14.7 but were cut before the
 * correction.
 *
 * @param {Version} version
 */
export function isNewEnough(version) {
  const previewOf215 = version.minor === 15 && compareVersions(version, FIXED_AGAIN) < 0;
  return compareVersions(version, LOWEST) >= 0 && !(version.major === 2 && previewOf215);
}
