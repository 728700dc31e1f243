import type { Command } from 'commander';
import { MANIFEST_FILE } from '../../operations/backup/backup-manifest.js';
import { takeBackup } from '../../operations/backup/nats/take-backup.js';
import { systemSources } from '../../platform/clock.js';
import { type RestoreOptions, restore } from './restore.js';
import { openLog } from './stores.js';

/** `llmq backup` and `llmq restore`. */
export function addBackup(program: Command, signal: AbortSignal): void {
  program
    .command('backup')
    .description("copies the log and the broker's other streams into a folder, while no process works")
    .argument('<folder>', 'an empty folder, or one that is not there yet')
    .action((folder: string) => backup(folder));
  program
    .command('restore')
    .description(
      'puts a back-up into an empty place and builds the tables from it; the service must be stopped',
    )
    .argument('<folder>', 'what `llmq backup` wrote')
    .option(
      '--force',
      'also where something is: embedded data is moved aside, streams and tables are replaced',
    )
    .action((folder: string, options: RestoreOptions) => restore(folder, options, signal));
}

async function backup(folder: string): Promise<void> {
  const { connection, log, close } = await openLog(process.env);
  try {
    const { last_sequence, streams } = await takeBackup({
      connection,
      log,
      folder,
      nowMs: systemSources.nowMs,
    });
    const bytes = streams.reduce((sum, stream) => sum + stream.bytes, 0);
    process.stdout.write(
      `The log up to sequence ${last_sequence} is in ${folder}: ${streams.length} streams, ${bytes} bytes, described in ${MANIFEST_FILE}.\n`,
    );
  } finally {
    await close();
  }
}
