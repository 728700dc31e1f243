import { LANES } from '../../domain/message/lane.policy.js';
import type { ScaleSettings } from './scale-settings.policy.js';
import { eachLane, type SlotsByLane, totalOf } from './slots-by-lane.policy.js';

type Bounds = Pick<ScaleSettings, 'lanes' | 'minSlots' | 'maxSlots'>;

/** Parts of slots, each lane between its floor and its ceiling. */
export function boundedByLane(slots: SlotsByLane, { lanes }: Bounds): SlotsByLane {
  return eachLane((lane) => Math.min(Math.max(slots[lane], lanes[lane].minSlots), lanes[lane].maxSlots));
}

/**
 * Whole slots: the sum is rounded up once, and not each lane, since the lanes share the slots. A lane gets what the sum
 * grows by when it is added, so it stays within its bounds, which are whole.
 */
export function wholeSlots(slots: SlotsByLane): SlotsByLane {
  let sum = 0;
  return eachLane((lane) => {
    const before = Math.ceil(sum - ROUNDING);
    sum += slots[lane];
    return Math.ceil(sum - ROUNDING) - before;
  });
}

/** Sums of parts miss the whole number that they mean by this much at most. */
const ROUNDING = 1e-9;

/**
 * The bounds of the model, on whole slots. What it has too few is given to the lowest lane with room, what it has too many is
 * taken from the lowest lane above its floor.
 */
export function boundedInAll(slots: SlotsByLane, bounds: Bounds, minSlots = bounds.minSlots): SlotsByLane {
  const result = { ...slots };
  let missing = Math.min(minSlots, bounds.maxSlots) - totalOf(slots);
  let excess = totalOf(slots) - bounds.maxSlots;
  for (const lane of [...LANES].reverse()) {
    const { minSlots: floor, maxSlots: ceiling } = bounds.lanes[lane];
    const given = Math.max(0, Math.min(missing, ceiling - result[lane]));
    const taken = Math.max(0, Math.min(excess, result[lane] - floor));
    missing -= given;
    excess -= taken;
    result[lane] += given - taken;
  }
  return result;
}
