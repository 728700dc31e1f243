import { Inject, Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { type LaneLag, LaneLagReader } from '../../dispatch/lanes/jetstream/lane-lag.js';
import { LanePauses, type Pause } from '../../dispatch/lanes/lane-pauses.js';
import { WorkerRegistry } from '../../dispatch/workers/worker-registry.js';
import { LANES, type Lane } from '../../domain/message/message.events.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { type LaneFigures, QueueFigures } from '../../projection/read/queue-figures.js';

/** The span over which throughput and waits are measured, in milliseconds. */
export const STATUS_SPAN_MS = 60_000;
const FIGURES_FOR_MS = 1_000;

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

  constructor(
    @Inject(LaneLagReader) private readonly lag: LaneLagReader,
    @Inject(WorkerRegistry) private readonly workers: WorkerRegistry,
    @Inject(LanePauses) private readonly pauses: LanePauses,
    @Inject(QueueFigures) figures: QueueFigures,
    @Inject(SOURCES) private readonly sources: Sources,
  ) {
    const fetchMethod = () => figures.lanes(STATUS_SPAN_MS);
    this.cache = new LRUCache({ max: 1, ttl: FIGURES_FOR_MS, fetchMethod });
  }

  async lanes(): Promise<LaneStatus[]> {
    const [lag, figures] = await Promise.all([this.lag.read(), this.cache.forceFetch('lanes')]);
    return LANES.map((lane) => this.status(lane, lag.get(lane), figures.get(lane)));
  }

  get workerCount(): number {
    return this.workers.count;
  }

  private status(lane: Lane, lag: LaneLag | undefined, figures: LaneFigures | undefined): LaneStatus {
    const { workers } = this;
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
      capacity: workers.capacity(lane),
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
