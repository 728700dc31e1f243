import { resolve } from 'node:path';

/** The path of `nats-server`. */
export async function natsServerBinary(): Promise<string> {
  const configured = process.env['NATS_SERVER_BIN'] ?? '';
  return configured === '' ? 'nats-server' : resolve(configured);
}
