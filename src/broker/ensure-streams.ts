import { setTimeout as sleep } from 'node:timers/promises';
import {
  JetStreamApiError,
  type JetStreamManager,
  jetstreamManager,
  StorageType,
  type StreamConfig,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { isNameInUse, isPassing, isWithoutRoom } from './api-codes.js';
import { IncompatibleStreamError, StreamSetupError } from './broker.errors.js';
import { improvements, incompatibilities, type StreamSettings } from './stream-compatibility.policy.js';
import { streamInfo } from './stream-info.js';
import { ownStreams, type WantedStream, wantedStreams } from './streams.js';

/** A cluster that just started elects its leaders first. */
const SETTLE_TIMEOUT_MS = 30_000;
const BETWEEN_TRIES_MS = 250;
const SHORTEST_IDEMPOTENCY_TTL_MS = 86_400_000;

/**
 * Makes the streams and buckets that are missing and checks those that are there. Safe when several processes start
 * at once: who comes second finds what the first one made.
 * @throws {IncompatibleStreamError} when one exists that the service must not run on
 * @throws {StreamSetupError} when the broker refuses to make one
 */
export async function ensureStreams(
  connection: NatsConnection,
  replicas: number,
  idempotencyTtlMs = SHORTEST_IDEMPOTENCY_TTL_MS,
): Promise<void> {
  const manager = await jetstreamManager(connection, { checkAPI: false });
  for (const wanted of wantedStreams({ replicas, idempotencyTtlMs })) {
    await whenSettled(wanted.name, () => ensureStream(manager, wanted));
  }
}

async function whenSettled(stream: string, ensure: () => Promise<void>): Promise<void> {
  const deadline = performance.now() + SETTLE_TIMEOUT_MS;
  for (;;) {
    try {
      return await ensure();
    } catch (error) {
      if (error instanceof IncompatibleStreamError) throw error;
      if (!isPassing(error) || performance.now() >= deadline) throw setupError(stream, error);
      await sleep(BETWEEN_TRIES_MS);
    }
  }
}

async function ensureStream(manager: JetStreamManager, wanted: WantedStream): Promise<void> {
  const have = (await streamInfo(manager, wanted.name))?.config ?? (await make(manager, wanted));
  const reasons = incompatibilities(settings(have), settings(wanted));
  if (reasons.length > 0) throw new IncompatibleStreamError(wanted.name, reasons.join('; '));
  const changes = improvements(settings(have), settings(wanted));
  if (changes !== null) {
    await manager.streams.update(wanted.name, { ...have, ...(changes as Partial<StreamConfig>) });
  }
}

/** Two processes that make the same stream with the same settings both succeed; with other settings the first wins. */
async function make(manager: JetStreamManager, wanted: WantedStream): Promise<StreamConfig> {
  try {
    return (await manager.streams.add(wanted)).config;
  } catch (error) {
    if (!isNameInUse(error)) throw error;
    return (await manager.streams.info(wanted.name)).config;
  }
}

/** The client declares its enums, the policy reads them as the strings that they are. */
function settings(config: Partial<StreamConfig>): StreamSettings {
  return config as StreamSettings;
}

function setupError(stream: string, cause: unknown): StreamSetupError {
  const detail = cause instanceof JetStreamApiError ? cause.message : String(cause);
  return new StreamSetupError(stream, isWithoutRoom(cause) ? `${detail}; ${ROOM_NEEDED}` : detail, { cause });
}

const ROOM_NEEDED = `the NATS server must offer at least ${setAside(StorageType.File)} MiB of file storage (max_file_store; for the embedded server nats.max_store_bytes and its disk) and ${setAside(StorageType.Memory)} MiB of memory (max_memory_store), and the account as much`;

/** What the streams that have a size make the server set aside, in MiB. */
function setAside(kind: StorageType): number {
  const sizes = ownStreams({ idempotencyTtlMs: SHORTEST_IDEMPOTENCY_TTL_MS })
    .filter(({ settings: { storage } }) => storage === kind)
    .map(({ settings: { max_bytes: most } }) => most ?? 0);
  return Math.ceil(sizes.reduce((sum, most) => sum + most, 0) / (1024 * 1024));
}
