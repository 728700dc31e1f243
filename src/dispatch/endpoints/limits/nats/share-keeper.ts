import { setTimeout as sleep } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Provider } from '@nestjs/common';
import type { Logger } from 'pino';
import { isStreamMissing } from '../../../../broker/api-codes.js';
import { broadcast, onBroadcast } from '../../../../broker/broadcasts.js';
import { CompareAndSetBucket } from '../../../../broker/compare-and-set-bucket.js';
import { ConnectionWatch } from '../../../../broker/connection-watch.js';
import { ensureStreams } from '../../../../broker/ensure-streams.js';
import { ENDPOINT_SHARES_BUCKET } from '../../../../broker/streams.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../../../platform/config/service-config.js';
import { ThrottledWarning } from '../../../../platform/logging/throttled-warning.js';
import { LOGGER, NATS } from '../../../../platform/tokens.js';
import type { EndpointState } from '../../endpoint.state.js';
import { EndpointRegistry } from '../../endpoint-registry.js';
import { EndpointPeers, SILENT_MS } from '../../health/nats/endpoint-peers.js';
import type { EndpointLimits } from '../endpoint-limits.js';
import type { Ledger } from '../share-ledger.policy.js';
import { EndpointAccount } from './endpoint-account.js';
import { ledgerSchema, type Want, wantSchema, writtenSchema } from './share-messages.js';

const WRITTEN = 'llmq.endpoints.shares';
const WANT = 'llmq.endpoints.want';
const BROKER_ANSWERS_WITHIN_MS = 3_000;
/** Between two times of asking: the first, and the longest while nobody gives. */
const ASKS_EVERY_MS = 50;
const ASKS_SELDOM_MS = 1_000;
/** What was got and not used for so long was not needed; then it is asked for ever more seldom. */
const USED_WITHIN_MS = 1_000;
const MOST_SELDOM_MS = 60_000;
const GIVES_AGAIN_MS = 20;

interface Account {
  readonly account: EndpointAccount;
  readonly limits: EndpointLimits;
  readonly unread: ThrottledWarning;
  readonly unchanged: ThrottledWarning;
  asksFromMs: number;
  pauseMs: number;
  gotAtMs: number;
  /** Of its share, when that was last looked at. */
  places: number;
  /** Who waits for what is idle next. */
  waiting: { readonly want: Want; readonly untilMs: number } | null;
  givesFromMs: number;
}

/**
 * Divides among all workers what each endpoint allows: places, requests and tokens of a minute.
 *
 * A worker that is alone takes everything, and asks nobody when it calls. One that needs more than it has takes what
 * nobody has, or asks the others, who give what is idle with them. The share of one that is gone goes to the others some
 * seconds after it was last heard; so a worker that may not have been heard begins nothing until it has read its share
 * again. While nobody needs more, nothing is written and nothing sent.
 */
export class ShareKeeper {
  private readonly accounts = new Map<string, Account>();
  private readonly bucket: CompareAndSetBucket<Ledger>;
  private endings: (() => void)[] = [];
  private startedMs = 0;
  private isStopped = false;

  constructor(
    private readonly nats: NatsConnection,
    private readonly registry: EndpointRegistry,
    private readonly peers: EndpointPeers,
    private readonly logger: Logger,
    /** Makes the bucket anew where the broker has lost it. */
    private readonly ensureBucket: () => Promise<unknown>,
  ) {
    this.bucket = new CompareAndSetBucket(
      nats,
      ENDPOINT_SHARES_BUCKET,
      parseLedger,
      BROKER_ANSWERS_WITHIN_MS,
    );
  }

  /** Resolves when this process has its shares, or the broker does not say; then it goes on trying. */
  async start(): Promise<void> {
    this.startedMs = performance.now();
    const { events } = this.peers;
    const onChanged = (state: EndpointState) => this.changed(state);
    const onBeat = () => this.beat();
    const onLeft = (member: string) => this.left(member);
    const onGap = () => this.grewOld();
    const onHeard = () => this.heard();
    this.registry.events.on('changed', onChanged);
    events.on('beat', onBeat).on('left', onLeft).on('gap', onGap).on('heard', onHeard);
    this.endings = [
      onBroadcast(this.nats, WRITTEN, writtenSchema, ({ endpoint, revision, ledger }) => {
        this.accounts.get(endpoint)?.account.hear(revision, ledger);
      }),
      onBroadcast(this.nats, WANT, wantSchema, (want) => this.wanted(want)),
      () => this.registry.events.off('changed', onChanged),
      () => events.off('beat', onBeat).off('left', onLeft).off('gap', onGap).off('heard', onHeard),
      // The broker may come back with nothing in its memory.
      ConnectionWatch.of(this.nats).onDown(onGap),
    ];
    await Promise.all([...this.registry.limits().keys()].map((endpoint) => this.open(endpoint)));
  }

  /** Gives everything back. */
  async stop(): Promise<void> {
    this.isStopped = true;
    for (const end of this.endings.splice(0)) end();
    if (this.nats.isClosed()) return;
    const leaving = [...this.accounts.values()].map(({ account }) => account.leave());
    // Without it the others wait until this process is silent for long enough.
    await Promise.race([
      Promise.allSettled(leaving),
      sleep(BROKER_ANSWERS_WITHIN_MS, undefined, { ref: false }),
    ]);
  }

  private open(endpoint: string): Promise<void> {
    const limits = this.registry.limits().get(endpoint);
    if (limits === undefined || this.accounts.has(endpoint)) return Promise.resolve();
    const account = new EndpointAccount({
      ...{ endpoint, limits, bucket: this.bucket, member: this.peers.name },
      written: (revision, ledger) => broadcast(this.nats, WRITTEN, { endpoint, revision, ledger }),
      changed: () => {
        this.got(endpoint);
        this.registry.apportioned(endpoint);
      },
      isHeard: () => this.peers.isHeard,
    });
    const entry: Account = {
      ...{
        account,
        limits,
        unread: new ThrottledWarning(this.logger),
        unchanged: new ThrottledWarning(this.logger),
        asksFromMs: 0,
        pauseMs: ASKS_EVERY_MS,
        gotAtMs: 0,
        places: 0,
        waiting: null,
        givesFromMs: 0,
      },
    };
    this.accounts.set(endpoint, entry);
    limits.onShort = () => this.short(endpoint, entry);
    limits.onIdle = () => this.giveIdle(endpoint, entry);
    return this.read(endpoint, entry, true);
  }

  private changed({ name, phase }: EndpointState): void {
    if (phase === 'removing') {
      const entry = this.accounts.get(name);
      this.accounts.delete(name);
      if (entry !== undefined) this.run(name, entry.account.leave());
      return;
    }
    const entry = this.accounts.get(name);
    // The limits may be others now.
    if (entry === undefined) void this.open(name);
    else this.run(name, entry.account.claim());
  }

  private async read(endpoint: string, { account, unread }: Account, isStart: boolean): Promise<void> {
    try {
      await account.read(isStart);
    } catch (err) {
      if (isStreamMissing(err)) await this.ensureBucket().catch(() => undefined);
      unread.warn({ err, endpoint }, "this worker's share of an endpoint could not be read; trying again");
    }
  }

  private beat(): void {
    const alive = new Set(this.peers.members);
    const knowsWhoIsAlive = this.peers.leads && performance.now() - this.startedMs > SILENT_MS;
    for (const [endpoint, entry] of this.accounts) {
      if (entry.account.needsReading) {
        if (this.peers.isHeard) void this.read(endpoint, entry, false);
        continue;
      }
      if (alive.size === 1 && entry.account.hasFree && this.peers.isHeard)
        this.run(endpoint, entry.account.claim());
      if (!knowsWhoIsAlive) continue;
      for (const member of entry.account.members) {
        if (!alive.has(member))
          this.run(endpoint, entry.account.bury(member, this.peers.lastUse(member, endpoint)));
      }
    }
  }

  private left(member: string): void {
    if (!this.peers.leads) return;
    for (const [endpoint, { account }] of this.accounts) {
      if (account.members.includes(member))
        this.run(endpoint, account.bury(member, this.peers.lastUse(member, endpoint)));
    }
  }

  private heard(): void {
    for (const [endpoint, entry] of this.accounts) {
      if (entry.account.needsReading) void this.read(endpoint, entry, false);
      else this.registry.apportioned(endpoint);
    }
  }

  private grewOld(): void {
    for (const { account } of this.accounts.values()) account.grewOld();
  }

  /** A call was asked for, and this process's share has no room for it. */
  private short(endpoint: string, entry: Account): void {
    const nowMs = performance.now();
    if (nowMs < entry.asksFromMs || this.isStopped || entry.account.needsReading) return;
    entry.asksFromMs = nowMs + ASKS_EVERY_MS;
    if (entry.account.hasFree) {
      this.run(endpoint, entry.account.claim());
      return;
    }
    const lacks = entry.limits.lacks(nowMs);
    if (lacks.length === 0) return;
    entry.pauseMs = this.pauseAfter(entry, nowMs);
    entry.asksFromMs = nowMs + entry.pauseMs;
    broadcast(this.nats, WANT, { member: this.peers.name, endpoint, lacks });
    // Whoever asked here in vain asks again when it is told to.
    setTimeout(() => this.registry.apportioned(endpoint), Math.min(entry.pauseMs, ASKS_SELDOM_MS)).unref();
  }

  /** Asked for in vain a second is often enough; and what was got and never used was not needed at all. */
  private pauseAfter({ limits, gotAtMs, pauseMs }: Account, nowMs: number): number {
    const { usedAtMs } = limits;
    const isUseless = gotAtMs > usedAtMs && nowMs - gotAtMs > USED_WITHIN_MS;
    if (isUseless) return Math.min(pauseMs * 2, MOST_SELDOM_MS);
    return usedAtMs >= gotAtMs && nowMs - usedAtMs < USED_WITHIN_MS
      ? ASKS_EVERY_MS
      : Math.min(pauseMs * 2, ASKS_SELDOM_MS);
  }

  private got(endpoint: string): void {
    const entry = this.accounts.get(endpoint);
    if (entry === undefined) return;
    const places = entry.limits.share('places');
    if (places > entry.places) entry.gotAtMs = performance.now();
    entry.places = places;
  }

  private wanted(want: Want): void {
    const entry = this.accounts.get(want.endpoint);
    if (entry === undefined || want.member === this.peers.name || !this.peers.members.includes(want.member))
      return;
    entry.waiting = { want, untilMs: performance.now() + ASKS_SELDOM_MS };
    this.giveIdle(want.endpoint, entry);
  }

  private giveIdle(endpoint: string, entry: Account): void {
    const nowMs = performance.now();
    const { waiting } = entry;
    if (waiting === null || nowMs < entry.givesFromMs) return;
    if (waiting.untilMs < nowMs) {
      entry.waiting = null;
      return;
    }
    entry.givesFromMs = nowMs + GIVES_AGAIN_MS;
    this.run(endpoint, entry.account.give(waiting.want.member, waiting.want.lacks));
  }

  private run(endpoint: string, work: Promise<unknown>): void {
    work.catch((err: unknown) => {
      if (this.isStopped || this.nats.isClosed()) return;
      const entry = this.accounts.get(endpoint);
      entry?.unchanged.warn({ err, endpoint }, 'the shares of an endpoint could not be changed');
      entry?.account.grewOld();
    });
  }
}

/** Null in a process that calls no endpoint: it needs no share. */
export const SHARE_KEEPER: Provider = {
  provide: ShareKeeper,
  inject: [NATS, EndpointRegistry, EndpointPeers, SERVICE_CONFIG, LOGGER],
  useFactory: (
    nats: NatsConnection,
    registry: EndpointRegistry,
    peers: EndpointPeers,
    { roles, nats: { replicas }, queue }: ServiceConfig,
    logger: Logger,
  ) => {
    const ensure = () => ensureStreams(nats, replicas, queue.idempotency_ttl_ms);
    return roles.has('worker') ? new ShareKeeper(nats, registry, peers, logger, ensure) : null;
  },
};

function parseLedger(json: unknown): Ledger {
  return ledgerSchema.parse(json);
}
