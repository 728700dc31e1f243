import { setTimeout as sleep } from 'node:timers/promises';
import type { LaneLag } from '../lanes/jetstream/lane-lag.js';
import { LANES, type Lane } from '../message/message.events.js';
import type { AdmissionPeers } from './admission-peers.js';
import { LaneFullError } from './lane-full.error.js';
import { type LaneRoom, laneRoom } from './lane-room.policy.js';
import { type PerLane, perLaneOf } from './per-lane.js';
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
/**
 * Where a lane has room that the other processes may be taking, or is full only with what came since it was read, a
 * message waits at most for so many intervals.
 */
const MOST_INTERVALS = 20;
/** A lane that seems full is read anew, but the broker not more often than this. */
const REREAD_AFTER_MS = 100;
/**
 * A message is refused for what the broker was asked so long after it came, or later. What had run by then, the workers
 * have told (`WorkerPulse`), so that nobody is refused for messages that wait no more.
 */
const SURE_AFTER_MS = 150;

/**
 * Keeps each lane's waiting messages within `queue.levels.<lane>.max_size`: what the broker counted at the last reading
 * (at most a second ago), less what runs, plus what this process and the others have put there since or are putting
 * there now. That is too many where some of these run already; so a lane that seems full by it is read anew, and only
 * then a message refused, about a fifth of a second after it came, or after a second where it is full only with what came
 * since.
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
  private intervalSince = Number.NEGATIVE_INFINITY;
  private askedAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly lag: LagSource,
    private readonly limits: LaneSizes,
    private readonly running: (lane: Lane) => number,
    private readonly peers: Peers,
  ) {
    lag.onAsk(() => {
      this.askedAt = performance.now();
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
    if (this.limitOf(lane) === 0) return store();
    const { refused, release } = await this.admit([lane], (only) => only);
    if (refused[0] !== undefined) throw refused[0].error;
    try {
      return await store();
    } finally {
      // Also after a failure: an append without an answer may have been stored, and the next reading knows.
      release();
    }
  }

  /** Keeps places for as many of the items as their lanes have room for; the first come first. */
  async admit<T>(items: readonly T[], laneOf: (item: T) => Lane | null): Promise<Admitted<T>> {
    if (items.every((item) => this.limitOf(laneOf(item)) === 0)) {
      return { admitted: items, refused: [], release: () => {} };
    }
    const lanes = items.map(laneOf);
    const errors = new Map<number, LaneFullError>();
    const cameAt = performance.now();
    let left: readonly number[] = [...items.keys()];
    let reread = false;
    for (let intervals = 0; left.length > 0; intervals += 1) {
      if (intervals > 0) await sleep(INTERVAL_MS);
      const lags = await this.reading(reread ? REREAD_AFTER_MS : undefined);
      const last = intervals >= MOST_INTERVALS;
      const sure = this.askedAt - cameAt >= SURE_AFTER_MS;
      ({ left, reread } = this.take(left, lanes, lags, { last, sure }, errors));
    }
    const admitted = errors.size === 0 ? items : items.filter((_, index) => !errors.has(index));
    const refused = [...errors].map(([index, error]) => ({ item: items[index]!, error }));
    return { admitted, refused, release: () => this.arrived(admitted.map(laneOf)) };
  }

  private limitOf(lane: Lane | null): number {
    return lane === null ? 0 : this.limits[lane];
  }

  /** The reading that belongs to the counts: what is counted beside an older one may be in neither. */
  private async reading(freshForMs?: number): Promise<ReadonlyMap<Lane, LaneLag>> {
    for (;;) {
      const read = this.lag.read(freshForMs);
      const { askedAt } = this;
      const lags = await read;
      if (askedAt === this.askedAt) return lags;
    }
  }

  /**
   * Nothing is awaited in here, so that no two requests see the same place free.
   * @param items by their index in `lanes`
   * @param wait `last`: those that there is no place for now are refused; `sure`: those whose lane is full are
   * @returns those that are to try again, and whether a lane of theirs seemed full
   */
  private take(
    items: readonly number[],
    lanes: readonly (Lane | null)[],
    lags: ReadonlyMap<Lane, LaneLag>,
    { last, sure }: { readonly last: boolean; readonly sure: boolean },
    errors: Map<number, LaneFullError>,
  ): { readonly left: number[]; readonly reread: boolean } {
    this.beginInterval();
    const left: number[] = [];
    let reread = false;
    for (const item of items) {
      const lane = lanes[item] ?? null;
      if (lane === null) continue;
      const { free, now, readFull } = this.roomIn(lane, lags.get(lane));
      if (now > 0) {
        this.onTheirWay[lane] += 1;
        this.taken[lane] += 1;
      } else if (last || (sure && readFull)) errors.set(item, this.full(lane, free, lags.get(lane)));
      else {
        left.push(item);
        if (free <= 0) reread = true;
      }
    }
    this.peers.changed(this.everAccepted, this.onTheirWay);
    return { left, reread };
  }

  private beginInterval(): void {
    const now = performance.now();
    if (now - this.intervalSince < INTERVAL_MS) return;
    this.intervalSince = now;
    for (const lane of LANES) this.taken[lane] = 0;
  }

  private roomIn(lane: Lane, lag: LaneLag | undefined): LaneRoom & { readonly readFull: boolean } {
    const limit = this.limits[lane];
    if (limit === 0 || lag === undefined) return { free: 1, now: 1, readFull: false };
    const waiting = Math.max(0, lag.waiting + lag.held - this.running(lane));
    const room = laneRoom({
      ...{ limit, waiting },
      own: this.accepted[lane] + this.onTheirWay[lane],
      others: this.peers.notCounted(lane),
      processes: this.peers.processes,
      taken: this.taken[lane],
    });
    return { ...room, readFull: waiting >= limit };
  }

  private full(lane: Lane, free: number, lag: LaneLag | undefined): LaneFullError {
    const retryAfter = retryAfterSeconds(Math.max(1, 1 - free), lag?.drainRate ?? null);
    return new LaneFullError(lane, this.limits[lane], retryAfter);
  }

  private arrived(lanes: readonly (Lane | null)[]): void {
    for (const lane of lanes) {
      if (lane === null) continue;
      this.onTheirWay[lane] -= 1;
      this.accepted[lane] += 1;
      this.everAccepted[lane] += 1;
    }
    this.peers.changed(this.everAccepted, this.onTheirWay);
  }
}
