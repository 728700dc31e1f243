import { setTimeout as sleep } from 'node:timers/promises';
import type { LaneLag } from '../lanes/jetstream/lane-lag.js';
import { LANES, type Lane } from '../message/message.events.js';
import type { AdmissionPeers } from './admission-peers.js';
import { LaneFullError } from './lane-full.error.js';
import { laneRoom } from './lane-room.policy.js';
import { type PerLane, perLaneOf } from './per-lane.js';
import { retryAfterSeconds } from './retry-after.policy.js';

export interface LagSource {
  read(): Promise<ReadonlyMap<Lane, LaneLag>>;
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
/** Where a lane has room that the other processes may be taking, a message waits at most for so many intervals. */
const MOST_INTERVALS = 20;

/**
 * Keeps each lane's waiting messages within `queue.levels.<lane>.max_size`: what the broker counted at the last reading
 * (at most a second ago), less what runs, plus what this process and the others have put there since or are putting
 * there now.
 *
 * Several processes take no more of a lane in an interval than their part, and those that come meanwhile wait for the
 * next (`laneRoom`, which gives the bound). Beside that, what runs is known as it was up to a second ago, so the limit
 * can be exceeded by the workers' slots. What goes back into a lane by itself (retries, due messages, handed back ones)
 * is never refused. A lane that the broker does not tell of is not limited: then nothing can be stored either.
 */
export class LaneAdmission {
  /** Accepted since the broker was last asked; the reading may or may not count them. */
  private readonly accepted: PerLane = perLaneOf(() => 0);
  private readonly onTheirWay: PerLane = perLaneOf(() => 0);
  private readonly everAccepted: PerLane = perLaneOf(() => 0);
  private readonly taken: PerLane = perLaneOf(() => 0);
  private intervalSince = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly lag: LagSource,
    private readonly limits: LaneSizes,
    private readonly running: (lane: Lane) => number,
    private readonly peers: Peers,
  ) {
    lag.onAsk(() => {
      for (const lane of LANES) this.accepted[lane] = 0;
      peers.asked();
    });
  }

  /**
   * Stores one message of a lane if there is room.
   * @throws {LaneFullError} when there is none; `store` was not called
   */
  async through<T>(lane: Lane, store: () => Promise<T>): Promise<T> {
    if (this.limits[lane] === 0) return store();
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
  async admit<T>(items: readonly T[], laneOf: (item: T) => Lane): Promise<Admitted<T>> {
    if (items.every((item) => this.limits[laneOf(item)] === 0)) {
      return { admitted: items, refused: [], release: () => {} };
    }
    const lanes = items.map(laneOf);
    const errors = new Map<number, LaneFullError>();
    let left: readonly number[] = [...items.keys()];
    for (let intervals = 0; left.length > 0; intervals += 1) {
      if (intervals > 0) await sleep(INTERVAL_MS);
      left = this.take(left, lanes, await this.lag.read(), intervals === MOST_INTERVALS, errors);
    }
    const admitted = errors.size === 0 ? items : items.filter((_, index) => !errors.has(index));
    const refused = [...errors].map(([index, error]) => ({ item: items[index]!, error }));
    return { admitted, refused, release: () => this.arrived(admitted.map(laneOf)) };
  }

  /**
   * Nothing is awaited in here, so that no two requests see the same place free.
   * @param items by their index in `lanes`
   * @returns those that may have a place in the next interval
   */
  private take(
    items: readonly number[],
    lanes: readonly Lane[],
    lags: ReadonlyMap<Lane, LaneLag>,
    last: boolean,
    errors: Map<number, LaneFullError>,
  ): number[] {
    this.beginInterval();
    const left: number[] = [];
    for (const item of items) {
      const lane = lanes[item]!;
      const { free, now } = this.roomIn(lane, lags.get(lane));
      if (now > 0) {
        this.onTheirWay[lane] += 1;
        this.taken[lane] += 1;
      } else if (free > 0 && !last) left.push(item);
      else errors.set(item, this.full(lane, free, lags.get(lane)));
    }
    this.peers.changed(this.everAccepted, this.onTheirWay);
    return left;
  }

  private beginInterval(): void {
    const now = performance.now();
    if (now - this.intervalSince < INTERVAL_MS) return;
    this.intervalSince = now;
    for (const lane of LANES) this.taken[lane] = 0;
  }

  private roomIn(lane: Lane, lag: LaneLag | undefined): { readonly free: number; readonly now: number } {
    const limit = this.limits[lane];
    if (limit === 0 || lag === undefined) return { free: 1, now: 1 };
    return laneRoom({
      limit,
      waiting: Math.max(0, lag.waiting + lag.held - this.running(lane)),
      own: this.accepted[lane] + this.onTheirWay[lane],
      others: this.peers.notCounted(lane),
      processes: this.peers.processes,
      taken: this.taken[lane],
    });
  }

  private full(lane: Lane, free: number, lag: LaneLag | undefined): LaneFullError {
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
