import {
  JetStreamApiError,
  type JetStreamManager,
  jetstreamManager,
  StorageType,
  type StreamConfig,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { isNameInUse, isPassing, isWithoutPeers, isWithoutRoom } from './api-codes.js';
import { IncompatibleStreamError, StreamSetupError } from './broker.errors.js';
import { improvements, incompatibilities, type StreamSettings } from './stream-compatibility.policy.js';
import { streamInfo } from './stream-info.js';
import { ownStreams, type WantedStream, wantedStreams } from './streams.js';
import { SETTLE_TIMEOUT_MS, whenSettled } from './when-settled.js';

const SHORTEST_IDEMPOTENCY_TTL_MS = 86_400_000;

/**
 * Makes the streams and buckets that are missing and checks those that are there. Safe when several processes start
 * at once: who comes second finds what the first one made. Copies are added while the streams are used, never taken away.
 *
 * @returns the streams that have more copies than `replicas`
 * @throws {IncompatibleStreamError} when one exists that the service must not run on
 * @throws {StreamSetupError} when the broker refuses to make one
 */
export async function ensureStreams(
  connection: NatsConnection,
  replicas: number,
  idempotencyTtlMs = SHORTEST_IDEMPOTENCY_TTL_MS,
): Promise<readonly string[]> {
  const manager = await jetstreamManager(connection, { checkAPI: false });
  const withMore: string[] = [];
  for (const wanted of wantedStreams({ replicas, idempotencyTtlMs })) {
    if ((await makeStream(connection, manager, wanted)) > replicas) withMore.push(wanted.name);
  }
  return withMore;
}

/** One of them. Resolves with how many copies it had before. @throws {IncompatibleStreamError} {StreamSetupError} */
export async function makeStream(
  { info }: Pick<NatsConnection, 'info'>,
  manager: JetStreamManager,
  wanted: WantedStream,
): Promise<number> {
  // Servers of a cluster that are still starting can't keep a copy yet.
  const inCluster = info?.cluster !== undefined;
  const passes = (error: unknown) => isPassing(error) || (inCluster && isWithoutPeers(error));
  try {
    return (await whenSettled(() => ensureStream(manager, wanted), passes)).num_replicas;
  } catch (error) {
    throw error instanceof IncompatibleStreamError ? error : setupError(wanted, error);
  }
}

/** The stream's settings as they were before. */
async function ensureStream(manager: JetStreamManager, wanted: WantedStream): Promise<StreamConfig> {
  const have = (await streamInfo(manager, wanted.name))?.config ?? (await make(manager, wanted));
  const reasons = incompatibilities(settings(have), settings(wanted));
  if (reasons.length > 0) throw new IncompatibleStreamError(wanted.name, reasons.join('; '));
  const changes = improvements(settings(have), settings(wanted));
  if (changes !== null) {
    await manager.streams.update(wanted.name, { ...have, ...(changes as Partial<StreamConfig>) });
  }
  return have;
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

function setupError({ name, num_replicas: copies }: WantedStream, cause: unknown): StreamSetupError {
  const detail = cause instanceof JetStreamApiError ? cause.message : String(cause);
  const advice = isWithoutRoom(cause)
    ? `; ${ROOM_NEEDED}`
    : isWithoutPeers(cause)
      ? `; nats.replicas (NATS_REPLICAS) is ${copies}, and there are not so many NATS servers that can keep a copy: lower it, or add servers`
      : isPassing(cause)
        ? `; JetStream did not answer for ${SETTLE_TIMEOUT_MS / 1_000} s: more than half of the cluster's servers must run and reach each other`
        : '';
  return new StreamSetupError(name, `${detail}${advice}`, { cause });
}

const ROOM_NEEDED = `the NATS server must offer at least ${setAside(StorageType.File)} MiB of file storage (max_file_store; for the embedded server nats.max_store_bytes and its disk) and ${setAside(StorageType.Memory)} MiB of memory (max_memory_store), and the account as much, beside what other streams set aside (of publishers nats.intake.max_bytes each)`;

/** What the streams that have a size make the server set aside, in MiB. */
function setAside(kind: StorageType): number {
  const sizes = ownStreams({ idempotencyTtlMs: SHORTEST_IDEMPOTENCY_TTL_MS })
    .filter(({ settings: { storage } }) => storage === kind)
    .map(({ settings: { max_bytes: most } }) => most ?? 0);
  return Math.ceil(sizes.reduce((sum, most) => sum + most, 0) / (1024 * 1024));
}
