import { LANES, type Lane } from '../message/message.events.js';

/**
 * The least share of dispatches that a lane gets while it has messages waiting, in percent. What is left over goes to
 * the highest waiting lane. `realtime` needs no share: nothing stands above it.
 */
export const MINIMUM_SHARE_PERCENT: Readonly<Record<Lane, number>> = {
  realtime: 0,
  high: 20,
  normal: 10,
  low: 5,
};

/** The part of the slots that only `realtime` may use, so that an urgent message finds one free among long calls. */
export const REALTIME_SLOTS_PERCENT = 10;
/** Fewer slots than this are too precious to hold one back. */
export const SLOTS_WORTH_HOLDING_BACK = 4;

const OWED_PERCENT = 100;

export interface LaneLoad {
  /** Messages ready to be dispatched now. */
  readonly waiting: number;
  readonly running: number;
  /** `queue.levels.<lane>.max_concurrent`; null: no limit but the slots. */
  readonly maxConcurrent: number | null;
}
export type LaneLoads = Readonly<Record<Lane, LaneLoad>>;

/** What each lane is owed, in percent of a dispatch: its share for each dispatch that it could have had. */
export type LaneCredits = Readonly<Record<Lane, number>>;
export const NO_CREDITS: LaneCredits = { realtime: 0, high: 0, normal: 0, low: 0 };

export interface LaneChoice {
  readonly lane: Lane;
  /** To be given to the next choice. */
  readonly credits: LaneCredits;
}

export function slotsHeldBackForRealtime(slots: number): number {
  if (slots < SLOTS_WORTH_HOLDING_BACK) return 0;
  return Math.max(1, Math.floor((slots * REALTIME_SLOTS_PERCENT) / 100));
}

/**
 * Which lane the next free slot serves: the highest lane that is owed a whole dispatch, else the highest that waits.
 * Null when no lane may go: nothing waits, the slots are taken, or what waits is at its limit.
 *
 * Each choice gives every lane that could have been chosen its share as credit; a chosen lane pays for its dispatch as
 * far as it has credit. An idle lane earns nothing and loses nothing, so it never builds up a claim to a burst.
 *
 * Work-conserving but for the slots held back. Bounded wait, counted in choices in which the lane could have gone:
 * `high` is served at least once in every 5, `normal` in 11, `low` in 22 (100 / share, and one more for each lane
 * above that is owed at the same time). `realtime` never waits for more than the three owed lanes.
 */
export function chooseLane(loads: LaneLoads, slots: number, credits: LaneCredits): LaneChoice | null {
  const eligible = eligibleLanes(loads, slots);
  const highest = eligible[0];
  if (highest === undefined) return null;
  const earned = { ...credits };
  for (const lane of eligible) earned[lane] += MINIMUM_SHARE_PERCENT[lane];
  const lane = eligible.find((candidate) => earned[candidate] >= OWED_PERCENT) ?? highest;
  earned[lane] = Math.max(0, earned[lane] - OWED_PERCENT);
  return { lane, credits: earned };
}

function eligibleLanes(loads: LaneLoads, slots: number): Lane[] {
  const ordinary = loads.high.running + loads.normal.running + loads.low.running;
  if (ordinary + loads.realtime.running >= slots) return [];
  const ordinaryMayGo = ordinary < slots - slotsHeldBackForRealtime(slots);
  return LANES.filter((lane) => (lane === 'realtime' || ordinaryMayGo) && hasRoom(loads[lane]));
}

function hasRoom(load: LaneLoad): boolean {
  return load.waiting > 0 && (load.maxConcurrent === null || load.running < load.maxConcurrent);
}
