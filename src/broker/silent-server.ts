import type { NatsConnection, Server } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { ConnectionWatch } from './connection-watch.js';
import { everySecond } from './seconds.js';

/**
 * So many ticks of a second without an answer to a ping. Ticks and not time: a process that was busy for long has not read
 * the answer that arrived meanwhile, and has ticked only once.
 */
const MISSED_TICKS = 3;
/** A server that was left is asked again when the others were tried. */
const SHUNNED_FOR_MS = 10_000;

/** What of the client's inside is used here (`@nats-io/nats-core` 3.4, `ProtocolHandler`). */
interface Inside {
  readonly protocol?: { readonly transport?: { readonly socket?: { destroy?: () => void } } };
}

/**
 * Leaves a server of a cluster that stands still, for another one. Its connections stay open, and the client's own pings
 * find out after half a minute. A server without others is waited for: it has nobody to go to, and its disk may be slow.
 */
export class SilentServer {
  private left: { readonly listen: string; readonly at: number } | null = null;
  private asked = false;
  private missed = 0;

  /** For the client, which asks before each connecting; null leaves the choice to it. */
  choose(pool: readonly Server[]): Server | null {
    const { left } = this;
    if (left === null || performance.now() - left.at > SHUNNED_FOR_MS) return null;
    return pool.find(({ listen }) => listen !== left.listen) ?? null;
  }

  /** Until the connection is closed. */
  watch(connection: NatsConnection, logger: Logger): void {
    const state = ConnectionWatch.of(connection);
    const stopTicking = everySecond(() => {
      if (!state.up || connection.isDraining() || connection.getServers().length < 2) this.missed = 0;
      else if (!this.asked) this.ask(connection);
      else this.miss(connection, logger);
    });
    void connection.closed().then(stopTicking);
  }

  private ask(connection: NatsConnection): void {
    this.asked = true;
    this.missed = 0;
    const answered = () => {
      this.asked = false;
    };
    // It fails where the connection goes.
    connection.flush().then(answered, answered);
  }

  private miss(connection: NatsConnection, logger: Logger): void {
    this.missed += 1;
    if (this.missed === MISSED_TICKS) {
      const server = connection.getServer();
      logger.warn({ server }, 'this NATS server does not answer; connecting to another one');
      this.left = { listen: server, at: performance.now() };
      void connection.reconnect();
    } else if (this.missed > MISSED_TICKS) {
      // The client waits until what it wrote has left, which it never does where the server reads nothing.
      (connection as Inside).protocol?.transport?.socket?.destroy?.();
    }
  }
}
