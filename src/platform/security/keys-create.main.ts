import { Command, Option } from 'commander';
import { CALLER_ROLES, type CallerRole } from '../../domain/caller-role.policy.js';
import { LANES, type Lane } from '../../domain/message/message.events.js';
import { allowedValues } from '../config/allowed-values.js';
import { configSchema } from '../config/config.schema.js';
import { configOption } from '../config/config-option.js';
import { configFileOf } from '../config/load-config.js';
import { schemaAt } from '../config/settings.js';
import { newApiKey } from './api-key.js';

const program = new Command('keys:create')
  .description('Makes an API key. The key is printed once; the configuration keeps only its SHA-256.')
  .requiredOption('--name <name>', 'a name of your own, unique among the keys')
  .addOption(
    new Option(
      '--role <role>',
      'viewer reads; admin manages its tenant; operator lanes, endpoints and all tenants',
    )
      .choices(CALLER_ROLES)
      .default('client'),
  )
  .option('--tenant <tenant>', 'the key sees this tenant only', 'default')
  .addOption(new Option('--max-priority <priority>', 'the highest that it may ask for').choices(LANES))
  .option('--expires <time>', 'from then on it is refused, as 2027-01-31T00:00:00Z; never, if absent')
  .addOption(configOption())
  .parse();

interface Asked {
  readonly name: string;
  readonly role: CallerRole;
  readonly tenant: string;
  readonly maxPriority?: Lane;
  readonly expires?: string;
}

const { name, role, tenant, maxPriority, expires } = program.opts<Asked>();
const { key, config } = newApiKey({
  ...{ name, role, tenant },
  ...(maxPriority === undefined ? {} : { max_priority: maxPriority }),
  ...(expires === undefined ? {} : { expires_at: expires }),
});

const checked = configSchema.safeParse({ security: { api_keys: [config] } });
if (!checked.success) {
  const reasons = checked.error.issues.map(({ path }) => {
    const schema = schemaAt(path);
    return `--${optionOf(path.at(-1))} takes ${schema === null ? 'another value' : allowedValues(schema)}`;
  });
  program.error(`No key was made: ${[...new Set(reasons)].join('; ')}.`);
}

function optionOf(field: PropertyKey | undefined): string {
  return field === 'expires_at' ? 'expires' : String(field).replaceAll('_', '-');
}

function optional(field: 'max_priority' | 'expires_at'): string {
  const value = config[field];
  return value === undefined ? '' : `\n      ${field}: ${value}`;
}

process.stdout.write(`API key (shown this once, keep it like a password):

  ${key}

Add this to ${configFileOf(process.env).path} and restart the service:

security:
  api_keys:
    - name: ${JSON.stringify(config.name)}
      sha256: ${config.sha256}
      role: ${config.role}
      tenant: ${JSON.stringify(config.tenant)}${optional('max_priority')}${optional('expires_at')}

Clients send it as the header  Authorization: Bearer <the key>  or  X-API-Key: <the key>
`);
