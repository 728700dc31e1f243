import type { Command } from 'commander';

export interface RebuildChoices {
  readonly resume: boolean;
  readonly force: boolean;
}

export function withRebuildOptions(command: Command): Command {
  return command
    .description('Makes all tables anew from the log, beside the live ones, and puts them in their place.')
    .option('--resume', 'continue an interrupted rebuild', false)
    .option(
      '--force',
      'also from a log that has lost records; what only the tables know of them is gone then',
      false,
    );
}
