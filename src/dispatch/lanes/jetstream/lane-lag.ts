import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable } from '@nestjs/common';
import { EVENTS_STREAM } from '../../../broker/streams.js';
import { LANES, type Lane } from '../../../domain/message/lane.policy.js';
import { perLaneOf } from '../../../domain/message/per-lane.js';
import { EVERY_ROUTE_SUBJECT, routeIn } from '../../../log/subjects.js';
import { SOURCES, type Sources } from '../../../platform/clock.js';
import { NATS } from '../../../platform/tokens.js';
import { drainRate, type SettledAt, withReading } from '../drain-rate.policy.js';
import { routeOfConsumer, unroutedConsumerName } from './route-consumers.js';

/**
 * A backlog in messages: each entry of a lane is one record of the log with one message, whatever positions its events
 * have.
 */
export interface Lag {
  /** Messages that no worker has taken yet. */
  readonly waiting: number;
  /** Messages that were delivered to workers and are not settled: ready or running, and those handed back with a delay. */
  readonly delivered: number;
  /** Messages per second that recently left; null until there are two readings. */
  readonly drainRate: number | null;
}

/** What the broker counts of a route beside its backlog. */
export interface RouteLag extends Lag {
  /** Messages that ever came into the route; fewer where some were erased. */
  readonly arrived: number;
  /** Null where no worker has made the consumer, or it does not answer. */
  readonly consumer: RouteConsumer | null;
}

export interface RouteConsumer {
  /** Messages that were delivered more than once, and are not settled. */
  readonly redelivered: number;
  /** The record of the log behind the last that was delivered. */
  readonly next: number;
}

/** A lane's backlog over all routes, and of each. */
export interface LaneLag extends Lag {
  readonly routes: ReadonlyMap<string, RouteLag>;
}

type AskListener = () => (lag: ReadonlyMap<Lane, LaneLag>) => void;

const FRESH_FOR_MS = 1_000;
const TIMEOUT_MS = 2_000;
/** No route is spelled so. */
const UNROUTED = '';

/** What the broker counts of a lane and route. */
interface Counted {
  /** Ever stored there. */
  stored: number;
  /** Of the consumer; null where no worker has made it. */
  left: ({ readonly waiting: number; readonly delivered: number } & RouteConsumer) | null;
}

/**
 * The lanes' lag, read from the broker at most once a second however many ask, unless they need it fresher. Where no
 * worker has ever made the consumer of a route, everything in the route waits.
 */
@Injectable()
export class LaneLagReader {
  private manager: Promise<JetStreamManager> | null = null;
  private readonly settled = new Map<string, readonly SettledAt[]>();
  private readonly listeners = new Set<AskListener>();
  private latest: { at: number; answered: boolean; lag: Promise<ReadonlyMap<Lane, LaneLag>> } | null = null;

  constructor(
    @Inject(NATS) private readonly nats: NatsConnection,
    @Inject(SOURCES) private readonly sources: Pick<Sources, 'steadyMs'>,
  ) {}

  /**
   * Calls the listener just before the broker is asked: what is stored from then on, the answer may not count. What the
   * listener returns gets the answer. Returns the way to stop listening.
   */
  onAsk(listener: AskListener): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /**
   * Never rejects; lanes that the broker did not tell of are left out. While the broker owes an answer it is not asked
   * again, whatever the age of what it was asked.
   */
  read(freshForMs: number = FRESH_FOR_MS): Promise<ReadonlyMap<Lane, LaneLag>> {
    const now = this.sources.steadyMs();
    if (this.latest === null || (this.latest.answered && now - this.latest.at >= freshForMs)) {
      const told = [...this.listeners].map((asked) => asked());
      const latest = { at: now, answered: false, lag: this.ask() };
      void latest.lag.then((lag) => {
        latest.answered = true;
        for (const answered of told) answered(lag);
      });
      this.latest = latest;
    }
    return this.latest.lag;
  }

  private async ask(): Promise<ReadonlyMap<Lane, LaneLag>> {
    try {
      this.manager ??= jetstreamManager(this.nats, { checkAPI: false, timeout: TIMEOUT_MS });
      const counted = await count(await this.manager);
      const atMs = this.sources.steadyMs();
      return new Map(LANES.map((lane) => [lane, this.lagOf(lane, counted[lane], atMs)]));
    } catch {
      return new Map();
    }
  }

  private lagOf(lane: Lane, routes: ReadonlyMap<string, Counted>, atMs: number): LaneLag {
    const lags = new Map<string, RouteLag>();
    let settledInAll = 0;
    for (const [route, { stored, left }] of routes) {
      const { waiting, delivered } = left ?? { waiting: stored, delivered: 0 };
      const settled = Math.max(0, stored - waiting - delivered);
      settledInAll += settled;
      const drained = this.drainRateOf(`${lane} ${route}`, settled, atMs);
      const consumer = left === null ? null : { redelivered: left.redelivered, next: left.next };
      lags.set(route, { waiting, delivered, drainRate: drained, arrived: stored, consumer });
    }
    return {
      waiting: sumOf(lags, (lag) => lag.waiting),
      delivered: sumOf(lags, (lag) => lag.delivered),
      drainRate: this.drainRateOf(lane, settledInAll, atMs),
      routes: lags,
    };
  }

  private drainRateOf(key: string, settled: number, atMs: number): number | null {
    const readings = withReading(this.settled.get(key) ?? [], { atMs, settled });
    this.settled.set(key, readings);
    return drainRate(readings);
  }
}

function sumOf(lags: ReadonlyMap<string, Lag>, of: (lag: Lag) => number): number {
  return [...lags.values()].reduce((sum, lag) => sum + of(lag), 0);
}

/** Two questions for all lanes and routes. What an earlier version left in a lane counts as a route of its own. */
async function count(manager: JetStreamManager): Promise<Record<Lane, Map<string, Counted>>> {
  const counted = perLaneOf(() => new Map<string, Counted>());
  const countedIn = (lane: Lane, route: string): Counted => {
    const known = counted[lane].get(route) ?? { stored: 0, left: null };
    counted[lane].set(route, known);
    return known;
  };
  // The consumers first: what is stored in between must not count as settled.
  for await (const info of manager.consumers.list(EVENTS_STREAM)) {
    const { name, num_pending: waiting, num_ack_pending: delivered, num_redelivered: redelivered } = info;
    const left = { waiting, delivered, redelivered, next: info.delivered.stream_seq + 1 };
    const routed = routeOfConsumer(name);
    const lane = LANES.find((each) => unroutedConsumerName(each) === name);
    if (routed !== null) countedIn(routed.lane, routed.route).left = left;
    else if (lane !== undefined) countedIn(lane, UNROUTED).left = left;
  }
  const { state } = await manager.streams.info(EVENTS_STREAM, { subjects_filter: EVERY_ROUTE_SUBJECT });
  for (const [subject, messages] of Object.entries(state.subjects ?? {})) {
    const routed = routeIn(subject);
    if (routed !== null) countedIn(routed.lane, routed.route).stored += messages;
  }
  return counted;
}
