import type { NatsConnection, Status } from '@nats-io/transport-node';
import type { Logger } from 'pino';

type Listener = () => void;

/**
 * The one watcher of a connection: it knows whether the connection is up, and tells listeners when that changes. The
 * client reconnects by itself, without end, until the connection is closed.
 */
export class ConnectionWatch {
  private static readonly watches = new WeakMap<NatsConnection, ConnectionWatch>();
  private standing: boolean;
  private readonly downListeners = new Set<Listener>();
  private readonly upListeners = new Set<Listener>();
  private logger: Logger | null = null;

  private constructor(private readonly connection: NatsConnection) {
    this.standing = !connection.isClosed();
    void this.follow();
  }

  /** The connection's watch. The first call makes it and takes the connection for up, so call it right after connecting. */
  static of(connection: NatsConnection): ConnectionWatch {
    const known = ConnectionWatch.watches.get(connection);
    if (known !== undefined) return known;
    const watch = new ConnectionWatch(connection);
    ConnectionWatch.watches.set(connection, watch);
    return watch;
  }

  get up(): boolean {
    return this.standing;
  }

  /** @returns what ends the subscription */
  onDown(listener: Listener): Listener {
    this.downListeners.add(listener);
    return () => this.downListeners.delete(listener);
  }

  /** @returns what ends the subscription */
  onUp(listener: Listener): Listener {
    this.upListeners.add(listener);
    return () => this.upListeners.delete(listener);
  }

  /** Says in the log from now on what happens to the connection. */
  logTo(logger: Logger): void {
    this.logger = logger;
    void this.connection.closed().then((error) => {
      if (error instanceof Error) logger.error({ err: error }, 'the NATS connection is closed for good');
    });
  }

  private async follow(): Promise<void> {
    for await (const status of this.connection.status()) {
      if (this.logger !== null) logStatus(status, this.logger);
      if (status.type === 'disconnect' || status.type === 'close') this.change(false, this.downListeners);
      else if (status.type === 'reconnect') this.change(true, this.upListeners);
    }
    this.change(false, this.downListeners);
  }

  private change(standing: boolean, listeners: Set<Listener>): void {
    this.standing = standing;
    for (const listener of [...listeners]) listener();
  }
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
