import { jetstreamManager, type StreamConfig } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { intakeStreamsIn } from '../../../broker/intake-streams.js';
import { streamInfo } from '../../../broker/stream-info.js';
import { restoreStream } from '../../../broker/stream-snapshots.js';
import { ownStreams } from '../../../broker/streams.js';
import { chunksOf } from '../backup-files.js';
import type { BackupManifest } from '../backup-manifest.js';

export interface RestoreParts {
  readonly connection: NatsConnection;
  readonly folder: string;
  readonly manifest: BackupManifest;
  /** Copies of each stream, here and now. */
  readonly replicas: number;
  /** Takes out what is in the broker. */
  readonly force: boolean;
}

/** Where a restore would write, there is something already. */
export class NotEmptyError extends Error {
  readonly code = 'restore_refused';
  constructor(detail: string) {
    super(
      `Nothing was restored: ${detail}. Restore into an empty place, or use --force if what is there may go.`,
    );
  }
}

/**
 * Puts the back-up's streams into the broker. The files must have been checked before.
 *
 * @throws {NotEmptyError} without `force`, when one of the service's streams holds something
 * @throws {SnapshotError} when the broker does not take one; run it again then, with `force`
 */
export async function restoreStreams(parts: RestoreParts): Promise<void> {
  const { connection, folder, manifest, replicas } = parts;
  const manager = await jetstreamManager(connection, { checkAPI: false });
  const there: string[] = [];
  const own = ownStreams({ idempotencyTtlMs: 0 }).map(({ name }) => name);
  for (const name of [...own, ...(await intakeStreamsIn(manager))]) {
    const info = await streamInfo(manager, name);
    if (info === null) continue;
    if (info.state.last_seq > 0 && !parts.force)
      throw new NotEmptyError(`the broker has a stream ${name} with content`);
    there.push(name);
  }
  // All of them: what is left of another time does not fit to what is restored.
  for (const name of there) await manager.streams.delete(name);
  for (const stream of manifest.streams) {
    const config = { ...stream.config, num_replicas: replicas } as unknown as StreamConfig;
    await restoreStream(connection, { config, state: stream.state }, chunksOf(folder, stream));
  }
}
