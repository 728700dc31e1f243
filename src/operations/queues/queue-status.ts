import { Inject, Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { type LaneLag, LaneLagReader } from '../../dispatch/lanes/jetstream/lane-lag.js';
import { LanePauses, type Pause } from '../../dispatch/lanes/lane-pauses.js';
import { WorkerRegistry } from '../../dispatch/workers/worker-registry.js';
import { LANES, type Lane } from '../../domain/message/lane.policy.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import {
  type LaneFigures,
  NO_TOTALS,
  QueueFigures,
  type Totals,
} from '../../projection/read/queue-figures.js';
import { TOTALS_FOR_MS } from './queue-stats.js';

/** The span over which throughput and waits are measured, in milliseconds. */
export const STATUS_SPAN_MS = 60_000;
const FIGURES_FOR_MS = 1_000;

/** As configured; null for none. */
export interface LaneLimits {
  readonly maxSize: number | null;
  /** In one worker. */
  readonly maxConcurrent: number | null;
  readonly minShare: number;
}

export interface LaneStatus {
  readonly lane: Lane;
  /** Null where the broker did not tell. */
  readonly waiting: number | null;
  readonly running: number;
  readonly held: number;
  readonly scheduled: number;
  readonly dead: number;
  readonly oldestAgeSeconds: number | null;
  readonly capacity: number;
  /** Of the capacity, from 0 to 1; null without a worker. */
  readonly utilisation: number | null;
  readonly limits: LaneLimits;
  readonly totals: Totals;
  /** Messages per second that ended in the last minute. */
  readonly throughput: number;
  readonly averageWaitMs: number | null;
  readonly p95WaitMs: number | null;
  readonly pause: Pause | null;
}

/** The state of the lanes over all processes and tenants, at most about a second old. */
@Injectable()
export class QueueStatus {
  private readonly cache: LRUCache<'lanes', ReadonlyMap<Lane, LaneFigures>>;
  private readonly totals: LRUCache<'totals', ReadonlyMap<Lane | null, Totals>>;

  constructor(
    @Inject(LaneLagReader) private readonly lag: LaneLagReader,
    @Inject(WorkerRegistry) private readonly workers: WorkerRegistry,
    @Inject(LanePauses) private readonly pauses: LanePauses,
    @Inject(QueueFigures) figures: QueueFigures,
    @Inject(SOURCES) private readonly sources: Sources,
    @Inject(SERVICE_CONFIG) private readonly config: Pick<ServiceConfig, 'queue'>,
  ) {
    const fetchMethod = () => figures.lanes(STATUS_SPAN_MS);
    this.cache = new LRUCache({ max: 1, ttl: FIGURES_FOR_MS, fetchMethod });
    this.totals = new LRUCache({ max: 1, ttl: TOTALS_FOR_MS, fetchMethod: () => figures.totals(null) });
  }

  async lanes(): Promise<LaneStatus[]> {
    const [lag, figures, totals] = await Promise.all([
      this.lag.read(),
      this.cache.forceFetch('lanes'),
      this.totals.forceFetch('totals'),
    ]);
    return LANES.map((lane) =>
      this.status(lane, lag.get(lane), figures.get(lane), totals.get(lane) ?? NO_TOTALS),
    );
  }

  get workerCount(): number {
    return this.workers.count;
  }

  private status(
    lane: Lane,
    lag: LaneLag | undefined,
    figures: LaneFigures | undefined,
    totals: Totals,
  ): LaneStatus {
    const { workers } = this;
    const capacity = workers.capacity(lane);
    const { max_size, max_concurrent, min_share } = this.config.queue.levels[lane];
    const since = figures?.oldestWaitingSince ?? null;
    return {
      lane,
      waiting: waitingOf(lag, workers.running(lane)),
      running: workers.running(lane),
      held: figures?.held ?? 0,
      scheduled: figures?.scheduled ?? 0,
      dead: figures?.dead ?? 0,
      oldestAgeSeconds:
        since === null ? null : Math.max(0, (this.sources.nowMs() - Date.parse(since)) / 1_000),
      capacity,
      utilisation: capacity === 0 ? null : Math.min(1, workers.running(lane) / capacity),
      limits: { maxSize: max_size || null, maxConcurrent: max_concurrent, minShare: min_share },
      totals,
      throughput: (figures?.ended ?? 0) / (STATUS_SPAN_MS / 1_000),
      averageWaitMs: figures?.averageWaitMs ?? null,
      p95WaitMs: figures?.p95WaitMs ?? null,
      pause: this.pauses.pauseOf(lane),
    };
  }
}

/** Messages that a worker holds but has not started are waiting too. */
export function waitingOf(lag: LaneLag | undefined, running: number): number | null {
  return lag === undefined ? null : Math.max(0, lag.waiting + lag.delivered - running);
}
