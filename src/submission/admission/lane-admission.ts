import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { type LaneLag, LaneLagReader } from '../../dispatch/lanes/jetstream/lane-lag.js';
import { LanePauses } from '../../dispatch/lanes/lane-pauses.js';
import { WorkerRegistry } from '../../dispatch/workers/worker-registry.js';
import { LANES, type Lane } from '../../domain/message/lane.policy.js';
import { type PerLane, perLaneOf } from '../../domain/message/per-lane.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import type { QueueFull } from '../refusal.js';
import { drainSeconds, roomIn } from './lane-limit.policy.js';

/** The broker is asked so often where a lane has a limit. */
const READ_EVERY_MS = 1_000;
/** A reading that another part of the process asked for is as good, where it is not older than this. */
const READ_FOR_MS = 500;
/** Where this process has used half of the room that a reading left, the broker is asked again so soon. */
const REREAD_AFTER_MS = 20;
/** How long a reading is kept beside later ones. A later one may count messages twice that were on their way then. */
const KEPT_FOR_MS = 1_000;
/** The broker has not answered for so long that its last answer says nothing about the lanes. */
const STALE_AFTER_MS = 5_000;

type Lags = ReadonlyMap<Lane, LaneLag>;

/** What the broker said, and what this process had stored when it was asked. */
interface Reading {
  readonly askedAt: number;
  readonly lags: Lags;
  readonly storedBefore: PerLane;
}

/**
 * Keeps each lane's waiting messages near `queue.levels.<lane>.max_size`, by the readings of the lane's lag and by
 * what this process has put in since (`roomIn`, which tells the bound). Nothing in here waits: a lane that is full
 * refuses at once, and the broker is asked again in the background, so that the lane opens soon after it has room.
 *
 * The first reading is taken before the process listens, so that it does not begin with lanes that it takes for empty.
 * A lane that the broker does not tell of is not limited: then nothing can be stored either. What goes into a lane by
 * itself (retries, messages that are due, messages that are handed back) is never refused.
 */
@Injectable()
export class LaneAdmission implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly limits: PerLane;
  /** Ever stored by this process, or maybe stored. */
  private readonly stored = perLaneOf(() => 0);
  /** A reading may count them already; they are counted here until it is certain that one does. */
  private readonly onTheirWay = perLaneOf(() => 0);
  /** The last one, and before it those of the last second. */
  private readings: readonly Reading[] = [];
  private timer: NodeJS.Timeout | null = null;

  constructor(
    @Inject(LaneLagReader) private readonly lag: Pick<LaneLagReader, 'read' | 'onAsk'>,
    @Inject(WorkerRegistry) private readonly workers: Pick<WorkerRegistry, 'running' | 'startable'>,
    @Inject(LanePauses) private readonly pauses: Pick<LanePauses, 'isPaused'>,
    @Inject(SERVICE_CONFIG) { queue }: Pick<ServiceConfig, 'queue'>,
  ) {
    this.limits = perLaneOf((lane) => queue.levels[lane].max_size);
    lag.onAsk(() => {
      const asked = { askedAt: performance.now(), storedBefore: { ...this.stored } };
      return (lags) => {
        const kept = this.readings.filter(({ askedAt }) => performance.now() - askedAt <= KEPT_FOR_MS);
        this.readings = [...kept, { ...asked, lags }];
      };
    });
  }

  async onApplicationBootstrap(): Promise<void> {
    if (LANES.every((lane) => this.limits[lane] === 0)) return;
    this.timer = setInterval(() => void this.lag.read(READ_FOR_MS), READ_EVERY_MS);
    this.timer.unref();
    await this.lag.read();
  }

  onModuleDestroy(): void {
    if (this.timer !== null) clearInterval(this.timer);
  }

  /** Null for a message that the lane has room for; `settle` must follow. Else the refusal, and nothing is kept. */
  admit(lane: Lane): QueueFull | null {
    const limit = this.limits[lane];
    if (limit === 0) return null;
    const last = this.lastReading();
    const lag = last?.lags.get(lane);
    if (last !== undefined && lag !== undefined) {
      const running = this.runningIn(lane);
      const room = Math.max(...this.readings.map((reading) => this.roomBy(reading, lane, running)));
      if (this.since(last, lane) >= room) void this.lag.read(REREAD_AFTER_MS);
      if (room <= 0) return queueFull(lane, limit, drainSeconds(1 - room, lag.drainRate));
    }
    this.onTheirWay[lane] += 1;
    return null;
  }

  /** @param stored also true if that is not known; the next reading corrects it */
  settle(lane: Lane, stored: boolean): void {
    if (this.limits[lane] === 0) return;
    this.onTheirWay[lane] -= 1;
    if (stored) this.stored[lane] += 1;
  }

  private lastReading(): Reading | undefined {
    const last = this.readings.at(-1);
    return last !== undefined && performance.now() - last.askedAt <= STALE_AFTER_MS ? last : undefined;
  }

  /**
   * Never more than there is, but for what other processes put in since. A reading may be too strict by what was on its
   * way when it was asked, which it counts and `since` counts too; so the most of those of the last second is right.
   */
  private roomBy(reading: Reading, lane: Lane, running: number): number {
    const lag = reading.lags.get(lane);
    if (lag === undefined) return Number.NEGATIVE_INFINITY;
    return roomIn({ ...lag, limit: this.limits[lane], running, since: this.since(reading, lane) });
  }

  private since({ storedBefore }: Reading, lane: Lane): number {
    return this.stored[lane] - storedBefore[lane] + this.onTheirWay[lane];
  }

  private runningIn(lane: Lane): number {
    const startable = this.pauses.isPaused(lane) ? 0 : this.workers.startable(lane);
    return this.workers.running(lane) + startable;
  }
}

function queueFull(lane: Lane, limit: number, retryAfterSeconds: number): QueueFull {
  return {
    ...{ code: 'queue_full', lane, limit, retryAfterSeconds },
    message: `The lane ${lane} has ${limit} messages waiting, which is its limit. Nothing was stored; try again in ${retryAfterSeconds} s.`,
  };
}
