import type { NatsConnection } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { ensureStreams } from '../../broker/ensure-streams.js';
import { retireStreams } from '../../broker/retire-streams.js';
import type { ServiceConfig } from '../../platform/config/service-config.js';
import { JetStreamEventLog } from './jetstream-event-log.js';

/**
 * The log on this connection, with the streams and buckets of the service made and checked first.
 * @throws {IncompatibleStreamError | StreamSetupError} with a `code` and one paragraph
 */
export async function openEventLog(
  connection: NatsConnection,
  { nats, queue }: Pick<ServiceConfig, 'nats' | 'queue'>,
  logger: Logger,
): Promise<JetStreamEventLog> {
  await ensureStreams(connection, nats.replicas, queue.idempotency_ttl_ms);
  await retireStreams(connection, logger);
  return new JetStreamEventLog(connection, logger, {
    appendTimeoutMs: nats.append_timeout_ms,
    appendBufferBytes: nats.append_buffer_bytes,
  });
}
