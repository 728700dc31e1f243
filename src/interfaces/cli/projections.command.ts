import 'reflect-metadata';
import type { Command } from 'commander';
import {
  type RebuildChoices,
  runRebuild,
  withRebuildOptions,
} from '../../projection/rebuild/rebuild-command.js';

/** `llmq projections`. */
export function projectionsCommand(projections: Command, signal: AbortSignal): void {
  withRebuildOptions(projections.command('rebuild')).action((choices: RebuildChoices) =>
    runRebuild(choices, signal),
  );
}
