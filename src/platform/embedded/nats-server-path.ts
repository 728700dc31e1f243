import { resolve } from 'node:path';
import type { Logger } from 'pino';
import { findNatsServer } from '../../../scripts/nats-server-binary.js';
import { EmbeddedServerError } from './embedded-server.error.js';

/**
 * The path of a `nats-server` that is new enough: what NATS_SERVER_BIN names, else one on this machine, else it is
 * brought here. `npm start` has done that before and set NATS_SERVER_BIN; a bare `node dist/main.js` does it here.
 *
 * @throws {EmbeddedServerError} `nats_server_missing`, with all that was tried
 */
export async function natsServerPath(logger: Logger): Promise<string> {
  try {
    const { path, version, from } = await findNatsServer({ log: (text) => logger.info(text) });
    logger.debug(`nats-server ${version} at ${path} (${from}).`);
    return resolve(path);
  } catch (error) {
    throw new EmbeddedServerError('nats_server_missing', (error as Error).message, { cause: error });
  }
}
