import 'reflect-metadata';
import type { Command } from 'commander';
import { MANIFEST_FILE } from '../../operations/backup/backup-manifest.js';
import { takeBackup } from '../../operations/backup/nats/take-backup.js';
import { systemSources } from '../../platform/clock.js';
import { type RestoreOptions, restore } from './restore.js';
import { openLog } from './stores.js';

/** `llmq backup`. */
export function backupCommand(command: Command): void {
  command
    .argument('<folder>', 'an empty folder, or one that is not there yet')
    .action((folder: string) => backup(folder));
}

/** `llmq restore`. */
export function restoreCommand(command: Command, signal: AbortSignal): void {
  command
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
