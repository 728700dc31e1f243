import type { NatsConnection, Status } from '@nats-io/transport-node';
import type { Logger } from 'pino';

/** Says in the log what happens to the connection, until it is closed. */
export function logConnection(connection: NatsConnection, logger: Logger): void {
  void (async () => {
    for await (const status of connection.status()) logStatus(status, logger);
  })();
  void connection.closed().then((error) => {
    if (error instanceof Error) logger.error({ err: error }, 'the NATS connection is closed for good');
  });
}

function logStatus(status: Status, logger: Logger): void {
  switch (status.type) {
    case 'disconnect':
      logger.warn({ server: status.server }, 'NATS is away; trying to come back');
      break;
    case 'reconnect':
      logger.info({ server: status.server }, 'NATS is back');
      break;
    case 'staleConnection':
      logger.warn('NATS no longer answers pings; connecting afresh');
      break;
    case 'error':
      logger.error({ err: status.error }, 'NATS reported an error');
      break;
    case 'ldm':
      logger.info(
        { server: status.server },
        'the NATS server asks its clients to move on; it is going to stop',
      );
      break;
    default:
      logger.debug({ status: status.type }, 'NATS connection status');
  }
}
