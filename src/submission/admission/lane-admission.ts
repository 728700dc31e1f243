import { setTimeout as sleep } from 'node:timers/promises';
import type { LaneLag } from '../../dispatch/lanes/jetstream/lane-lag.js';
import { LANES, type Lane } from '../../domain/message/message.events.js';
import { type PerLane, perLaneOf } from '../../domain/message/per-lane.js';
import type { AdmissionPeers } from './admission-peers.js';
import { LaneFullError } from './lane-full.error.js';
import { type LaneRoom, laneRoom } from './lane-room.policy.js';
import { retryAfterSeconds } from './retry-after.policy.js';

export interface LagSource {
  /** What was asked at most so long ago; the source may be content with a second where nothing is said. */
  read(freshForMs?: number): Promise<ReadonlyMap<Lane, LaneLag>>;
  onAsk(listener: () => void): () => void;
}

/** Messages per lane, 0 for no limit. */
export type LaneSizes = Readonly<Record<Lane, number>>;

/** Which of several messages there is room for, in their order. */
export interface Admitted<T> {
  readonly admitted: readonly T[];
  readonly refused: readonly { readonly item: T; readonly error: LaneFullError }[];
  /** To be called once the admitted ones are stored, or were tried to be. */
  release(): void;
}

export type Peers = Pick<AdmissionPeers, 'processes' | 'notCounted' | 'asked' | 'changed'>;

/** Longer than the processes take to hear of each other, by what `AdmissionPeers` does. */
const INTERVAL_MS = 50;
/** What the broker said is good for so long, where it leaves room. */
const READ_FOR_MS = 1_000;
/** While messages wait for a place, the broker is asked so often. */
const REREAD_AFTER_MS = 20;
/** Nobody is refused for what the broker said longer ago. */
const REFUSED_BY_MS = 100;
/**
 * A lane is full once the broker has counted so for this long. Workers tell of what runs within a tenth of a second
 * (`WorkerPulse`), so that what is counted then really waits.
 */
const SURE_AFTER_MS = 150;
/** For a message whose lane is not full, but has no place for it: others may be taking the places, or took them just now. */
const LONGEST_WAIT_MS = 1_000;

/** A message that has no place yet. */
interface Waiter {
  readonly cameAt: number;
  readonly decide: (error: LaneFullError | null) => void;
}

/** What the broker said, as long as the counts are those since it was asked. */
interface Reading {
  readonly askedAt: number;
  readonly lags: ReadonlyMap<Lane, LaneLag>;
}

/**
 * Keeps each lane's waiting messages within `queue.levels.<lane>.max_size`: what the broker counted at the last reading,
 * less what runs or can run at once, plus what this process and the others have put there since or are putting there now.
 *
 * That is too many as soon as some of these run. So where there seems to be no place, a message waits in turn while the
 * broker is asked anew, and is refused only when the lane was found full for a while; when it was, at once.
 *
 * Several processes take no more of a lane in an interval than their part, and those that come meanwhile wait for the
 * next (`laneRoom`, which gives the bound). Beside that, what runs is known as it was a tenth of a second ago, so the
 * limit can be exceeded by the workers' slots. What goes into a lane by itself (retries, due messages, handed back ones)
 * is never refused. A lane that the broker does not tell of is not limited: then nothing can be stored either.
 */
export class LaneAdmission {
  /** Accepted since the broker was last asked; the reading may or may not count them. */
  private readonly accepted: PerLane = perLaneOf(() => 0);
  private readonly onTheirWay: PerLane = perLaneOf(() => 0);
  private readonly everAccepted: PerLane = perLaneOf(() => 0);
  private readonly taken: PerLane = perLaneOf(() => 0);
  private readonly waiters: Record<Lane, Waiter[]> = { realtime: [], high: [], normal: [], low: [] };
  /** The first and the last of the readings that found the lane full, without a long pause between any two. */
  private readonly full = new Map<Lane, { readonly since: number; readonly last: number }>();
  private intervalSince = Number.NEGATIVE_INFINITY;
  private askedAt = Number.NEGATIVE_INFINITY;
  private reading: Reading | null = null;
  private looking = false;

  /** @param running messages of a lane that run, or do as soon as a worker has them */
  constructor(
    private readonly lag: LagSource,
    private readonly limits: LaneSizes,
    private readonly running: (lane: Lane) => number,
    private readonly peers: Peers,
  ) {
    lag.onAsk(() => {
      this.askedAt = performance.now();
      this.reading = null;
      for (const lane of LANES) this.accepted[lane] = 0;
      peers.asked();
    });
  }

  /**
   * Stores one message if its lane has room.
   * @param lane null for a message that enters none yet
   * @throws {LaneFullError} when there is none; `store` was not called
   */
  async through<T>(lane: Lane | null, store: () => Promise<T>): Promise<T> {
    if (!this.isLimited(lane)) return store();
    const error = await this.place(lane);
    if (error !== null) throw error;
    try {
      return await store();
    } finally {
      // Also after a failure: an append without an answer may have been stored, and the next reading knows.
      this.arrived([lane]);
    }
  }

  /** Keeps places for as many of the items as their lanes have room for; the first come first. */
  async admit<T>(items: readonly T[], laneOf: (item: T) => Lane | null): Promise<Admitted<T>> {
    const lanes = items.map(laneOf);
    if (!lanes.some((lane) => this.isLimited(lane)))
      return { admitted: items, refused: [], release: () => {} };
    const errors = await Promise.all(lanes.map((lane) => (this.isLimited(lane) ? this.place(lane) : null)));
    const refused = items.flatMap((item, at) => {
      const error = errors[at] ?? null;
      return error === null ? [] : [{ item, error }];
    });
    const placed = lanes.filter((lane, at) => this.isLimited(lane) && errors[at] === null) as Lane[];
    return {
      admitted: items.filter((_, at) => errors[at] === null),
      refused,
      release: () => this.arrived(placed),
    };
  }

  private isLimited(lane: Lane | null): lane is Lane {
    return lane !== null && this.limits[lane] > 0;
  }

  /** Resolves with null for a place, in the order in which they were asked for. */
  private place(lane: Lane): Promise<LaneFullError | null> {
    return new Promise((decide) => {
      this.waiters[lane].push({ cameAt: performance.now(), decide });
      if (this.reading !== null && performance.now() - this.reading.askedAt < READ_FOR_MS) {
        this.serve(lane, this.reading);
      }
      if (this.waiters[lane].length > 0) void this.look();
    });
  }

  /** Asks the broker for as long as messages wait. */
  private async look(): Promise<void> {
    if (this.looking) return;
    this.looking = true;
    for (let freshForMs = READ_FOR_MS; this.anyWaits; freshForMs = REREAD_AFTER_MS) {
      const since = performance.now() - this.askedAt;
      if (freshForMs === REREAD_AFTER_MS && since < freshForMs) await sleep(freshForMs - since);
      const read = this.lag.read(freshForMs);
      const { askedAt } = this;
      const lags = await read;
      // Where it was asked again meanwhile, the counts are those since then, and what came between is in neither.
      if (askedAt === this.askedAt) this.answered({ askedAt, lags });
    }
    this.looking = false;
  }

  private get anyWaits(): boolean {
    return LANES.some((lane) => this.waiters[lane].length > 0);
  }

  private answered(reading: Reading): void {
    this.reading = reading;
    for (const lane of LANES) {
      if (!this.isLimited(lane)) continue;
      this.noteFull(lane, reading);
      this.serve(lane, reading);
    }
  }

  private noteFull(lane: Lane, { askedAt, lags }: Reading): void {
    const lag = lags.get(lane);
    const before = this.full.get(lane);
    const coming = this.onTheirWay[lane];
    if (lag === undefined || this.waitingIn(lane, lag) + coming < this.limits[lane]) this.full.delete(lane);
    else if (before !== undefined && askedAt - before.last <= SURE_AFTER_MS) {
      this.full.set(lane, { since: before.since, last: askedAt });
    } else this.full.set(lane, { since: askedAt, last: askedAt });
  }

  /** Nothing is awaited in here, so that no two messages see the same place free. */
  private serve(lane: Lane, { askedAt, lags }: Reading): void {
    const now = performance.now();
    const waiters = this.waiters[lane];
    const lag = lags.get(lane);
    const { free, now: places } = this.roomIn(lane, lag);
    for (const { decide } of waiters.splice(0, places)) {
      this.onTheirWay[lane] += 1;
      this.taken[lane] += 1;
      decide(null);
    }
    const since = this.full.get(lane)?.since ?? Number.POSITIVE_INFINITY;
    const isFull = askedAt - since >= SURE_AFTER_MS && now - askedAt <= REFUSED_BY_MS;
    const given = isFull ? waiters.length : waiters.findIndex(({ cameAt }) => now - cameAt < LONGEST_WAIT_MS);
    for (const [at, { decide }] of waiters.splice(0, given === -1 ? waiters.length : given).entries()) {
      decide(this.refusal(lane, free - places - at, lag));
    }
    this.peers.changed(this.everAccepted, this.onTheirWay);
  }

  private beginInterval(): void {
    const now = performance.now();
    if (now - this.intervalSince < INTERVAL_MS) return;
    this.intervalSince = now;
    for (const lane of LANES) this.taken[lane] = 0;
  }

  private roomIn(lane: Lane, lag: LaneLag | undefined): LaneRoom {
    if (lag === undefined) return { free: Number.POSITIVE_INFINITY, now: Number.POSITIVE_INFINITY };
    this.beginInterval();
    return laneRoom({
      limit: this.limits[lane],
      waiting: this.waitingIn(lane, lag),
      own: this.accepted[lane] + this.onTheirWay[lane],
      others: this.peers.notCounted(lane),
      processes: this.peers.processes,
      taken: this.taken[lane],
    });
  }

  /** Less than 0 where workers could run more than there is. */
  private waitingIn(lane: Lane, lag: LaneLag): number {
    return lag.waiting + lag.held - this.running(lane);
  }

  private refusal(lane: Lane, free: number, lag: LaneLag | undefined): LaneFullError {
    const retryAfter = retryAfterSeconds(Math.max(1, 1 - free), lag?.drainRate ?? null);
    return new LaneFullError(lane, this.limits[lane], retryAfter);
  }

  private arrived(lanes: readonly Lane[]): void {
    for (const lane of lanes) {
      this.onTheirWay[lane] -= 1;
      this.accepted[lane] += 1;
      this.everAccepted[lane] += 1;
    }
    this.peers.changed(this.everAccepted, this.onTheirWay);
  }
}
