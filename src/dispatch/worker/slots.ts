import { EventEmitter } from 'node:events';
import { LANES, type Lane } from '../../domain/message/lane.policy.js';
import {
  chooseLane,
  isOpen,
  type LaneCredits,
  type LaneOrder,
  type LaneOrderOptions,
  laneOrder,
  NO_CREDITS,
} from '../lanes/lane-order.policy.js';

export type LaneLimits = Readonly<Record<Lane, number | null>>;

/** The slots of one worker: how many each lane has taken, and whom the next free one serves. */
export class Slots {
  /** `changed`: another number of calls runs, or may run. */
  readonly events = new EventEmitter<{ changed: [] }>();
  private order: LaneOrder;
  private credits: LaneCredits = NO_CREDITS;
  private readonly taken: Record<Lane, number> = { realtime: 0, high: 0, normal: 0, low: 0 };

  constructor(
    private readonly options: LaneOrderOptions,
    private readonly limits: LaneLimits,
  ) {
    this.order = laneOrder(options);
  }

  get count(): number {
    return this.order.slots;
  }

  /** The most slots that each lane can have. */
  get capacity(): Readonly<Record<Lane, number>> {
    const { slots, heldBack } = this.order;
    const most = (lane: Lane, free: number) => Math.min(free, this.limits[lane] ?? free);
    return {
      realtime: most('realtime', slots),
      high: most('high', slots - heldBack),
      normal: most('normal', slots - heldBack),
      low: most('low', slots - heldBack),
    };
  }

  get runningByLane(): Readonly<Record<Lane, number>> {
    return { ...this.taken };
  }

  get running(): number {
    return LANES.reduce((sum, lane) => sum + this.taken[lane], 0);
  }

  /**
   * More slots can be used at once. Fewer cut no call: those beyond the new count end, and none begins before enough of
   * them have. What the lanes are owed stays.
   */
  resize(slots: number): void {
    if (slots === this.count) return;
    this.order = laneOrder({ ...this.options, slots });
    this.events.emit('changed');
  }

  get shares(): LaneOrder['shares'] {
    return this.order.shares;
  }

  /** Slots in which nothing runs; those included that are held back. */
  get vacant(): number {
    return Math.max(0, this.count - this.running);
  }

  /** A message of the lane could begin now. */
  isOpen(lane: Lane): boolean {
    return isOpen(lane, this.taken, this.limits[lane], this.order);
  }

  /** As many messages of the lane run as may, whatever slots are free. */
  isAtLimit(lane: Lane): boolean {
    return this.taken[lane] >= (this.limits[lane] ?? Number.POSITIVE_INFINITY);
  }

  /** The lane to take a message from now; the choice counts, so the message must be taken. */
  choose(waiting: (lane: Lane) => number): Lane | null {
    const load = (lane: Lane) => ({
      waiting: waiting(lane),
      running: this.taken[lane],
      maxConcurrent: this.limits[lane],
    });
    const loads = {
      realtime: load('realtime'),
      high: load('high'),
      normal: load('normal'),
      low: load('low'),
    };
    const choice = chooseLane(loads, this.order, this.credits);
    if (choice === null) return null;
    this.credits = choice.credits;
    return choice.lane;
  }

  occupy(lane: Lane): void {
    this.taken[lane] += 1;
    this.events.emit('changed');
  }

  free(lane: Lane): void {
    this.taken[lane] -= 1;
    this.events.emit('changed');
  }
}
