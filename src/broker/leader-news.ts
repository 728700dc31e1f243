import type { NatsConnection, Subscription } from '@nats-io/transport-node';

type Listener = () => void;

const ELECTED = '$JS.EVENT.ADVISORY.*.LEADER_ELECTED.>';
const STREAM = 'STREAM';
const CONSUMER = 'CONSUMER';
/** `$JS.EVENT.ADVISORY.` */
const KIND_AT = 3;
/** Behind the kind and `LEADER_ELECTED`. */
const NAME_AT = 5;
/**
 * It is told a moment before the leader listens. Spread, since one server can have led hundreds of consumers, and all
 * processes hear of it at once.
 */
const SOONEST_MS = 100;
const SPREAD_MS = 300;

/**
 * What a cluster tells of its elections: requests that an earlier leader was sent are lost, and whoever waits for their
 * answers need not wait for their time-outs. Only a hint: a login that may not hear it, or a moment without connection,
 * leaves it to the time-outs. One subscription for each connection.
 */
export class LeaderNews {
  private static readonly all = new WeakMap<NatsConnection, LeaderNews>();
  private readonly listeners = new Map<string, Set<Listener>>();
  private subscription: Subscription | null = null;

  private constructor(private readonly connection: NatsConnection) {}

  static of(connection: NatsConnection): LeaderNews {
    const known = LeaderNews.all.get(connection);
    if (known !== undefined) return known;
    const news = new LeaderNews(connection);
    LeaderNews.all.set(connection, news);
    return news;
  }

  /** @returns what ends the listening */
  ofStream(stream: string, listener: Listener): Listener {
    return this.on(`${STREAM}.${stream}`, listener);
  }

  /** @returns what ends the listening */
  ofConsumer(stream: string, consumer: string, listener: Listener): Listener {
    return this.on(`${CONSUMER}.${stream}.${consumer}`, listener);
  }

  private on(key: string, listener: Listener): Listener {
    this.subscription ??= this.connection.subscribe(ELECTED, {
      callback: (error, message) => {
        if (error === null) this.heard(message.subject.split('.'));
      },
    });
    const those = this.listeners.get(key) ?? new Set();
    this.listeners.set(key, those.add(listener));
    return () => {
      those.delete(listener);
      if (those.size === 0 && this.listeners.get(key) === those) this.listeners.delete(key);
    };
  }

  private heard(tokens: readonly string[]): void {
    const key = [tokens[KIND_AT], ...tokens.slice(NAME_AT)].join('.');
    const those = this.listeners.get(key);
    if (those === undefined) return;
    const inMs = SOONEST_MS + Math.random() * SPREAD_MS;
    setTimeout(() => {
      for (const listener of [...those]) listener();
    }, inMs).unref();
  }
}
