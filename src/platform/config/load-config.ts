import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { ConfigError } from './config.error.js';
import { type ConfigFile, readConfigFile } from './config-file.js';
import { crossChecks } from './cross-checks.js';
import { suggestion } from './did-you-mean.js';
import { envNearMisses, envOverrides } from './env-overrides.js';
import { rawConfig } from './raw-config.js';
import { ROLES, type Role, type ServiceConfig } from './service-config.js';
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

function isRole(name: string): name is Role {
  return (ROLES as readonly string[]).includes(name);
}

/** `LLMQ_ROLES`: a list with commas; empty, absent or `all` is every role. */
function parseRoles(text: string | undefined): { roles: ReadonlySet<Role> } | { problems: string[] } {
  const names = (text ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  if (names.length === 0 || names.includes('all')) return { roles: new Set(ROLES) };
  const problems = names
    .filter((name) => !isRole(name))
    .map(
      (name) =>
        `${JSON.stringify(name)} (from the environment variable LLMQ_ROLES) is not a role.${suggestion(name, ROLES)} Roles are ${ROLES.join(', ')}, and all; several with commas between.`,
    );
  return problems.length > 0 ? { problems } : { roles: new Set(names.filter(isRole)) };
}

/** Freezes plain objects and lists all the way down and returns them. A `Set` is frozen only by its read-only type. */
function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object' && inner !== null && !Object.isFrozen(inner)) deepFreeze(inner);
  }
  return Object.freeze(value);
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
