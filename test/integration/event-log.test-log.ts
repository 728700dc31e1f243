import type { NatsConnection } from '@nats-io/transport-node';
import { connectNats } from '../../src/broker/connect-nats.js';
import { ensureStreams } from '../../src/broker/ensure-streams.js';
import { EVENTS_STREAM } from '../../src/broker/streams.js';
import {
  JetStreamEventLog,
  type JetStreamEventLogOptions,
} from '../../src/log/jetstream/jetstream-event-log.js';
import { jetstreamManager } from '../support/jetstream.js';
import { silentLogger } from '../support/silent-logger.js';
import type { TestNats } from '../support/test-nats.js';

/** How to reach a server. */
export type NatsLogin = Pick<TestNats, 'url' | 'user' | 'password'>;

export const DEFAULTS: JetStreamEventLogOptions = {
  appendTimeoutMs: 30_000,
  appendBufferBytes: 64 * 1024 * 1024,
};

export interface OpenLog {
  readonly log: JetStreamEventLog;
  readonly connection: NatsConnection;
  close(): Promise<void>;
}

export function connectTo(nats: NatsLogin): Promise<NatsConnection> {
  return connectNats({ nats }, silentLogger);
}

/** A log with a connection of its own, as another process would have. */
export async function openLog(
  nats: NatsLogin,
  options: Partial<JetStreamEventLogOptions> = {},
): Promise<OpenLog> {
  const connection = await connectTo(nats);
  await ensureStreams(connection, 1);
  const log = new JetStreamEventLog(connection, silentLogger, { ...DEFAULTS, ...options });
  return {
    log,
    connection,
    close: async () => {
      await log.close();
      await connection.close();
    },
  };
}

/** The next log begins at sequence 1 again. */
export async function dropLog(connection: NatsConnection): Promise<void> {
  const manager = await jetstreamManager(connection);
  await manager.streams.delete(EVENTS_STREAM);
}
