import type { Command } from 'commander';
import type { CallerRole } from '../../domain/caller-role.policy.js';
import type { Lane } from '../../domain/message/lane.policy.js';
import { allowedValues } from '../config/allowed-values.js';
import { configSchema } from '../config/config.schema.js';
import { configFileOf } from '../config/load-config.js';
import { schemaAt } from '../config/settings.js';
import { newApiKey } from './api-key.js';
import { newPublisher } from './nats/new-publisher.js';

export interface AskedKey {
  readonly name: string;
  readonly role: CallerRole;
  readonly tenant: string;
  readonly maxPriority?: Lane;
  readonly expires?: string;
  readonly nats: boolean;
}

/**
 * A new key or login, with what goes into the configuration: a text for a terminal. Where an option has no allowed value,
 * the command ends the process.
 */
export function newKeyText(command: Command, asked: AskedKey): string {
  return asked.nats ? publisherText(command, asked) : apiKeyText(command, asked);
}

function apiKeyText(command: Command, { name, role, tenant, maxPriority, expires }: AskedKey): string {
  const { key, config } = newApiKey({
    ...{ name, role, tenant, ...highestOf(maxPriority) },
    ...(expires === undefined ? {} : { expires_at: expires }),
  });
  refuseWrong(command, configSchema.safeParse({ security: { api_keys: [config] } }));
  return `API key (shown this once, keep it like a password):

  ${key}

Add this to ${configFileOf(process.env).path} and restart the service:

security:
  api_keys:
    - name: ${JSON.stringify(config.name)}
      sha256: ${config.sha256}
      role: ${config.role}
      tenant: ${JSON.stringify(config.tenant)}${optional('max_priority', config.max_priority)}${optional('expires_at', config.expires_at)}

Clients send it as the header  Authorization: Bearer <the key>  or  X-API-Key: <the key>
`;
}

function publisherText(command: Command, { name, tenant, maxPriority }: AskedKey): string {
  for (const option of ['role', 'expires']) {
    if (command.getOptionValueSource(option) !== 'cli') continue;
    command.error(`No login was made: --${option} is for API keys. A publisher submits, and has no end.`);
  }
  const { seed, config } = newPublisher({ name, tenant, ...highestOf(maxPriority) });
  refuseWrong(command, configSchema.safeParse({ nats: { publishers: [config] } }));
  return `Seed of the publisher's NKey (shown this once, keep it like a password):

  ${seed}

Add this to ${configFileOf(process.env).path} and restart the service:

nats:
  publishers:
    - name: ${JSON.stringify(config.name)}
      nkey: ${config.nkey}
      tenant: ${JSON.stringify(config.tenant)}${optional('max_priority', config.max_priority)}

NATS clients log in with the seed, as  nats --nkey <file with the seed> pub -J llmq.intake.auto ...
`;
}

function highestOf(maxPriority: Lane | undefined): { max_priority?: Lane } {
  return maxPriority === undefined ? {} : { max_priority: maxPriority };
}

function refuseWrong(command: Command, checked: ReturnType<typeof configSchema.safeParse>): void {
  if (checked.success) return;
  const reasons = checked.error.issues.map(({ path }) => {
    const schema = schemaAt(path);
    return `--${optionOf(path.at(-1))} takes ${schema === null ? 'another value' : allowedValues(schema)}`;
  });
  command.error(`No key was made: ${[...new Set(reasons)].join('; ')}.`);
}

function optionOf(field: PropertyKey | undefined): string {
  return field === 'expires_at' ? 'expires' : String(field).replaceAll('_', '-');
}

function optional(field: string, value: string | undefined): string {
  return value === undefined ? '' : `\n      ${field}: ${value}`;
}
