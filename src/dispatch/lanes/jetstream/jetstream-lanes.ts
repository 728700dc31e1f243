import { setTimeout as sleep } from 'node:timers/promises';
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { EVENTS_STREAM } from '../../../broker/streams.js';
import { LANES } from '../../../domain/message/lane.policy.js';
import { perLaneOf } from '../../../domain/message/per-lane.js';
import { positionOf } from '../../../log/log-position.js';
import { DEFAULT_ROUTE, routeOf } from '../../../log/subjects.js';
import { SERVICE_CONFIG } from '../../../platform/config/service-config.js';
import { LOGGER, NATS } from '../../../platform/tokens.js';
import type { Lanes, ModelQueue, ServedModels } from '../lane.port.js';
import { RouteFeed, type RouteFeedOptions } from './route-feed.js';
import { type RouteFeeds, RouteQueue } from './route-queue.js';

/** `queue.worker`, as far as it is about taking messages off the lanes. */
export interface LanesConfig {
  readonly queue: { readonly worker: { readonly ack_wait_ms: number } };
}

/** A deadline is extended when a third to two thirds of it are over, so that one late round does no harm. */
const EXTENSIONS_PER_ACK_WAIT = 3;
const FLUSH_TIMEOUT_MS = 1_000;

/**
 * The lanes of one worker on a JetStream connection: a feed for each lane of each route whose model is served, with one
 * timer for all ack deadlines. The broker's consumers outlive it: their places in the log are what keeps a model that
 * comes back from having its whole past handed out again (docs/adr/0014).
 */
@Injectable()
export class JetStreamLanes implements Lanes {
  queues: readonly ModelQueue[] = [];
  private readonly routes = new Map<string, RouteFeeds>();
  /** Feeds of routes that are served no more, while messages that they took are in somebody's hands. */
  private leftOver: RouteFeed[] = [];
  private readonly options: RouteFeedOptions;
  private extensions: NodeJS.Timeout | undefined;
  private onChange: () => void = () => undefined;
  private lastPosition: Promise<number> | null = null;
  private stopped = false;

  constructor(
    @Inject(NATS) private readonly nats: NatsConnection,
    @Inject(SERVICE_CONFIG) { queue: { worker } }: LanesConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.options = {
      ackWaitMs: worker.ack_wait_ms,
      onChange: () => this.onChange(),
      lastPosition: (manager) => this.readLastPosition(manager),
    };
  }

  async start(models: ServedModels, onChange: () => void): Promise<void> {
    this.onChange = onChange;
    this.extensions = setInterval(
      () => this.extendDeadlines(),
      this.options.ackWaitMs / EXTENSIONS_PER_ACK_WAIT,
    );
    const added = this.follow(models);
    await Promise.all(added.map((feed) => feed.start()));
  }

  serve(models: ServedModels): void {
    if (this.stopped) return;
    for (const feed of this.follow(models)) feed.begin();
  }

  /** Messages that no version could read, since the start. */
  get undecodable(): number {
    return this.all().reduce((sum, feed) => sum + feed.undecodable, 0);
  }

  repliesHeld(forMs: number): string[] {
    return this.all().flatMap((feed) => feed.repliesHeld(forMs));
  }

  lose(replies: ReadonlySet<string>): void {
    for (const feed of this.all()) feed.lose(replies);
  }

  async stopTaking(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.all().map((feed) => feed.stopTaking()));
  }

  async close(): Promise<void> {
    clearInterval(this.extensions);
    // Without a connection there is nobody to tell, and the broker finds out by the ack deadlines.
    const flushed = this.nats.isClosed() ? Promise.resolve() : this.nats.flush().catch(() => {});
    await Promise.race([flushed, sleep(FLUSH_TIMEOUT_MS, undefined, { ref: false })]);
  }

  /** Returns the feeds that are new, and not started. */
  private follow({ models, defaultModel }: ServedModels): RouteFeed[] {
    const wanted = new Map(models.map((model) => [routeOf(model), model]));
    const added = [...wanted.keys(), DEFAULT_ROUTE].filter((route) => !this.routes.has(route));
    for (const route of added) this.routes.set(route, this.feedsOf(route));
    for (const [route, feeds] of this.routes) {
      if (wanted.has(route) || route === DEFAULT_ROUTE) continue;
      this.routes.delete(route);
      this.leave(LANES.map((lane) => feeds[lane]));
    }
    const byDefault = this.routes.get(DEFAULT_ROUTE)!;
    this.queues = [...wanted].map(([route, model]) => {
      const own = this.routes.get(route)!;
      return new RouteQueue(model, model === defaultModel ? [own, byDefault] : [own]);
    });
    return added.flatMap((route) => LANES.map((lane) => this.routes.get(route)![lane]));
  }

  private feedsOf(route: string): RouteFeeds {
    return perLaneOf((lane) => new RouteFeed(lane, route, this.nats, this.options, this.logger));
  }

  private leave(feeds: readonly RouteFeed[]): void {
    this.leftOver.push(...feeds);
    for (const feed of feeds) void feed.stopTaking();
  }

  private extendDeadlines(): void {
    this.leftOver = this.leftOver.filter((feed) => !feed.isFree);
    for (const feed of this.all()) feed.extendDeadlines();
  }

  /** All feeds open their pulls when the connection is back: one question answers for those that ask meanwhile. */
  private readLastPosition(manager: JetStreamManager): Promise<number> {
    this.lastPosition ??= manager.streams
      .info(EVENTS_STREAM)
      .then(({ state }) => positionOf(state.last_seq))
      .finally(() => {
        this.lastPosition = null;
      });
    return this.lastPosition;
  }

  private all(): RouteFeed[] {
    const served = [...this.routes.values()].flatMap((feeds) => LANES.map((lane) => feeds[lane]));
    return [...served, ...this.leftOver];
  }
}
