import { LANES, type Lane } from '../../domain/message/lane.policy.js';

/** `queue.levels` and `queue.worker` as the worker was given them. */
export interface LaneOrderOptions {
  readonly slots: number;
  /** The fraction of the slots that only `realtime` may use, so that an urgent message finds one free among long calls. */
  readonly realtimeReserve: number;
  /**
   * The least share of the dispatches, from 0 to 1, that a lane gets while it has messages waiting; the sum is below 1.
   * What is left over goes to the highest waiting lane.
   */
  readonly minShare: Readonly<Record<Lane, number>>;
}

/** The same, compiled: shares are whole millionths, because the sum of twenty times 0.05 must be 1. */
export interface LaneOrder {
  readonly slots: number;
  readonly heldBack: number;
  readonly shares: Readonly<Record<Lane, number>>;
}

/** Fewer slots than this are too precious to hold one back. */
export const SLOTS_WORTH_HOLDING_BACK = 4;
/** One dispatch, in the unit of shares and credits. */
export const DISPATCH = 1_000_000;

export function laneOrder({ slots, realtimeReserve, minShare }: LaneOrderOptions): LaneOrder {
  const share = (lane: Lane) => Math.round(minShare[lane] * DISPATCH);
  return {
    slots,
    heldBack: slotsHeldBackForRealtime(slots, realtimeReserve),
    shares: { realtime: share('realtime'), high: share('high'), normal: share('normal'), low: share('low') },
  };
}

/** At least one where there are enough slots and any reserve is wanted; never all of them. */
export function slotsHeldBackForRealtime(slots: number, reserve: number): number {
  if (slots < SLOTS_WORTH_HOLDING_BACK || reserve === 0) return 0;
  return Math.min(slots - 1, Math.max(1, Math.floor(slots * reserve)));
}

/**
 * The published bound on the wait of a lane's head: of so many choices in a row in which the lane could have gone, it
 * is served in at least one. Infinite for a lane without a share.
 *
 * A lane with share `s` is owed a whole dispatch after `ceil(1/s)` choices. Then only lanes above that are owed as well
 * go before it. The `k` of them that have a share hold less than `k` dispatches of credit together at any time: where
 * none is owed, each holds less than one; where one is, it is served and pays one, more than the `S < 1` that all of
 * them earn. So they are served fewer than `k / (1 - S)` times before they are owed nothing.
 */
export function boundOnWait(lane: Lane, shares: LaneOrder['shares']): number {
  if (shares[lane] === 0) return Number.POSITIVE_INFINITY;
  const above = LANES.slice(0, LANES.indexOf(lane)).filter((higher) => shares[higher] > 0);
  const earned = above.reduce((sum, higher) => sum + shares[higher], 0);
  const ahead = Math.max(0, Math.ceil((above.length * DISPATCH) / (DISPATCH - earned)) - 1);
  return Math.ceil(DISPATCH / shares[lane]) + ahead;
}

export interface LaneLoad {
  /** Messages ready to be dispatched now. */
  readonly waiting: number;
  readonly running: number;
  /** `queue.levels.<lane>.max_concurrent`; null: no limit but the slots. */
  readonly maxConcurrent: number | null;
}
export type LaneLoads = Readonly<Record<Lane, LaneLoad>>;

/** What each lane is owed, in millionths of a dispatch: its share for each dispatch that it could have had. */
export type LaneCredits = Readonly<Record<Lane, number>>;
export const NO_CREDITS: LaneCredits = { realtime: 0, high: 0, normal: 0, low: 0 };

export interface LaneChoice {
  readonly lane: Lane;
  /** To be given to the next choice. */
  readonly credits: LaneCredits;
}

/**
 * Which lane the next free slot serves: the highest lane that is owed a whole dispatch, else the highest that waits.
 * Null when no lane may go: nothing waits, the slots are taken, or what waits is at its limit.
 *
 * Each choice gives every lane that could have been chosen its share as credit; a chosen lane pays for its dispatch as
 * far as it has credit. An idle lane earns nothing and loses nothing, so it never builds up a claim to a burst.
 *
 * Work-conserving but for the slots held back. The wait is bounded (`boundOnWait`); with the shares as they come, `high`
 * is served at least once in every 5 choices, `normal` in 11, `low` in 22, and `realtime` waits for at most three.
 *
 * @param unseen choices of others for the same lanes that may have been made and are not known here yet. A lane is owed
 * by so many choices earlier, and may be in debt for as many, so that it gets no more in the long run.
 */
export function chooseLane(
  loads: LaneLoads,
  order: LaneOrder,
  credits: LaneCredits,
  unseen = 0,
): LaneChoice | null {
  const eligible = eligibleLanes(loads, order);
  if (eligible.length === 0) return null;
  const { shares } = order;
  const lane = laneToServe(eligible, shares, credits, unseen);
  return { lane, credits: creditsAfter(credits, lane, eligible, shares, unseen) };
}

/** What the lanes are owed after one of those that could have gone was served, here or by another worker. */
export function creditsAfter(
  credits: LaneCredits,
  served: Lane,
  eligible: readonly Lane[],
  shares: LaneOrder['shares'],
  unseen = 0,
): LaneCredits {
  const owed = { ...credits };
  account(owed, served, eligible, shares, unseen);
  return owed;
}

/**
 * How many of so many choices in a row would go to each of these lanes, if messages of all of them wait all the time. The
 * choices are those of `chooseLane`; they are counted without an object for each, since this runs for each call.
 *
 * @param lanes at least one, the highest first
 */
export function choicesInARow(
  count: number,
  lanes: readonly Lane[],
  shares: LaneOrder['shares'],
  credits: LaneCredits,
  unseen = 0,
): Record<Lane, number> {
  const counts = { realtime: 0, high: 0, normal: 0, low: 0 };
  const owed = { ...credits };
  for (let choice = 0; choice < count; choice += 1) {
    const lane = laneToServe(lanes, shares, owed, unseen);
    account(owed, lane, lanes, shares, unseen);
    counts[lane] += 1;
  }
  return counts;
}

/** @param eligible at least one, the highest first */
function laneToServe(
  eligible: readonly Lane[],
  shares: LaneOrder['shares'],
  credits: LaneCredits,
  unseen: number,
): Lane {
  for (const lane of eligible) {
    if (credits[lane] + shares[lane] * (1 + unseen) >= DISPATCH) return lane;
  }
  return eligible[0]!;
}

function account(
  owed: Record<Lane, number>,
  served: Lane,
  eligible: readonly Lane[],
  shares: LaneOrder['shares'],
  unseen: number,
): void {
  for (const lane of eligible) owed[lane] += shares[lane];
  owed[served] = Math.max(-unseen * shares[served], owed[served] - DISPATCH);
}

/** Whether a message of the lane could begin now, if one waits. */
export function isOpen(
  lane: Lane,
  running: Readonly<Record<Lane, number>>,
  maxConcurrent: number | null,
  order: LaneOrder,
): boolean {
  const ordinary = running.high + running.normal + running.low;
  return (
    isSlotFree(lane, ordinary, running.realtime, order) &&
    (maxConcurrent === null || running[lane] < maxConcurrent)
  );
}

/** @param ordinary slots in which messages of other lanes than `realtime` run */
function isSlotFree(
  lane: Lane,
  ordinary: number,
  realtime: number,
  { slots, heldBack }: Pick<LaneOrder, 'slots' | 'heldBack'>,
): boolean {
  if (ordinary + realtime >= slots) return false;
  return lane === 'realtime' || ordinary < slots - heldBack;
}

function eligibleLanes(loads: LaneLoads, order: LaneOrder): Lane[] {
  const ordinary = loads.high.running + loads.normal.running + loads.low.running;
  const { running } = loads.realtime;
  return LANES.filter((lane) => hasRoom(loads[lane]) && isSlotFree(lane, ordinary, running, order));
}

function hasRoom(load: LaneLoad): boolean {
  return load.waiting > 0 && (load.maxConcurrent === null || load.running < load.maxConcurrent);
}
