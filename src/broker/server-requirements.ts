import { setTimeout as sleep } from 'node:timers/promises';
import { JetStreamApiError, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { isPassing } from './api-codes.js';
import { NatsError } from './broker.errors.js';

/** Earlier ones can lose acknowledged writes when a stream is compacted, even with an fsync per write. */
const OLDEST_SERVER = '2.14.7';

const BETWEEN_TRIES_MS = 250;
const TRY_TIMEOUT_MS = 2_000;

/**
 * A cluster answers on the API of JetStream when more than half of its servers have elected a leader.
 *
 * @param waitMs how long to wait for that
 * @throws {NatsError} `nats_unsuitable` when the server is too old, or has no JetStream for this login;
 *   `nats_without_leader` when nobody answered in time
 */
export async function assertSuitable(
  connection: NatsConnection,
  waitMs: number,
  logger: Pick<Logger, 'warn'>,
): Promise<void> {
  const { version } = connection.info!;
  if (!isAtLeast(version, OLDEST_SERVER)) {
    throw new NatsError(
      'nats_unsuitable',
      `The NATS server at ${connection.getServer()} is version ${version}, and at least ${OLDEST_SERVER} is needed: earlier ones can lose acknowledged writes. Upgrade it, or leave nats.url (NATS_URL) empty to start the embedded NATS server.`,
    );
  }
  const manager = await jetstreamManager(connection, { checkAPI: false, timeout: TRY_TIMEOUT_MS });
  const deadline = performance.now() + waitMs;
  for (let attempt = 1; ; attempt += 1) {
    try {
      await manager.getAccountInfo();
      return;
    } catch (cause) {
      const server = connection.getServer();
      // Whether it takes part in JetStream a server says by itself, before it is asked for anything.
      const takesPart = connection.info?.jetstream === true;
      if (!isPassing(cause) || !takesPart)
        throw new NatsError('nats_unsuitable', withoutJetStream(server, cause), { cause });
      if (performance.now() >= deadline)
        throw new NatsError('nats_without_leader', withoutLeader(server, waitMs), { cause });
      if (attempt === 1)
        logger.warn({ server }, 'JetStream does not answer yet: its servers have no leader. Waiting for one');
      await sleep(BETWEEN_TRIES_MS);
    }
  }
}

function withoutLeader(server: string, waitMs: number): string {
  return `The NATS server at ${server} answers, but JetStream does not (asked for ${Math.round(waitMs / 1_000)} s): its servers have no leader. In a cluster more than half of the servers must run and reach each other. Start those that are missing; "nats server report jetstream" tells which.`;
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
