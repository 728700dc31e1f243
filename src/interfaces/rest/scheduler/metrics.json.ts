import type { Lane } from '../../../domain/message/lane.policy.js';
import { perLaneOf } from '../../../domain/message/per-lane.js';
import {
  allLanes,
  isKnownLane,
  type LaneFigures,
  lanesInAll,
  type ModelReadings,
  type SchedulerReadings,
} from '../../../scheduler/readings/scheduler-readings.js';

/** Of which part the figures are; null for all. */
export interface MetricsPart {
  readonly model: string | null;
  readonly lane: Lane | null;
}

/**
 * The readings as KEDA's `metrics-api` scaler takes them: names at the top that are always the same, of the part that was asked for.
 * A part that is unknown is null, so that no scaler takes it for a zero.
 *
 * @returns null where the part that was asked for is unknown, or the model is not there
 */
export function metricsJson(
  readings: SchedulerReadings,
  { model, lane }: MetricsPart,
): Record<string, unknown> | null {
  const models = readings.models.filter((each) => model === null || each.model === model);
  if (models.length === 0) return null;
  const lanes = lanesInAll({ models });
  const figures = lane === null ? allLanes(lanes) : lanes[lane];
  if (!isKnownLane(figures)) return null;
  const { term, at, slots, wanted_slots: inAll } = readings;
  return {
    ...{ term, at, slots },
    wanted_slots: model === null ? inAll : models[0]!.wanted_slots,
    ...figuresJson(figures),
    lanes: perLaneOf((each) => figuresJson(lanes[each])),
    models: models.map(modelJson),
  };
}

function modelJson({ model, wanted_slots, lanes, service }: ModelReadings): Record<string, unknown> {
  return {
    ...{ model, wanted_slots },
    ...figuresJson(allLanes(lanes)),
    lanes: perLaneOf((lane) => figuresJson(lanes[lane])),
    service,
  };
}

const UNKNOWN = {
  ...{ waiting: null, redelivering: null, running: null, load: null, oldest_age_seconds: null },
  ...{ arrivals_per_second: null, due_within_minute: null, waiting_tokens: null },
};

function figuresJson(figures: LaneFigures): Record<string, number | null> {
  if (!isKnownLane(figures)) return UNKNOWN;
  const { waiting, redelivering, running, ...others } = figures;
  return { waiting, redelivering, running, load: waiting + running, ...others };
}
