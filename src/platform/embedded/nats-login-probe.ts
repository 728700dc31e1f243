import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import type { Login } from './credentials.js';

const TIMEOUT_MS = 2_000;

/** Resolves when the server on this loopback port takes the login and its JetStream answers; rejects otherwise. */
export async function probeNats(port: number, login: Login): Promise<void> {
  const connection = await connect({
    servers: `127.0.0.1:${port}`,
    user: login.user,
    pass: login.password,
    timeout: TIMEOUT_MS,
    reconnect: false,
    name: 'llmq-supervisor',
  });
  try {
    const manager = await jetstreamManager(connection, { timeout: TIMEOUT_MS, checkAPI: false });
    await manager.getAccountInfo();
  } finally {
    await connection.close();
  }
}
