import { setTimeout as sleep } from 'node:timers/promises';
import type { JetStreamManager } from '@nats-io/jetstream';
import {
  createInbox,
  type Msg,
  type NatsConnection,
  nanos,
  type Subscription,
} from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { type DurableConsumer, ensureConsumer } from './ensure-consumer.js';

/** The server ends a pull after this time; the next one follows at once. */
const EXPIRES_MS = 30_000;
/** The server speaks at least this often while a pull is open. */
const HEARTBEAT_MS = 5_000;
/** Nothing heard for this long: the pull is gone, or the way to it. */
const DEAF_AFTER_MS = 2.5 * HEARTBEAT_MS;
/** Heartbeats but no message for this long: worth asking whether there are any. */
const SILENT_AFTER_MS = 10_000;
/** About every ten seconds, and not for what is over in less. */
const WARN_EVERY_ATTEMPTS = 10;
const REOPEN_DELAYS_MS = [100, 250, 500, 1_000] as const;

export interface PullOptions {
  readonly stream: string;
  /** A durable pull consumer; created, or brought to these settings, each time the pull opens. */
  readonly consumer: DurableConsumer;
  /** At most this many messages are asked for and not yet taken. */
  readonly capacity: number;
  /** How many messages were received and not yet taken. */
  readonly buffered: () => number;
  /** Awaited before the first request of each opening, and so before any message that the broker may have forgotten. */
  readonly beforeOpen?: () => Promise<void>;
  /** Called for each message as it arrives; must not throw. */
  readonly onMessage: (message: Msg) => void;
}

/**
 * Keeps asking a durable consumer for as many messages as there is room for.
 *
 * The client's own `consume` is not used: with a callback it asks for more as soon as messages arrive, whether or not
 * anybody took them, so a lane's backlog would end up in one worker's memory.
 *
 * States: closed -> opening (the consumer is made sure of) -> open (requests are out or wanted) -> and back to opening
 * whenever the requests that are out can no longer be trusted: the connection or the consumer was gone, heartbeats
 * stopped, or the server is silent though messages wait. Messages of requests given up that come after all are welcome.
 */
export class Pull {
  private readonly inbox = createInbox();
  private readonly stopping = new AbortController();
  private subscription: Subscription | null = null;
  private connected = true;
  private isOpen = false;
  private opening = false;
  /** Names the requests of one opening, so that what the server says of earlier ones is not mixed in. */
  private session = 0;
  /** Messages asked for that have not come. */
  private outstanding = 0;
  private heardAt = 0;
  private receivedAt = 0;

  constructor(
    private readonly nats: NatsConnection,
    private readonly manager: JetStreamManager,
    private readonly options: PullOptions,
    private readonly logger: Logger,
  ) {}

  /** @throws when the consumer can't be created */
  async start(): Promise<void> {
    this.subscription = this.nats.subscribe(`${this.inbox}.*`, {
      callback: (error, message) => {
        if (error) this.reopen(error.message);
        else this.received(message);
      },
    });
    await this.open();
  }

  /** To be called when messages were taken. Asks once half the room is free: fewer, larger requests. */
  demand(): void {
    if (!this.isOpen) return;
    const expected = this.options.buffered() + this.outstanding;
    if (expected > this.options.capacity / 2) return;
    const now = performance.now();
    if (this.outstanding === 0) {
      this.heardAt = now;
      this.receivedAt = now;
    }
    this.request(this.options.capacity - expected);
  }

  /** To be called about once per second. */
  watch(): void {
    if (!this.isOpen || this.outstanding === 0) return;
    const now = performance.now();
    if (now - this.heardAt > DEAF_AFTER_MS) this.reopen('no heartbeat came');
    else if (now - this.receivedAt > SILENT_AFTER_MS) {
      this.receivedAt = now;
      void this.askWhetherSilenceIsRight();
    }
  }

  connectionLost(): void {
    this.isOpen = false;
    this.connected = false;
  }

  connectionBack(): void {
    this.connected = true;
    this.reopen('the connection was lost');
  }

  /** No message arrives after this has resolved, and none that was sent before is dropped. */
  async stop(): Promise<void> {
    this.isOpen = false;
    this.stopping.abort();
    // The server answers a drain when it has sent everything; without a connection nothing can arrive anyhow.
    await Promise.race([this.subscription?.drain().catch(() => {}), sleep(1_000, undefined, { ref: false })]);
  }

  private async open(): Promise<void> {
    await ensureConsumer(this.manager, this.options.stream, this.options.consumer);
    await this.options.beforeOpen?.();
    if (this.stopping.signal.aborted) return;
    this.session += 1;
    this.outstanding = 0;
    this.isOpen = true;
    this.demand();
  }

  private reopen(reason: string): void {
    this.isOpen = false;
    if (this.opening || this.stopping.signal.aborted) return;
    this.opening = true;
    this.logger.info({ consumer: this.options.consumer.durable_name, reason }, 'opening the pull again');
    void this.openUntilDone().finally(() => {
      this.opening = false;
    });
  }

  private async openUntilDone(): Promise<void> {
    for (let attempt = 0; !this.stopping.signal.aborted; attempt += 1) {
      const delayMs = REOPEN_DELAYS_MS[Math.min(attempt, REOPEN_DELAYS_MS.length - 1)];
      // The first delay too: a server that answers each request with a refusal must not be asked in a tight loop.
      await sleep(delayMs, undefined, { signal: this.stopping.signal }).catch(() => {});
      // A request now would only run into its time-out, and hold up the opening after the connection is back.
      if (!this.connected) continue;
      try {
        return await this.open();
      } catch (error) {
        const level = attempt % WARN_EVERY_ATTEMPTS === WARN_EVERY_ATTEMPTS - 1 ? 'warn' : 'debug';
        this.logger[level]({ err: error, consumer: this.options.consumer.durable_name }, 'no pull yet');
      }
    }
  }

  private request(batch: number): void {
    const { stream, consumer } = this.options;
    const body = { batch, expires: nanos(EXPIRES_MS), idle_heartbeat: nanos(HEARTBEAT_MS) };
    this.outstanding += batch;
    try {
      this.nats.publish(
        `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer.durable_name}`,
        JSON.stringify(body),
        {
          reply: `${this.inbox}.${this.session}`,
        },
      );
    } catch (error) {
      // Closing for good; a connection that is merely away buffers or drops.
      this.logger.debug({ err: error }, 'the pull request was not sent');
    }
  }

  private received(message: Msg): void {
    this.heardAt = performance.now();
    if (message.reply?.startsWith('$JS.ACK.')) {
      this.outstanding = Math.max(0, this.outstanding - 1);
      this.receivedAt = this.heardAt;
      this.options.onMessage(message);
      this.demand();
    } else if (message.subject === `${this.inbox}.${this.session}`) {
      this.told(message);
    }
  }

  private told(status: Msg): void {
    const code = status.headers?.code ?? 0;
    if (code === 100) return;
    const left = Number(status.headers?.get('Nats-Pending-Messages') || Number.NaN);
    if ((code === 408 || code === 404) && left >= 0) {
      this.outstanding = Math.max(0, this.outstanding - left);
      this.demand();
      return;
    }
    // 409 the consumer was deleted, moved or has too many requests; 503 JetStream is not up yet.
    if (this.isOpen) this.reopen(`the server said ${code} ${status.headers?.description ?? ''}`);
  }

  /** Pulls have been seen open but silent while messages waited (heartbeats and all); asking again wakes them. */
  private async askWhetherSilenceIsRight(): Promise<void> {
    const { stream, consumer } = this.options;
    const { session, receivedAt } = this;
    try {
      const info = await this.manager.consumers.info(stream, consumer.durable_name);
      const mayDeliver = info.num_ack_pending < (info.config.max_ack_pending ?? Number.POSITIVE_INFINITY);
      const stillSilent = session === this.session && receivedAt === this.receivedAt;
      if (info.num_pending > 0 && mayDeliver && stillSilent && this.outstanding > 0) {
        this.reopen(`${info.num_pending} messages wait but none was delivered`);
      }
    } catch (error) {
      if (this.isOpen) this.reopen((error as Error).message);
    }
  }
}
