import 'reflect-metadata';
import { Command } from 'commander';
import { configOption } from '../../platform/config/config-option.js';
import { startupErrorText } from '../../platform/errors/startup-error.js';
import { redactSecrets } from '../../platform/logging/redact.js';
import { VERSION } from '../../platform/version.js';
import { addBackup } from './backup.command.js';
import { addConfig } from './config-check.command.js';
import { addDoctor } from './doctor.command.js';
import { withEventOptions } from './event-options.js';
import { type ExportOptions, exportEvents, tailEvents } from './events-export.command.js';
import { type SalvageOptions, salvageEvents } from './events-salvage.command.js';
import { type VerifyCommandOptions, verifyEvents } from './events-verify.command.js';
import { addReplay } from './replay.command.js';
import { addStatus } from './status.command.js';
import { openStores, type Stores } from './stores.js';

/** `npm run llmq -- <command>`: what an operator or an auditor does with the log. */
const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopping.abort());
// The reader of our output may stop early (`| head`): that is an end, not a failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

async function withStores<T>(use: (stores: Stores) => Promise<T>): Promise<T> {
  const stores = await openStores(process.env);
  try {
    return await use(stores);
  } finally {
    await stores.close();
  }
}

const program = new Command('llmq')
  .description('Reads, checks and replays what happened in the queue.')
  .version(VERSION)
  .addOption(configOption());
const events = program.command('events').description('the log of events, read from its servers');

withEventOptions(events.command('export').description('writes events as NDJSON'))
  .option('-o, --output <file>', 'to this file instead of standard output')
  .option('--append', 'appends to the file instead of replacing it')
  .action((options: ExportOptions) => withStores((stores) => exportEvents(stores, options, stopping.signal)));

withEventOptions(
  events.command('tail').description('writes events as they come, until it is interrupted'),
).action((options: ExportOptions) => withStores((stores) => tailEvents(stores, options, stopping.signal)));

events
  .command('verify')
  .description(
    'holds the log against its rules and PostgreSQL against the log; exit code 1 when one is broken',
  )
  .option('--json', 'the report as JSON')
  .action(async (options: VerifyCommandOptions) => {
    process.exitCode = await withStores((stores) => verifyEvents(stores, options, stopping.signal));
  });

events
  .command('salvage')
  .description(
    'writes the requests of messages that the log has lost and PostgreSQL still knows, as NDJSON to submit again',
  )
  .option('-o, --output <file>', 'to this file instead of standard output')
  .option('--tenant <name>', 'only messages of this tenant')
  .option('--open', 'only messages that had not ended')
  .action((options: SalvageOptions) =>
    withStores((stores) => salvageEvents(stores, options, stopping.signal)),
  );

addReplay(program, stopping.signal);
addBackup(program, stopping.signal);
addConfig(program);
addStatus(program);
addDoctor(program, stopping.signal);

// Of the command that was misspelled, or lacked something.
for (const command of [program, ...program.commands, ...program.commands.flatMap(({ commands }) => commands)])
  command.showHelpAfterError('(--help behind a command tells its options)');

try {
  // Who gives no command asks what there is.
  if (process.argv.length <= 2) program.help();
  await program.parseAsync();
} catch (error) {
  const text = error instanceof Error && !('code' in error) ? error.message : startupErrorText(error, false);
  process.stderr.write(`llmq: ${redactSecrets(text)}\n`);
  process.exitCode = 1;
}
