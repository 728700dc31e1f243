import { join } from 'node:path';
import { type JetStreamManager, jetstreamManager, StorageType } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { intakeStreamsIn } from '../../../broker/intake-streams.js';
import { streamInfo } from '../../../broker/stream-info.js';
import { snapshotStream } from '../../../broker/stream-snapshots.js';
import { EVENTS_STREAM, ownStreams, SCHEDULES_STREAM } from '../../../broker/streams.js';
import type { EventLog } from '../../../log/event-log.port.js';
import { writePrivateFile } from '../../../platform/embedded/private-file.js';
import { VERSION } from '../../../platform/version.js';
import { makeBackupFolder, SummedFile } from '../backup-files.js';
import { type BackupManifest, type BackupStream, FORMAT, MANIFEST_FILE } from '../backup-manifest.js';

export interface BackupParts {
  readonly connection: NatsConnection;
  readonly log: EventLog;
  readonly folder: string;
  readonly nowMs: () => number;
}

/** Each stream is copied at its own moment. Between two of them a message could pass from one stream to the other. */
export class BackupBusyError extends Error {
  readonly code = 'backup_busy';
  constructor() {
    super(
      'The queue was at work while it was copied, so the copy would not fit together. Stop all processes of the service; NATS has to run where it is a server of your own. Then take the back-up into another folder.',
    );
  }
}

/** Streams that are worth keeping: what lies in the broker's memory is meant to go with it. */
export async function keptStreams(manager: JetStreamManager): Promise<string[]> {
  const own = ownStreams({ idempotencyTtlMs: 0 }).flatMap(({ name, settings }) =>
    settings.storage === StorageType.File ? [name] : [],
  );
  return [...own, ...(await intakeStreamsIn(manager))];
}

/**
 * Copies the log and what lies beside it in the broker: lanes' places, schedules, cancellations, first responses. The
 * tables are not copied: all that they hold is folded from the log.
 *
 * @throws {BackupExistsError} {BackupBusyError} {SnapshotError}
 */
export async function takeBackup({ connection, log, folder, nowMs }: BackupParts): Promise<BackupManifest> {
  await makeBackupFolder(folder);
  const manager = await jetstreamManager(connection, { checkAPI: false });
  const created_at = new Date(nowMs()).toISOString();
  // Of a majority, before and after: a server that was cut off has less to copy.
  await log.extent();
  const before = await ends(manager);
  const streams: BackupStream[] = [];
  for (const name of await keptStreams(manager)) {
    if ((await streamInfo(manager, name)) !== null) streams.push(await copyStream(connection, folder, name));
  }
  if ((await ends(manager)) !== before) throw new BackupBusyError();
  const { lastSequence: last_sequence } = await log.extent();
  const manifest: BackupManifest = {
    ...{ format: FORMAT, created_at, last_sequence, streams },
    versions: { service: VERSION, nats_server: connection.info?.version ?? '' },
    last_event_id: (await log.get(last_sequence))?.event.id ?? null,
  };
  await writePrivateFile(join(folder, MANIFEST_FILE), `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}

/** Where the streams end that messages pass through. */
async function ends(manager: JetStreamManager): Promise<string> {
  const found: string[] = [];
  for (const name of [EVENTS_STREAM, SCHEDULES_STREAM]) {
    const info = await streamInfo(manager, name);
    if (info !== null) found.push(`${name} ${info.state.last_seq} ${info.state.messages}`);
  }
  return found.join();
}

async function copyStream(connection: NatsConnection, folder: string, name: string): Promise<BackupStream> {
  const file = `${name}.snapshot`;
  const copy = await SummedFile.create(join(folder, file));
  try {
    const { config, state } = await snapshotStream(connection, name, (bytes) => copy.write(bytes));
    return { name, file, config, state: state as BackupStream['state'], ...(await copy.close()) };
  } catch (error) {
    await copy.close().catch(() => {});
    throw error;
  }
}
