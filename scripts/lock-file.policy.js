/**
 * What an optional package's name says about the platform it is for, as npm's lock file writes it.
 * @typedef {{ os?: string[], cpu?: string[], libc?: string[] }} Platform
 * @typedef {{
 *   version?: string, dev?: boolean, optional?: boolean, integrity?: string, libc?: string[],
 *   optionalDependencies?: Record<string, string>,
 * } & Platform} LockedPackage
 * @typedef {{ packages: Record<string, LockedPackage> }} LockFile
 */

const SYSTEMS = new Map(
  ['linux', 'darwin', 'win32', 'android', 'freebsd', 'openharmony'].map((name) => [name, name]),
).set('windows', 'win32');

const PROCESSORS = new Map(
  ['x64', 'arm64', 'arm', 'ia32', 'ppc64', 's390x', 'riscv64', 'loong64'].map((name) => [name, name]),
);

/**
 * @param {string} packageName such as `@swc/core-linux-arm64-musl`
 * @returns {Platform}
 */
export function platformOf(packageName) {
  const words = packageName.split(/[/-]/);
  const os = words.map((word) => SYSTEMS.get(word)).find(Boolean);
  const cpu = words.map((word) => PROCESSORS.get(word)).find(Boolean);
  if (!os || !cpu) return {};
  const libc = words.includes('musl') ? ['musl'] : words.includes('gnu') ? ['glibc'] : undefined;
  return { os: [os], cpu: [cpu], ...(libc && os === 'linux' ? { libc } : {}) };
}

/**
 * Whether `name`, required by the package at `from`, has an entry where Node would look for it.
 * @param {LockFile} lock
 * @param {string} from a key of `packages`
 * @param {string} name
 */
function isLocked(lock, from, name) {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
    if (lock.packages[`${at === '' ? '' : `${at}/`}node_modules/${name}`]) return true;
    if (at === '') return false;
  }
}

/**
 * Entries that the lock file lacks for packages of other platforms. npm leaves them out where its registry did not
 * offer them, or where another platform's `node_modules` lay beside it; `npm ci` then refuses the lock file on every
 * platform.
 * @param {LockFile} lock
 * @returns {Record<string, LockedPackage>} to be added under `packages`
 */
export function missingPlatformPackages(lock) {
  /** @type {Record<string, LockedPackage>} */
  const missing = {};
  for (const [path, entry] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      if (isLocked(lock, path, name) || !/^\d/.test(version)) continue;
      missing[`node_modules/${name}`] = {
        version,
        ...(entry.dev ? { dev: true } : {}),
        optional: true,
        ...platformOf(name),
      };
    }
  }
  return missing;
}
