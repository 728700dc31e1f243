import {
  allLanes,
  isKnownLane,
  type LaneReadings,
  lanesInAll,
  type SchedulerReadings,
} from '../../scheduler/readings/scheduler-readings.js';
import type { ScaleReading, Trigger, Work } from './trigger.policy.js';

/** What the readings say of what a trigger asks about; null of a model that is not among them. */
export function scaleReadingOf(
  { model, lane }: Pick<Trigger, 'model' | 'lane'>,
  readings: SchedulerReadings,
): ScaleReading | null {
  const one = readings.models.find((each) => each.model === model);
  if (model !== null && one === undefined) return null;
  const lanes = one?.lanes ?? lanesInAll(readings);
  const figures = lane === null ? allLanes(lanes) : lanes[lane];
  return {
    wantedSlots: (one ?? readings).wanted_slots,
    work: isKnownLane(figures) ? workIn(figures) : null,
  };
}

function workIn({ waiting, running, waiting_tokens: waitingTokens }: LaneReadings): Work {
  return { waiting, running, waitingTokens };
}
