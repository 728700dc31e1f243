import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { LaneHeads } from '../../dispatch/lanes/jetstream/lane-heads.js';
import { type LaneLag, LaneLagReader } from '../../dispatch/lanes/jetstream/lane-lag.js';
import { WorkerRegistry } from '../../dispatch/workers/worker-registry.js';
import { LANES, type Lane } from '../../domain/message/lane.policy.js';
import { perLaneOf } from '../../domain/message/per-lane.js';
import { DEFAULT_ROUTE, routeOf } from '../../log/subjects.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { type WaitingFigures, WaitingFiguresReader } from '../../projection/read/waiting-figures.js';
import type { Unknown } from '../policy/scale-inputs.policy.js';
import { type CountedRoute, countedRoutes } from './counted-routes.policy.js';
import { KnownModels } from './known-models.js';
import {
  NO_SERVICE,
  NO_TOTALS,
  type ServiceTotal,
  type ServiceTotals,
  withBeats,
} from './service-totals.state.js';

/** One lane of one model, as counted now. */
export interface CountedLane {
  /** Messages that no slot serves, those that workers hold ready included. */
  readonly waiting: number;
  readonly redelivering: number;
  readonly running: number;
  readonly oldestAgeMs: number;
  /** Counter of messages that came into the lane. */
  readonly arrived: number;
  /** Null where the tables do not say. */
  readonly dueWithinMinute: number | null;
  /** Of what was asked, by a sample; null where the tables do not say. */
  readonly waitingTokens: number | null;
}

export interface CountedModel {
  readonly model: string;
  readonly lanes: Readonly<Record<Lane, CountedLane | Unknown>>;
  readonly service: ServiceTotal;
}

/** A reading that comes later than this tells of another time than the rest. */
const ANSWER_WITHIN_MS = 2_500;
const FRESH_FOR_MS = 500;
export const DUE_WITHIN_MS = 60_000;
/** The tables are asked more seldom where they are slow to answer. */
const TABLES_PAUSE = 10;

type FromTables = readonly WaitingFigures[] | null;
type Lags = ReadonlyMap<Lane, LaneLag> | null;

/**
 * What the policy reads, from where it is true: messages from the consumers and the stream, each as its leader has it,
 * calls from the workers' beats, and deadlines and tokens of what waits from the tables.
 *
 * Where one does not say, the figure is unknown. It is never a zero that was made up.
 */
@Injectable()
export class LaneReader {
  private totals: ServiceTotals = NO_TOTALS;
  private tables: { readonly told: FromTables; readonly untilMs: number } = { told: null, untilMs: 0 };

  constructor(
    @Inject(LaneLagReader) private readonly lag: Pick<LaneLagReader, 'read'>,
    @Inject(LaneHeads) private readonly heads: Pick<LaneHeads, 'waitsSince'>,
    @Inject(WorkerRegistry) private readonly workers: Pick<WorkerRegistry, 'models' | 'served'>,
    @Inject(KnownModels) private readonly models: Pick<KnownModels, 'all' | 'isDefault'>,
    @Inject(WaitingFiguresReader) private readonly figures: Pick<WaitingFiguresReader, 'read'>,
    @Inject(SOURCES) private readonly sources: Pick<Sources, 'nowMs' | 'steadyMs'>,
  ) {}

  /** Never rejects. Models that are gone are in it no more. */
  async read(): Promise<CountedModel[]> {
    const [lags, told] = await Promise.all([
      Promise.race([this.lag.read(FRESH_FOR_MS), sleep(ANSWER_WITHIN_MS, null, { ref: false })]),
      this.fromTables(),
    ]);
    this.totals = withBeats(this.totals, this.workers.served);
    return Promise.all(this.models.all.map((model) => this.modelOf(model, lags, told)));
  }

  private async modelOf(model: string, lags: Lags, told: FromTables): Promise<CountedModel> {
    const counted = await Promise.all(LANES.map((lane) => this.laneOf(model, lane, lags, told)));
    return {
      model,
      lanes: perLaneOf((lane) => counted[LANES.indexOf(lane)]!),
      service: this.totals.models.get(model) ?? NO_SERVICE,
    };
  }

  private async laneOf(
    model: string,
    lane: Lane,
    lags: Lags,
    told: FromTables,
  ): Promise<CountedLane | Unknown> {
    if (lags === null) return { unknown: 'stale' };
    const lag = lags.get(lane);
    if (lag === undefined) return { unknown: 'unreachable' };
    const routes = this.models.isDefault(model) ? [routeOf(model), DEFAULT_ROUTE] : [routeOf(model)];
    const parts = countedRoutes(
      routes.map((route) => lag.routes.get(route)),
      this.isServed(model),
    );
    if (parts === null) return { unknown: 'missing_consumer' };
    const running = this.runningOf(model, lane);
    const sum = (of: (part: CountedRoute) => number) => parts.reduce((total, part) => total + of(part), 0);
    const oldestAgeMs = await this.oldestAge(lane, routes, parts);
    if (oldestAgeMs === null) return { unknown: 'unreachable' };
    const heldReady = Math.max(0, sum(({ delivered }) => delivered) - running);
    const waiting = sum((part) => part.waiting) + heldReady;
    return {
      ...{ running, oldestAgeMs, waiting },
      redelivering: sum(({ consumer }) => consumer.redelivered),
      arrived: sum(({ arrived }) => arrived),
      ...this.figuresOf(model, lane, waiting, told),
    };
  }

  /** Null where the broker does not say. */
  private async oldestAge(
    lane: Lane,
    routes: readonly string[],
    parts: readonly CountedRoute[],
  ): Promise<number | null> {
    try {
      const since = await Promise.all(
        parts.map(({ waiting, consumer }, at) =>
          waiting === 0 ? null : this.heads.waitsSince(lane, routes[at]!, consumer.next),
        ),
      );
      const known = since.filter((each) => each !== null);
      return known.length === 0 ? 0 : Math.max(0, this.sources.nowMs() - Math.min(...known));
    } catch {
      return null;
    }
  }

  /** A worker says which models it serves with its first beat; of those that are gone, what they did is remembered. */
  private isServed(model: string): boolean {
    return this.workers.models.has(model) || this.totals.models.has(model);
  }

  private runningOf(model: string, lane: Lane): number {
    return [...this.workers.served.values()]
      .flat()
      .reduce((sum, served) => sum + (served.model === model ? served.running[lane] : 0), 0);
  }

  private figuresOf(
    model: string,
    lane: Lane,
    waiting: number,
    told: FromTables,
  ): Pick<CountedLane, 'dueWithinMinute' | 'waitingTokens'> {
    if (told === null) return { dueWithinMinute: null, waitingTokens: null };
    const isOurs = (each: WaitingFigures) =>
      each.lane === lane && (each.model === null ? this.models.isDefault(model) : each.model === model);
    const ours = told.filter(isOurs);
    const sum = (of: (each: WaitingFigures) => number) => ours.reduce((total, each) => total + of(each), 0);
    const sampled = sum((each) => each.sampled);
    const mean = sampled === 0 ? null : sum((each) => each.sampledTokens) / sampled;
    return {
      dueWithinMinute: sum(({ due }) => due),
      waitingTokens: waiting === 0 ? 0 : mean === null ? null : Math.round(mean * waiting),
    };
  }

  /** Null where the tables do not say. */
  private async fromTables(): Promise<FromTables> {
    const askedMs = this.sources.steadyMs();
    if (askedMs < this.tables.untilMs) return this.tables.told;
    const told = await Promise.race([
      this.figures.read(DUE_WITHIN_MS).catch(() => null),
      sleep(ANSWER_WITHIN_MS, null, { ref: false }),
    ]);
    const nowMs = this.sources.steadyMs();
    this.tables = { told, untilMs: nowMs + TABLES_PAUSE * (nowMs - askedMs) };
    return told;
  }
}
