import { JetStreamApiError, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { NatsError } from './broker.errors.js';

/** Earlier ones can lose acknowledged writes when a stream is compacted, even with an fsync per write. */
const OLDEST_SERVER = '2.14.7';

/** @throws {NatsError} `nats_unsuitable` when the server is too old, or has no JetStream for this login */
export async function assertSuitable(connection: NatsConnection): Promise<void> {
  const { version } = connection.info!;
  if (!isAtLeast(version, OLDEST_SERVER)) {
    throw new NatsError(
      'nats_unsuitable',
      `The NATS server at ${connection.getServer()} is version ${version}, and at least ${OLDEST_SERVER} is needed: earlier ones can lose acknowledged writes. Upgrade it, or leave nats.url (NATS_URL) empty to start the embedded NATS server.`,
    );
  }
  try {
    const manager = await jetstreamManager(connection, { checkAPI: false });
    await manager.getAccountInfo();
  } catch (cause) {
    throw new NatsError('nats_unsuitable', withoutJetStream(connection.getServer(), cause), { cause });
  }
}

function withoutJetStream(server: string, cause: unknown): string {
  const detail = cause instanceof JetStreamApiError ? cause.message : 'nothing answers on its API';
  return `The NATS server at ${server} offers no JetStream to this login (${detail}). Turn it on in the server's configuration ("jetstream { store_dir: ..., sync_interval: always }") and for the account, or leave nats.url (NATS_URL) empty to start the embedded NATS server.`;
}

/** Compares versions like `2.14.7` or `2.15.0-RC.1`; a pre-release counts as its release. Unreadable ones are too old. */
export function isAtLeast(version: string, least: string): boolean {
  const have = numbers(version);
  const want = numbers(least);
  for (const [index, wanted] of want.entries()) {
    const difference = (have[index] ?? -1) - wanted;
    if (difference !== 0) return difference > 0;
  }
  return true;
}

function numbers(version: string): number[] {
  const match = /^v?(\d+)\.(\d+)\.(\d+)/.exec(version);
  return match === null ? [] : match.slice(1).map(Number);
}
