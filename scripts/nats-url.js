import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

/**
 * Whether a configuration file names a NATS server. A look, not a reading: this runs before the YAML parser is installed, and
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
 * @param {readonly string[]} args of the command, which may have `--config <file>`
 * @returns {string} the configuration file, which need not be there
 */
function configFile(env, args) {
  const at = args.findLastIndex((arg) => arg === '--config' || arg.startsWith('--config='));
  const named = args[at]?.includes('=') ? args[at].slice('--config='.length) : at < 0 ? '' : args[at + 1];
  return named || env['LLMQ_CONFIG'] || 'config.yaml';
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {readonly string[]} args
 * @param {string} [cwd]
 * @returns {boolean} whether the service will use a NATS server that runs already
 */
export function natsIsElsewhere(env, args, cwd = process.cwd()) {
  if (env['NATS_URL']) return true;
  try {
    return namesNatsUrl(readFileSync(resolve(cwd, configFile(env, args)), 'utf8'));
  } catch {
    // The service tells what is wrong with the file, in its own words.
    return false;
  }
}
