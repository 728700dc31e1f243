import type { LaneLag } from '../lanes/jetstream/lane-lag.js';
import { LANES, type Lane } from '../message/message.events.js';
import { LaneFullError } from './lane-full.error.js';
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

/**
 * Keeps each lane's waiting messages within `queue.levels.<lane>.max_size`: what the broker counted at the last reading
 * (at most a second ago), less what runs, plus what this process has put there since or is putting there now.
 *
 * One process can exceed the limit by no more than the workers' slots, since what runs is known as it was up to a second
 * ago; several can by what the others accept between two readings besides, at most a second's worth. What goes back into a lane by itself (retries, due messages, handed back ones) is never refused.
 * A lane that the broker does not tell of is not limited: then nothing can be stored either.
 */
export class LaneAdmission {
  /** Accepted since the broker was last asked; the reading may or may not count them. */
  private readonly accepted: Record<Lane, number> = { realtime: 0, high: 0, normal: 0, low: 0 };
  private readonly onTheirWay: Record<Lane, number> = { realtime: 0, high: 0, normal: 0, low: 0 };

  constructor(
    private readonly lag: LagSource,
    private readonly limits: LaneSizes,
    private readonly running: (lane: Lane) => number,
  ) {
    lag.onAsk(() => {
      for (const lane of LANES) this.accepted[lane] = 0;
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
    const lags = await this.lag.read();
    // From here to the end nothing is awaited, so that no two requests see the same place free.
    const admitted: T[] = [];
    const refused: { item: T; error: LaneFullError }[] = [];
    for (const item of items) {
      const lane = laneOf(item);
      const error = this.full(lane, lags.get(lane));
      if (error === null) {
        this.onTheirWay[lane] += 1;
        admitted.push(item);
      } else refused.push({ item, error });
    }
    return { admitted, refused, release: () => this.arrived(admitted.map(laneOf)) };
  }

  private full(lane: Lane, lag: LaneLag | undefined): LaneFullError | null {
    const limit = this.limits[lane];
    if (limit === 0 || lag === undefined) return null;
    const waiting = Math.max(0, lag.waiting + lag.held - this.running(lane));
    const missing = waiting + this.accepted[lane] + this.onTheirWay[lane] + 1 - limit;
    return missing <= 0 ? null : new LaneFullError(lane, limit, retryAfterSeconds(missing, lag.drainRate));
  }

  private arrived(lanes: readonly Lane[]): void {
    for (const lane of lanes) {
      this.onTheirWay[lane] -= 1;
      this.accepted[lane] += 1;
    }
  }
}
