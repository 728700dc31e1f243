import 'reflect-metadata';
import { MANIFEST_FILE } from '../../operations/backup/backup-manifest.js';
import { takeBackup } from '../../operations/backup/nats/take-backup.js';
import { systemSources } from '../../platform/clock.js';
import { openLog } from './stores.js';

/** The broker's streams into a folder that is empty or not there yet, and what is there now on standard output. */
export async function backup(folder: string): Promise<void> {
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
