import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { ConfigError } from './config.error.js';
import { type ConfigFile, readConfigFile } from './config-file.js';
import { crossChecks } from './cross-checks.js';
import { deepFreeze } from './deep-freeze.js';
import { envNearMisses, envOverrides } from './env-overrides.js';
import { rawConfig } from './raw-config.js';
import { parseRoles } from './roles.js';
import type { ServiceConfig } from './service-config.js';
import { validateConfig } from './validate-config.js';

function toStderr(warning: string): void {
  process.stderr.write(`warning: ${warning}\n`);
}

/** Only the file that LLMQ_CONFIG names is read, so that two instances started in one folder can't share one by accident. */
function openFile(env: NodeJS.ProcessEnv, cwd: string): ConfigFile | null {
  const name = env['LLMQ_CONFIG'];
  return name === undefined || name === '' ? null : readConfigFile(resolve(cwd, name));
}

function unreadFile(env: NodeJS.ProcessEnv, cwd: string): string[] {
  const ignored = !env['LLMQ_CONFIG'] && existsSync(resolve(cwd, 'config.yaml'));
  return ignored ? ['config.yaml is here but is not read; set LLMQ_CONFIG=config.yaml to use it.'] : [];
}

/**
 * Raw (file, then environment over it), validated, checked across keys, compiled, frozen.
 *
 * @param warn gets what is odd but may be meant, one sentence each
 * @throws {ConfigError} with everything that is wrong
 */
export function loadConfig(
  env: NodeJS.ProcessEnv,
  cwd: string = process.cwd(),
  warn: (warning: string) => void = toStderr,
): ServiceConfig {
  const raw = rawConfig(openFile(env, cwd), envOverrides(env));
  const roles = parseRoles(env['LLMQ_ROLES']);
  const validated = validateConfig(raw);
  if ('problems' in validated || 'problems' in roles) {
    throw new ConfigError([validated, roles].flatMap((stage) => ('problems' in stage ? stage.problems : [])));
  }
  const config: ServiceConfig = deepFreeze({
    ...validated.config,
    roles: roles.roles,
    dataDir: resolve(cwd, env['LLMQ_DATA_DIR'] || '.llmq'),
  });
  const { problems, warnings } = crossChecks(config, env);
  if (problems.length > 0) throw new ConfigError(problems);
  for (const warning of [...unreadFile(env, cwd), ...envNearMisses(env), ...warnings]) warn(warning);
  return config;
}
