/**
 * Debian's own releases. Other distributions and other vendors' archives have no suite that could be exchanged for
 * Debian's next one; `-security`, `-updates` and `-backports` hold no suite of their own for it either.
 */
const DEBIAN_SUITES =
  /^(oldoldstable|oldstable|stable|testing|unstable|sid|buster|bullseye|bookworm|trixie|forky|duke)\/?$/;

/**
 * One line of `sources.list`: `deb [options] uri suite component...`.
 *
 * @param {string} line
 * @param {string} suite
 * @returns {string | null} the same archive with the other suite; null for what is no archive of Debian's `main`
 */
function lineWithSuite(line, suite) {
  const found = /^\s*deb\s+(\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+([^#]*)/.exec(line);
  if (found === null) return null;
  const [, options = '', uri, oldSuite = '', components = ''] = found;
  if (!DEBIAN_SUITES.test(oldSuite) || !components.split(/\s+/).includes('main')) return null;
  return `deb ${options}${uri} ${suite} main`;
}

/**
 * @param {string} list the content of a `.list` file
 * @param {string} suite such as `sid`
 * @returns {string[]} lines for a `.list` file; empty where it names no archive of Debian's
 */
export function listWithSuite(list, suite) {
  const lines = list.split('\n').map((line) => lineWithSuite(line, suite));
  return [...new Set(lines.filter((line) => line !== null))];
}

/**
 * @param {string} stanza
 * @returns {Map<string, string>} by the field's name in lower case; a folded value keeps its line ends, as a key in
 *   `Signed-By` needs them
 */
function fieldsOf(stanza) {
  const unfolded = stanza.split('\n').filter((line) => !line.startsWith('#'));
  /** @type {Map<string, string>} */
  const fields = new Map();
  let last = '';
  for (const line of unfolded) {
    const field = /^([A-Za-z-]+):(.*)$/.exec(line);
    if (field) {
      last = (field[1] ?? '').toLowerCase();
      fields.set(last, (field[2] ?? '').trim());
    } else if (last !== '' && /^\s/.test(line)) {
      fields.set(last, `${fields.get(last)}\n${line}`);
    }
  }
  return fields;
}

/**
 * @param {string} stanza
 * @param {string} suite
 * @returns {string | null}
 */
function stanzaWithSuite(stanza, suite) {
  const fields = fieldsOf(stanza);
  const words = (/** @type {string} */ name) => (fields.get(name) ?? '').split(/\s+/);
  const usable =
    words('types').includes('deb') &&
    words('suites').some((name) => DEBIAN_SUITES.test(name)) &&
    words('components').includes('main') &&
    !/^(no|false|0|off)$/i.test(fields.get('enabled') ?? 'yes');
  if (!usable) return null;
  const changed = new Map([...fields, ['types', 'deb'], ['suites', suite], ['components', 'main']]);
  return [...changed].map(([name, value]) => `${name}: ${value}`).join('\n');
}

/**
 * @param {string} sources the content of a deb822 `.sources` file
 * @param {string} suite such as `sid`
 * @returns {string[]} stanzas for a `.sources` file; empty where it names no archive of Debian's
 */
export function sourcesWithSuite(sources, suite) {
  const stanzas = sources.replaceAll('\r\n', '\n').split(/\n[ \t]*\n/);
  return stanzas.map((stanza) => stanzaWithSuite(stanza, suite)).filter((stanza) => stanza !== null);
}
