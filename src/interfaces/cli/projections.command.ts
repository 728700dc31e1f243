import type { Command } from 'commander';
import { type RebuildChoices, withRebuildOptions } from '../../projection/rebuild/rebuild-options.js';

/** `llmq projections`. */
export function projectionsCommand(projections: Command, signal: AbortSignal): void {
  withRebuildOptions(projections.command('rebuild')).action(async (choices: RebuildChoices) => {
    const { runRebuild } = await import('../../projection/rebuild/rebuild-command.js');
    await runRebuild(choices, signal);
  });
}
