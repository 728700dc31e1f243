import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { ConfigError } from './config.error.js';
import type { Config } from './config.schema.js';
import { readConfigFile } from './config-file.js';
import { crossChecks } from './cross-checks.js';
import { databaseUrl } from './database-url.policy.js';
import { suggestion } from './did-you-mean.policy.js';
import { envOverrides } from './env-overrides.js';
import { rawConfig } from './raw-config.js';
import { ROLES, type Role, type ServiceConfig } from './service-config.js';
import { SETTINGS } from './settings.js';
import { strangeVariables } from './strange-variables.policy.js';
import { validateConfig } from './validate-config.js';

/** Ours that are no keys of the file: of the service, its scripts, and the commands that its documents show. */
const OWN_VARIABLES = [
  'LLMQ_CONFIG',
  'LLMQ_DATA_DIR',
  'LLMQ_ROLES',
  'LLMQ_SUPERVISED',
  'LLMQ_CACHE_DIR',
  'LLMQ_NATS_DOWNLOAD_BASE',
  'LLMQ_KEY',
  'LLMQ_URL',
  'LLMQ_MODEL',
  'NATS_SERVER_BIN',
];

/** `OPENAI_` begins the names of other programs as well. */
const SECTIONS = [
  'LLMQ',
  ...new Set(
    SETTINGS.flatMap(({ path: [first, ...more] }) => (more.length > 0 ? [first!.toUpperCase()] : [])),
  ),
].filter((section) => section !== 'OPENAI');

function toStderr(warning: string): void {
  process.stderr.write(`warning: ${warning}\n`);
}

/** Which file is read: the one that LLMQ_CONFIG (or `--config`, which takes its place) names, else `config.yaml` here. */
export function configFileOf(
  env: NodeJS.ProcessEnv,
  cwd: string = process.cwd(),
): { readonly path: string; readonly isRead: boolean } {
  const named = env['LLMQ_CONFIG'];
  if (named !== undefined && named !== '') return { path: resolve(cwd, named), isRead: true };
  const path = resolve(cwd, 'config.yaml');
  return { path, isRead: existsSync(path) };
}

function isRole(name: string): name is Role {
  return (ROLES as readonly string[]).includes(name);
}

/**
 * `LLMQ_ROLES`: a list with commas; empty, absent or `all` is every role. A name behind `-` takes its role away, from all
 * where no other is named. `api` brings `intake` with it, as it did before they were two.
 */
function parseRoles(text: string | undefined): { roles: ReadonlySet<Role> } | { problems: string[] } {
  const names = (text ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const without = names.filter((name) => name.startsWith('-')).map((name) => name.slice(1));
  const named = names.filter((name) => !name.startsWith('-'));
  const problems = [...named.filter((name) => name !== 'all'), ...without]
    .filter((name) => !isRole(name))
    .map(
      (name) =>
        `${JSON.stringify(name)} (from the environment variable LLMQ_ROLES) is not a role.${suggestion(name, ROLES)} Roles are ${ROLES.join(', ')}, and all; several with commas between, and one behind "-" is left out.`,
    );
  if (problems.length > 0) return { problems };
  const roles = new Set<Role>(named.length === 0 || named.includes('all') ? ROLES : named.filter(isRole));
  if (roles.has('api')) roles.add('intake');
  for (const name of without.filter(isRole)) roles.delete(name);
  return roles.size > 0 ? { roles } : { problems: ['The environment variable LLMQ_ROLES leaves no role.'] };
}

/** Freezes plain objects and lists all the way down and returns them. A `Set` is frozen only by its read-only type. */
function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object' && inner !== null && !Object.isFrozen(inner)) deepFreeze(inner);
  }
  return Object.freeze(value);
}

/** The variables that the configuration itself names. */
function namedVariables({ endpoints, security, queue, database }: Config): Set<string> {
  return new Set(
    [
      ...endpoints.map(({ api_key_env }) => api_key_env ?? ''),
      ...security.endpoint_keys.map(({ env }) => env),
      ...[queue.dead_letters.webhook_secret_env, database.password_env],
    ].filter((name) => name !== ''),
  );
}

export interface LoadOptions {
  /** `warn` is for a look at a file that another machine will start with. Default `refuse`. */
  readonly unsetVariables?: 'refuse' | 'warn';
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
  { unsetVariables = 'refuse' }: LoadOptions = {},
): ServiceConfig {
  const file = configFileOf(env, cwd);
  const raw = rawConfig(file.isRead ? readConfigFile(file.path) : null, envOverrides(env));
  const roles = parseRoles(env['LLMQ_ROLES']);
  const validated = validateConfig(raw);
  if ('problems' in validated || 'problems' in roles) {
    throw new ConfigError([validated, roles].flatMap((stage) => ('problems' in stage ? stage.problems : [])));
  }
  const database = databaseUrl(validated.config.database, env);
  const config: ServiceConfig = deepFreeze({
    ...validated.config,
    database: { ...validated.config.database, url: database.url },
    roles: roles.roles,
    dataDir: resolve(cwd, env['LLMQ_DATA_DIR'] || '.llmq'),
    configFile: file.path,
    ...(env['LLMQ_SUPERVISED'] ? { supervisedAs: env['LLMQ_SUPERVISED'] } : {}),
  });
  const strange = strangeVariables(env, {
    known: [...SETTINGS.map((setting) => setting.env), ...OWN_VARIABLES],
    sections: SECTIONS,
    named: namedVariables(validated.config),
    embedded: (['database', 'nats'] as const).flatMap((section) =>
      config[section].url === '' ? [section.toUpperCase()] : [],
    ),
  });
  const { problems, unset, warnings } = crossChecks(config, env);
  const refused = [
    ...[...database.problems, ...strange.problems, ...problems],
    ...(unsetVariables === 'refuse' ? unset : []),
  ];
  if (refused.length > 0) throw new ConfigError(refused);
  const told = [...strange.warnings, ...warnings, ...(unsetVariables === 'warn' ? unset : [])];
  for (const warning of told) warn(warning);
  return config;
}
