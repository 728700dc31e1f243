import 'reflect-metadata';
import { Command } from 'commander';
import { configOption } from '../../platform/config/config-option.js';
import { startupErrorText } from '../../platform/errors/startup-error.js';
import { redactSecrets } from '../../platform/logging/redact.js';
import { runRebuild } from './rebuild-command.js';
import { type RebuildChoices, withRebuildOptions } from './rebuild-options.js';

/** `npm run projections:rebuild`, and `llmq projections rebuild` does the same. */
const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopping.abort());

const choices = withRebuildOptions(new Command('npm run projections:rebuild --'))
  .addOption(configOption())
  .parse()
  .opts<RebuildChoices>();

try {
  await runRebuild(choices, stopping.signal);
} catch (error) {
  const text = error instanceof Error && !('code' in error) ? error.message : startupErrorText(error, false);
  process.stderr.write(`The projection is not rebuilt: ${redactSecrets(text)}\n`);
  process.exitCode = 1;
}
