import 'reflect-metadata';
import { readdir, rename } from 'node:fs/promises';
import type { Logger } from 'pino';
import { connectNats } from '../../broker/connect-nats.js';
import { openEventLog } from '../../log/jetstream/jetstream-event-log.js';
import { checkFiles, readManifest } from '../../operations/backup/backup-files.js';
import {
  BackupDamagedError,
  type BackupManifest,
  MANIFEST_FILE,
} from '../../operations/backup/backup-manifest.js';
import { NotEmptyError, restoreStreams } from '../../operations/backup/nats/restore-backup.js';
import { systemSources } from '../../platform/clock.js';
import { loadConfig } from '../../platform/config/load-config.js';
import type { ServiceConfig } from '../../platform/config/service-config.js';
import { loadOrCreateCredentials } from '../../platform/embedded/credentials.js';
import { openDataFolder } from '../../platform/embedded/data-folder.js';
import { lockDataFolder } from '../../platform/embedded/data-folder-lock.js';
import { type Addresses, findAddresses } from '../../platform/embedded/find-addresses.js';
import { endLeftoverServers } from '../../platform/embedded/leftover-servers.js';
import { createLogger } from '../../platform/logging/logger.js';
import { rebuild } from '../../projection/rebuild/rebuild.js';
import { connectToRebuild } from '../../projection/rebuild/rebuild-client.js';
import { dropSchema } from '../../projection/rebuild/rebuild-schema.js';
import { readCheckpoint } from '../../projection/tables/checkpoint.js';

export interface RestoreOptions {
  readonly force?: boolean;
}

const REBUILD_BATCH = 20_000;

/**
 * The broker's streams from the back-up, then the tables from the log. Everything is checked before anything is written.
 *
 * @throws {BackupDamagedError} {NotEmptyError}
 */
export async function restore(
  folder: string,
  { force = false }: RestoreOptions,
  signal: AbortSignal,
): Promise<void> {
  const manifest = await readManifest(folder);
  await checkFiles(folder, manifest);
  const config = loadConfig(process.env);
  const logger = createLogger(config).child({}, { level: 'warn' });
  await emptyDataFolder(config, logger, force);
  const addresses = await findAddresses(config, logger);
  try {
    await emptyTables(addresses, config, force);
    await restoreLog({ folder, manifest, config, addresses, logger, force, signal });
  } finally {
    await addresses.stop();
  }
  process.stdout.write(
    `Restored what was backed up at ${manifest.created_at}: the log up to sequence ${manifest.last_sequence}, and the tables from it. Start the service now.\n`,
  );
}

/** Embedded data is moved aside and never deleted: it may be all that is left of what came after the back-up. */
async function emptyDataFolder(config: ServiceConfig, logger: Logger, force: boolean): Promise<void> {
  const embedded = [config.nats.url === '' ? 'nats' : null, config.database.url === '' ? 'postgres' : null];
  const parts = embedded.filter((part) => part !== null) as ('nats' | 'postgres')[];
  if (parts.length === 0) return;
  const folder = await openDataFolder(config.dataDir);
  const lock = await lockDataFolder(folder);
  try {
    const full: string[] = [];
    for (const part of parts) if (await holdsSomething(folder[part])) full.push(folder[part]);
    if (full.length > 0 && !force) throw new NotEmptyError(`${full.join(' and ')} hold data`);
    await endLeftoverServers(folder, await loadOrCreateCredentials(folder.credentials), logger);
    for (const path of full) await rename(path, `${path}.before-restore-${systemSources.nowMs()}`);
  } finally {
    await lock.release();
  }
}

async function holdsSomething(path: string): Promise<boolean> {
  return (await readdir(path).catch(() => [])).length > 0;
}

/** @throws {NotEmptyError} without `force`, for tables of another log */
async function emptyTables(
  { databaseUrl }: Addresses,
  { database: { schema } }: ServiceConfig,
  force: boolean,
): Promise<void> {
  const client = await connectToRebuild(databaseUrl);
  try {
    const applied = await readCheckpoint(client, schema).then(
      ({ sequence }) => sequence,
      () => 0,
    );
    if (applied > 0 && !force)
      throw new NotEmptyError(`PostgreSQL's schema ${schema} holds tables of another log`);
    if (applied > 0) await dropSchema(client, schema);
  } finally {
    await client.end();
  }
}

interface RestoredLog {
  readonly folder: string;
  readonly manifest: BackupManifest;
  readonly config: ServiceConfig;
  readonly addresses: Addresses;
  readonly logger: Logger;
  readonly force: boolean;
  readonly signal: AbortSignal;
}

async function restoreLog(use: RestoredLog): Promise<void> {
  const { config, addresses, logger, manifest, signal, folder, force } = use;
  const nats = await connectNats({ nats: addresses.nats }, logger, { name: 'llm-message-queue restore' });
  try {
    await restoreStreams({ connection: nats, folder, manifest, force, replicas: config.nats.replicas });
    const log = await openEventLog(nats, config, logger);
    try {
      const { lastSequence: last } = await log.extent();
      if (last !== manifest.last_sequence) {
        throw new BackupDamagedError(
          MANIFEST_FILE,
          `tells of ${manifest.last_sequence}, the log ends at ${last}`,
        );
      }
      await rebuild({
        ...{ log, signal, resume: false, force, sources: systemSources, maxBatch: REBUILD_BATCH },
        database: { url: addresses.databaseUrl, schema: config.database.schema },
        onProgress: () => {},
      });
    } finally {
      await log.close();
    }
  } finally {
    await nats.close();
  }
}
