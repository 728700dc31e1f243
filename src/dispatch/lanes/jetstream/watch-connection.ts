import type { NatsConnection } from '@nats-io/transport-node';

export interface ConnectionListener {
  connectionLost(): void;
  connectionBack(): void;
}

/** Tells of each loss and return of the connection until it is closed for good. */
export async function watchConnection(nats: NatsConnection, listener: ConnectionListener): Promise<void> {
  for await (const status of nats.status()) {
    if (status.type === 'disconnect') listener.connectionLost();
    if (status.type === 'reconnect') listener.connectionBack();
  }
}
