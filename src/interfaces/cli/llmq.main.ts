import { Command } from 'commander';
import { configOption } from '../../platform/config/config-option.js';
import { VERSION } from '../../platform/version.js';
import { askedCommand } from './asked-command.policy.js';
import { CommandError } from './command.error.js';
import { COMMANDS, COMPLETION } from './commands.js';
import { EXIT } from './exit-codes.policy.js';

/** `llmq <command>`. Only the module of the command that is asked for is loaded, so that it starts at once. */
const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopping.abort());
// The reader of our output may stop early (`| head`): that is an end, not a failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

const program = new Command('llmq')
  .description('Submits messages to the queue, follows them, and looks after the service.')
  .version(VERSION)
  .addOption(configOption());

async function fillCommands(): Promise<void> {
  const asked = askedCommand(process.argv.slice(2));
  for (const { name, group, description, load } of COMMANDS) {
    const command = program.command(name).description(description).helpGroup(group);
    if (name === asked || asked === COMPLETION) (await load())(command, stopping.signal);
  }
  // Of the command that was misspelled, or lacked something.
  for (const command of [
    program,
    ...program.commands,
    ...program.commands.flatMap(({ commands }) => commands),
  ])
    command.showHelpAfterError('(--help behind a command tells its options)');
}

/** @returns the exit code */
async function tellError(error: unknown): Promise<number> {
  // Whoever interrupts a command knows why it ended.
  if (stopping.signal.aborted) return EXIT.interrupted;
  const { startupErrorText } = await import('../../platform/errors/startup-error.js');
  const { redactSecrets } = await import('../../platform/logging/redact.js');
  const text = error instanceof Error && !('code' in error) ? error.message : startupErrorText(error, false);
  process.stderr.write(`llmq: ${redactSecrets(text)}\n`);
  return error instanceof CommandError ? error.exitCode : EXIT.failed;
}

try {
  await fillCommands();
  // Who gives no command asks what there is.
  if (process.argv.length <= 2) program.help();
  await program.parseAsync();
} catch (error) {
  process.exitCode = await tellError(error);
}
