import type { Command } from 'commander';
import type { RestoreOptions } from './restore.js';

/** `llmq backup`. */
export function backupCommand(command: Command): void {
  command
    .argument('<folder>', 'an empty folder, or one that is not there yet')
    .action(async (folder: string) => {
      const { backup } = await import('./backup.js');
      await backup(folder);
    });
}

/** `llmq restore`. */
export function restoreCommand(command: Command, signal: AbortSignal): void {
  command
    .argument('<folder>', 'what `llmq backup` wrote')
    .option(
      '--force',
      'also where something is: embedded data is moved aside, streams and tables are replaced',
    )
    .action(async (folder: string, options: RestoreOptions) => {
      const { restore } = await import('./restore.js');
      await restore(folder, options, signal);
    });
}
