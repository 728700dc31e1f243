import { LANES, type Lane } from '../../domain/message/lane.policy.js';
import { type SlotsByLane } from './slots-by-lane.policy.js';

/**
 * What the recent past would have been with other sizes. For each of a row of sizes the arrivals run through a queue of that
 * many slots, highest lane first, and it is counted how many of them would have waited beyond their target. So the smallest
 * size that keeps the targets is read off, whatever the arrivals look like: for even ones it is little above the load, for
 * bursts as much more as the targets need.
 *
 * The queues are fluid: work flows off at the rate of the slots. That is near the truth when slots are scarce, which is when
 * it matters.
 */
export interface ReplayedSizes {
  /** Messages that came, those of the past fading. */
  readonly arrived: number;
  /** Of each size, those of them that would have been late. */
  readonly late: readonly number[];
  /** Of each lane and size, the slot seconds of this lane and those above it that would wait. */
  readonly waiting: Readonly<Record<Lane, readonly number[]>>;
}

/** Each number up to 12, then steps of 8 %. */
export const SIZES: readonly number[] = sizesUpTo(20_000);
const NOTHING = SIZES.map(() => 0);
export const NO_REPLAY: ReplayedSizes = {
  arrived: 0,
  late: NOTHING,
  waiting: { realtime: NOTHING, high: NOTHING, normal: NOTHING, low: NOTHING },
};

export interface Arrivals {
  readonly elapsedMs: number;
  readonly messages: SlotsByLane;
  /** Their work. */
  readonly slotSeconds: SlotsByLane;
}

/** @param fadeMs what lies so far back counts 1/e */
export function replay(
  sizes: ReplayedSizes,
  { elapsedMs, messages, slotSeconds }: Arrivals,
  waitTargetMs: Readonly<Record<Lane, number>>,
  fadeMs: number,
): ReplayedSizes {
  const kept = Math.exp(-elapsedMs / fadeMs);
  const late = sizes.late.map((count) => count * kept);
  let arrived = sizes.arrived * kept;
  let offered = 0;
  const waiting = { ...sizes.waiting };
  for (const lane of LANES) {
    offered += slotSeconds[lane];
    arrived += messages[lane];
    const target = waitTargetMs[lane] / 1000;
    waiting[lane] = sizes.waiting[lane].map((seconds, at) => {
      const size = SIZES[at]!;
      const left = Math.max(0, seconds + offered - (size * elapsedMs) / 1000);
      if (left > size * target) late[at]! += messages[lane];
      return left;
    });
  }
  return { arrived, late, waiting };
}

/** The smallest size with which this share of the messages would have met their targets. */
export function sizeFor(share: number, { arrived, late }: ReplayedSizes): number {
  const at = late.findIndex((count) => count <= arrived * (1 - share));
  return SIZES[at] ?? SIZES.at(-1)!;
}

function sizesUpTo(most: number): number[] {
  const sizes = [1];
  while (sizes.at(-1)! < most) sizes.push(Math.max(sizes.at(-1)! + 1, Math.round(sizes.at(-1)! * 1.08)));
  return sizes;
}
