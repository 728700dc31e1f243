/**
 * @typedef {{ dependencies?: Record<string, string>, devDependencies?: Record<string, string> }} Manifest
 * @typedef {{
 *   manifest: Manifest,
 *   imported: readonly string[],
 *   unimported: Readonly<Record<string, string>>,
 * }} Packages  `imported`: what imports name, such as `pg` or `@nestjs/core/router`; `unimported`: packages that are
 *   needed without an import, each with the reason
 */

/** @param {string} specifier of an import; a relative one gives no package's name */
function packageOf(specifier) {
  const [first = '', second = ''] = specifier.split('/');
  return first.startsWith('@') ? `${first}/${second}` : first;
}

/**
 * Types are used where their package is: `@types/pg` by an import of `pg`.
 *
 * @param {string} name
 * @returns {string}
 */
function importName(name) {
  const typed = name.replace(/^@types\//, '');
  return typed === name ? name : typed.replace(/^(.+)__(.+)$/, '@$1/$2');
}

/**
 * What is wrong with the packages of a manifest: those that nothing imports and that have no reason to be there, and
 * reasons that hold no more.
 *
 * @param {Packages} packages
 * @returns {string[]} one line each; empty where all is well
 */
export function unusedPackages({ manifest, imported, unimported }) {
  const declared = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }).sort();
  const used = new Set(imported.map(packageOf));
  const isUsed = (/** @type {string} */ name) => used.has(importName(name));
  const unused = declared
    .filter((name) => !isUsed(name) && !(name in unimported))
    .map((name) => `${name}: nothing imports it. Remove it, or write down what needs it.`);
  const stale = Object.keys(unimported)
    .filter((name) => isUsed(name) || !declared.includes(name))
    .map(
      (name) => `${name}: its reason holds no more: it is ${isUsed(name) ? 'imported' : 'no dependency'}.`,
    );
  return [...unused, ...stale];
}
