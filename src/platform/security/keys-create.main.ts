import { Command, Option } from 'commander';
import { configSchema } from '../config/config.schema.js';
import { newApiKey } from './api-key.js';

const program = new Command('keys:create')
  .description('Makes an API key. The key is printed once; the configuration keeps only its SHA-256.')
  .requiredOption('--name <name>', 'a name of your own, unique among the keys')
  .addOption(
    new Option('--role <role>', 'what the key may do').choices(['client', 'admin']).default('client'),
  )
  .option('--tenant <tenant>', 'the key sees this tenant only', 'default')
  .parse();

const { name, role, tenant } = program.opts<{ name: string; role: 'client' | 'admin'; tenant: string }>();
const { key, config } = newApiKey({ name, role, tenant });

const checked = configSchema.safeParse({ security: { api_keys: [config] } });
if (!checked.success) {
  const reasons = checked.error.issues.map((issue) => `--${String(issue.path.at(-1))}: ${issue.message}`);
  program.error(`No key was made. ${reasons.join('; ')}`);
}

process.stdout.write(`API key (shown this once, keep it like a password):

  ${key}

Add this to config.yaml and restart the service:

security:
  api_keys:
    - name: ${JSON.stringify(config.name)}
      sha256: ${config.sha256}
      role: ${config.role}
      tenant: ${JSON.stringify(config.tenant)}

Clients send it as the header  Authorization: Bearer <the key>
`);
