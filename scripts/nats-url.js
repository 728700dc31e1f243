import { readFileSync } from 'node:fs';

/**
 * Whether a `config.yaml` names a NATS server. A look, not a reading: this runs before the YAML parser is installed, and
 * where it is mistaken a nats-server is brought that nobody needs.
 *
 * @param {string} yaml
 */
export function namesNatsUrl(yaml) {
  const lines = yaml.split(/\r?\n/).map((line) => line.replace(/(^|\s)#.*$/, ''));
  const start = lines.findIndex((line) => /^["']?nats["']?\s*:/.test(line));
  if (start < 0) return false;
  const next = lines.findIndex((line, index) => index > start && /^\S/.test(line));
  const section = lines.slice(start, next < 0 ? undefined : next).join('\n');
  return /[\s{,]["']?url["']?\s*:\s*["']?[^\s"',}]/.test(section);
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {boolean} whether the service will use a NATS server that runs already
 */
export function natsIsElsewhere(env) {
  if (env['NATS_URL'] !== undefined) return env['NATS_URL'] !== '';
  try {
    return namesNatsUrl(readFileSync(env['LLMQ_CONFIG'] ?? '', 'utf8'));
  } catch {
    // The service tells what is wrong with the file, in its own words.
    return false;
  }
}
