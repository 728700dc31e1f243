import * as client from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';

/** The client gives up after five seconds, for which a broker on a machine with much to do may well be silent. */
const PATIENCE = { timeout: 20_000 };

export function jetstream(
  nats: NatsConnection,
  options: client.JetStreamOptions = {},
): client.JetStreamClient {
  return client.jetstream(nats, { ...PATIENCE, ...options });
}

export function jetstreamManager(
  nats: NatsConnection,
  options: client.JetStreamManagerOptions = {},
): Promise<client.JetStreamManager> {
  return client.jetstreamManager(nats, { ...PATIENCE, ...options });
}
