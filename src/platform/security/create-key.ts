import { type Command, Option } from 'commander';
import { CALLER_ROLES } from '../../domain/caller-role.policy.js';
import { LANES } from '../../domain/message/lane.policy.js';
import type { AskedKey } from './new-key-text.js';

/** Makes a key and prints it once; nothing is stored. */
export function createKeyCommand(command: Command): Command {
  return command
    .description(
      'Makes an API key, or a login for a NATS publisher. It is printed once; the configuration keeps only what is no secret.',
    )
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
    .option('--nats', 'a login for a publisher at the embedded NATS, in place of an API key', false)
    .action(async (asked: AskedKey) => {
      const { newKeyText } = await import('./new-key-text.js');
      process.stdout.write(newKeyText(command, asked));
    });
}
