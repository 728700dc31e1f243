import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection, Server } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { isPassing } from './api-codes.js';
import { ConnectionWatch } from './connection-watch.js';
import { withoutMajority } from './majority.policy.js';
import { everySecond } from './seconds.js';
import { EVENTS_STREAM } from './streams.js';

/**
 * So many ticks of a second without an answer to a ping. Ticks and not time: a process that was busy for long has not read
 * the answer that arrived meanwhile, and has ticked only once.
 */
const MISSED_TICKS = 3;
/** So many answers in a row that tell of no majority: about as long as an election takes, which every server waits for. */
const ALONE_ANSWERS = 4;
/** While the other servers are no better, each is left after twice as many, up to this. */
const MOST_ALONE_ANSWERS = 64;
const ANSWERS_WITHIN_MS = 1_000;
/** A server that was left is asked again when the others were tried. */
const SHUNNED_FOR_MS = 10_000;

/** What of the client's inside is used here (`@nats-io/nats-core` 3.4, `ProtocolHandler`). */
interface Inside {
  readonly protocol?: { readonly transport?: { readonly socket?: { destroy?: () => void } } };
}

interface Left {
  readonly listen: string;
  readonly at: number;
  tried: number;
}

/**
 * Leaves a server of a cluster for another one: one that stands still, and one that is cut off from the others. The
 * connections of the first stay open, and the client's own pings find out after half a minute. The second answers them, and
 * stores nothing. A server without others is waited for: it has nobody to go to, and its disk may be slow.
 */
export class ServerWatch {
  private left: Left | null = null;
  private asked = false;
  private missed = 0;
  private manager: Promise<JetStreamManager> | null = null;
  private askedLog = false;
  private alone = 0;
  private leavesAfter = ALONE_ANSWERS;

  /** For the client, which asks before each connecting; null leaves the choice to it. */
  choose(pool: readonly Server[]): Server | null {
    const { left } = this;
    const others = pool.filter(({ listen }) => listen !== left?.listen);
    if (left === null || performance.now() - left.at > SHUNNED_FOR_MS || left.tried >= others.length)
      return null;
    left.tried += 1;
    return others[left.tried - 1] ?? null;
  }

  /** Until the connection is closed. */
  begin(connection: NatsConnection, logger: Logger): void {
    const state = ConnectionWatch.of(connection);
    const stopTicking = everySecond(() => {
      if (!state.up || connection.isDraining() || connection.getServers().length < 2) {
        this.missed = 0;
        this.alone = 0;
        return;
      }
      if (!this.asked) this.ask(connection);
      else this.miss(connection, logger);
      if (!this.askedLog) void this.askLog(connection, logger);
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
      this.leave(connection, logger, 'this NATS server does not answer; connecting to another one');
    } else if (this.missed > MISSED_TICKS) {
      // The client waits until what it wrote has left, which it never does where the server reads nothing.
      (connection as Inside).protocol?.transport?.socket?.destroy?.();
    }
  }

  private async askLog(connection: NatsConnection, logger: Logger): Promise<void> {
    this.askedLog = true;
    const isAlone = await this.hearsNoMajority(connection);
    this.askedLog = false;
    if (!isAlone) {
      this.alone = 0;
      this.leavesAfter = ALONE_ANSWERS;
      return;
    }
    this.alone += 1;
    if (this.alone < this.leavesAfter || !ConnectionWatch.of(connection).up || connection.isDraining())
      return;
    this.alone = 0;
    this.leavesAfter = Math.min(2 * this.leavesAfter, MOST_ALONE_ANSWERS);
    this.leave(connection, logger, 'this NATS server reaches no majority; connecting to another one');
  }

  /** What is refused for another reason is an answer of the cluster. */
  private async hearsNoMajority(connection: NatsConnection): Promise<boolean> {
    try {
      this.manager ??= jetstreamManager(connection, { checkAPI: false, timeout: ANSWERS_WITHIN_MS });
      const { cluster } = await (await this.manager).streams.info(EVENTS_STREAM);
      return withoutMajority(cluster) !== null;
    } catch (error) {
      return isPassing(error);
    }
  }

  private leave(connection: NatsConnection, logger: Logger, why: string): void {
    const server = connection.getServer();
    logger.warn({ server }, why);
    this.left = { listen: server, at: performance.now(), tried: 0 };
    void connection.reconnect();
  }
}
