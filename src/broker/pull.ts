import { setTimeout as sleep } from 'node:timers/promises';
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import {
  createInbox,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  nanos,
  type Subscription,
} from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { type Delivery, parseAckSubject } from './acks.js';
import { ConnectionWatch } from './connection-watch.js';
import { LeaderNews } from './leader-news.js';
import { pullStatus } from './pull-status.js';
import { everySecond } from './seconds.js';
import { whenSettled } from './when-settled.js';

interface Pace {
  /** The server ends a request after this time; the next one follows at once. */
  readonly expiresMs: number;
  /** The server speaks at least this often while a request is open. */
  readonly heartbeatMs: number;
  /**
   * Nothing was heard for so many ticks of a second: the request is lost, or the connection to it. Ticks and not time: a
   * process that was busy for long has not read what arrived meanwhile, and has ticked only once.
   */
  readonly deafTicks: number;
  /** Heartbeats but no message for so many ticks: worth asking whether there are any. */
  readonly silentTicks: number;
}
const AWAKE: Pace = { expiresMs: 30_000, heartbeatMs: 2_000, deafTicks: 5, silentTicks: 10 };
/** Of a pull that may rest, after a request that ended without a message: there can be hundreds of them. */
const AT_REST: Pace = { expiresMs: 300_000, heartbeatMs: 15_000, deafTicks: 40, silentTicks: 60 };
const TICK_MS = 1_000;
const API_TIMEOUT_MS = 5_000;
/** The first is that of the very first opening; a server that refuses each request must not be asked in a tight loop. */
const OPEN_DELAYS_MS = [0, 100, 250, 500, 1_000] as const;
/** About every ten seconds, and not for what is over in less. */
const WARN_EVERY_ATTEMPTS = 10;
const DRAIN_TIMEOUT_MS = 1_000;
/** A consumer that was made just now has its first leader, and no request that an earlier one forgot. */
const NEW_LEADER_AFTER_MS = 2_000;

export interface PullOptions {
  readonly stream: string;
  /**
   * Makes sure that the consumer exists, and resolves with its name. Called at each opening, before the first request, so
   * it can also read what must be known before the first message.
   */
  readonly consumer: (manager: JetStreamManager) => Promise<string>;
  /** How many messages to ask for now, while so many are asked for that have not come; 0 for none. */
  readonly wanted: (outstanding: number) => number;
  /** The most bytes of one request. With a limit, ask for nothing while anything is outstanding. */
  readonly maxBytes?: () => number;
  /** Called for each message as it arrives; must not throw. */
  readonly onMessage: (message: Msg, delivery: Delivery) => void;
  /**
   * Whether the next request asks for what is there at once, instead of waiting for what comes. Only while nothing is
   * outstanding, and nothing more may be wanted before the answer. `onNothing` is called where there is less than that.
   */
  readonly atOnce?: () => boolean;
  readonly onNothing?: () => void;
  /** A pull that waits in vain may cost less, and find out later that the server forgot its request. */
  readonly mayRest?: boolean;
}

/**
 * Keeps asking a consumer for as many messages as its owner has room for (docs/adr/0004).
 *
 * The client's own `consume` is not used: with a callback it asks for more as soon as messages arrive, whether or not
 * anybody took them, so a backlog would end up in one process's memory.
 *
 * States: closed -> opening (the consumer is made sure of) -> open (requests are out or wanted) -> and back to opening
 * whenever the requests that are out can no longer be trusted: the connection or the consumer was gone, heartbeats
 * stopped, or the server is silent though messages wait. Messages of requests that were given up can still arrive: of a
 * durable consumer they are used, and who makes a consumer for each opening drops them, by the consumer's name.
 */
export class Pull {
  private readonly inbox = createInbox();
  private readonly stopping = new AbortController();
  private readonly watch: ConnectionWatch;
  private readonly stopWatching: (() => void)[] = [];
  private stopNews: () => void = () => undefined;
  private subscription: Subscription | null = null;
  private stopTicking: () => void = () => undefined;
  private pace = AWAKE;
  private manager: Promise<JetStreamManager> | null = null;
  private consumer = '';
  private openedAt = 0;
  private connectionIsBack: () => void = () => undefined;
  private isOpen = false;
  private opening = false;
  /** Names the requests of one opening, so that what the server says of earlier ones is not mixed in. */
  private session = 0;
  /** Messages asked for that have not come. */
  private outstanding = 0;
  private received = 0;
  /** Openings since the server last showed that a request of ours is open there. */
  private reopened = 0;
  /** Since anything was heard, and since a message came. */
  private quietTicks = 0;
  private emptyTicks = 0;

  constructor(
    private readonly nats: NatsConnection,
    private readonly options: PullOptions,
    private readonly logger: Logger,
  ) {
    this.watch = ConnectionWatch.of(nats);
  }

  /**
   * Waits for a broker that is starting too.
   *
   * @throws when the consumer can't be made sure of; nothing is left running then but what `stop` ends
   */
  async start(): Promise<void> {
    this.listen();
    this.opening = true;
    await whenSettled(() => this.open()).finally(() => {
      this.opening = false;
    });
  }

  /** As `start`, but opens as soon as the broker lets it. */
  begin(): void {
    this.listen();
    this.openAgain(0);
  }

  /** To be called when messages were taken. */
  demand(): void {
    if (!this.isOpen) return;
    const batch = this.options.wanted(this.outstanding);
    if (batch <= 0) return;
    if (this.outstanding === 0) {
      this.quietTicks = 0;
      this.emptyTicks = 0;
    }
    this.request(batch);
  }

  /** Gives up the requests that are out, and opens again. */
  reopen(reason: string): void {
    this.isOpen = false;
    if (this.opening || this.stopping.signal.aborted) return;
    // Without a majority a cluster takes requests and ends them at once, for as long as that lasts.
    const level = this.reopened === 0 ? 'info' : levelOf(this.reopened);
    this.logger[level]({ consumer: this.consumer, reason }, 'opening the pull again');
    this.reopened += 1;
    this.openAgain(this.reopened);
  }

  /** No message arrives after this has resolved, and none that was sent before is dropped. */
  async stop(): Promise<void> {
    this.isOpen = false;
    this.stopping.abort();
    this.connectionIsBack();
    this.stopTicking();
    for (const stop of this.stopWatching.splice(0)) stop();
    this.stopNews();
    const { subscription } = this;
    // Without a connection nothing can arrive.
    if (!this.watch.up) subscription?.unsubscribe();
    // The server answers a drain when it has sent everything.
    else
      await Promise.race([
        subscription?.drain().catch(() => {}),
        sleep(DRAIN_TIMEOUT_MS, undefined, { ref: false }),
      ]);
  }

  private listen(): void {
    this.subscription = this.nats.subscribe(`${this.inbox}.*`, {
      callback: (error, message) => {
        if (error) this.reopen(error.message);
        else this.heard(message);
      },
    });
    this.stopWatching.push(
      this.watch.onDown(() => {
        this.isOpen = false;
      }),
      this.watch.onUp(() => {
        this.connectionIsBack();
        this.reopen('the connection was lost');
      }),
    );
    this.stopTicking = everySecond(() => this.tick());
  }

  private async open(): Promise<void> {
    this.manager ??= jetstreamManager(this.nats, { checkAPI: false, timeout: API_TIMEOUT_MS });
    const consumer = await this.options.consumer(await this.manager);
    if (this.stopping.signal.aborted) return;
    if (consumer !== this.consumer) this.hearOf(consumer);
    this.openedAt = performance.now();
    this.session += 1;
    this.outstanding = 0;
    this.pace = AWAKE;
    this.isOpen = true;
    this.demand();
  }

  /** A leader that is new knows of no request that the one before it took. */
  private hearOf(consumer: string): void {
    this.stopNews();
    this.consumer = consumer;
    this.stopNews = LeaderNews.of(this.nats).ofConsumer(this.options.stream, consumer, () => {
      if (this.isOpen && performance.now() - this.openedAt > NEW_LEADER_AFTER_MS)
        this.reopen('the consumer has a new leader');
    });
  }

  private openAgain(firstDelay: number): void {
    this.opening = true;
    void this.openUntilDone(firstDelay).finally(() => {
      this.opening = false;
    });
  }

  private async openUntilDone(firstDelay: number): Promise<void> {
    for (let attempt = firstDelay; !this.stopping.signal.aborted; attempt += 1) {
      const delayMs = OPEN_DELAYS_MS[Math.min(attempt, OPEN_DELAYS_MS.length - 1)];
      if (delayMs) await sleep(delayMs, undefined, { signal: this.stopping.signal }).catch(() => {});
      // A request now would only run into its time-out, and hold up the opening after the connection is back.
      if (!this.watch.up) {
        await new Promise<void>((resolve) => {
          this.connectionIsBack = resolve;
        });
        attempt = 0;
        continue;
      }
      try {
        return await this.open();
      } catch (error) {
        const { stream } = this.options;
        this.logger[levelOf(attempt)]({ err: error, stream, consumer: this.consumer }, 'no pull yet');
      }
    }
  }

  private request(batch: number): void {
    const { stream, maxBytes, atOnce } = this.options;
    const { expiresMs, heartbeatMs } = this.pace;
    const body = {
      batch,
      ...(atOnce?.() ? { no_wait: true } : { expires: nanos(expiresMs), idle_heartbeat: nanos(heartbeatMs) }),
      ...(maxBytes === undefined ? {} : { max_bytes: maxBytes() }),
    };
    this.outstanding += batch;
    try {
      this.nats.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${this.consumer}`, JSON.stringify(body), {
        reply: `${this.inbox}.${this.session}`,
      });
    } catch (error) {
      // Closing for good; a connection that is merely away buffers or drops.
      this.logger.debug({ err: error }, 'the pull request was not sent');
    }
  }

  private heard(message: Msg): void {
    this.quietTicks = 0;
    // Asked first, and not for the status, because that would decode the headers of every message.
    const delivery = parseAckSubject(message.reply ?? '');
    if (delivery !== null) {
      this.outstanding = Math.max(0, this.outstanding - 1);
      this.received += 1;
      this.reopened = 0;
      this.emptyTicks = 0;
      this.pace = AWAKE;
      this.options.onMessage(message, delivery);
      this.demand();
    } else if (message.headers !== undefined && message.subject === `${this.inbox}.${this.session}`) {
      this.told(message.headers);
    }
  }

  private told(status: MsgHdrs): void {
    const { code, description } = status;
    const meaning = pullStatus(code, description);
    if (meaning !== 'broken') this.reopened = 0;
    if (meaning === 'alive' || meaning === 'completed') return;
    const left = Number(status.get('Nats-Pending-Messages') || Number.NaN);
    if (meaning === 'nothing') {
      this.outstanding = 0;
      this.options.onNothing?.();
      this.demand();
    } else if (meaning === 'over' && left >= 0) {
      this.outstanding = Math.max(0, this.outstanding - left);
      if (this.options.mayRest && this.emptyTicks * TICK_MS >= AWAKE.expiresMs / 2) this.pace = AT_REST;
      this.demand();
    } else if (this.isOpen) {
      this.reopen(`the server said ${code} ${description}`);
    }
  }

  private tick(): void {
    if (!this.isOpen || this.outstanding === 0) return;
    this.quietTicks += 1;
    this.emptyTicks += 1;
    if (this.quietTicks > this.pace.deafTicks) this.reopen('no heartbeat came');
    else if (this.emptyTicks % this.pace.silentTicks === 0) {
      void this.askWhetherSilenceIsRight();
    }
  }

  /** Pulls have been seen open but silent while messages waited (heartbeats and all); asking again wakes them. */
  private async askWhetherSilenceIsRight(): Promise<void> {
    const { session, received } = this;
    try {
      const info = await (await this.manager!).consumers.info(this.options.stream, this.consumer);
      const limit = info.config.max_ack_pending ?? 0;
      const mayDeliver = limit <= 0 || info.num_ack_pending < limit;
      const stillSilent = session === this.session && received === this.received;
      if (info.num_pending > 0 && mayDeliver && stillSilent && this.outstanding > 0) {
        this.reopen(`${info.num_pending} messages wait but none was delivered`);
      }
    } catch (error) {
      if (this.isOpen) this.reopen((error as Error).message);
    }
  }
}

function levelOf(attempt: number): 'warn' | 'debug' {
  return attempt % WARN_EVERY_ATTEMPTS === WARN_EVERY_ATTEMPTS - 1 ? 'warn' : 'debug';
}

/** For `wanted`: what to ask for once half of the capacity is free. So requests are few and large. */
export function capacityLeft(capacity: number, expected: number): number {
  return expected > capacity / 2 ? 0 : capacity - expected;
}
