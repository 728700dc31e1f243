import type { Lane } from '../../domain/message/lane.policy.js';
import { isKnown, type Unknown } from '../policy/scale-inputs.policy.js';
import type { ScaleState } from '../policy/scale-state.policy.js';
import { secondsPerMessage } from '../policy/service-rate.policy.js';
import { eachLane, totalOf } from '../policy/slots-by-lane.policy.js';
import type { LaneFigures, ModelReadings, SchedulerReadings, ServiceReadings } from './scheduler-readings.js';

interface Counted {
  readonly waiting: number;
  readonly redelivering: number;
  readonly running: number;
  readonly oldestAgeMs: number;
  readonly dueWithinMinute: number | null;
  readonly waitingTokens: number | null;
}

interface CountedModel {
  readonly model: string;
  readonly lanes: Readonly<Record<Lane, Counted | Unknown>>;
  readonly service: { readonly countedCalls: number; readonly tokens: number };
}

/** What is told of a reading: what was counted, and the rates that the policy made of it. */
export function readingsOf(
  models: readonly CountedModel[],
  states: ReadonlyMap<string, ScaleState>,
  head: Omit<SchedulerReadings, 'models'>,
): SchedulerReadings {
  return { ...head, models: models.map((each) => modelOf(each, states.get(each.model) ?? null)) };
}

function modelOf({ model, lanes, service }: CountedModel, state: ScaleState | null): ModelReadings {
  return {
    model,
    wanted_slots: state === null ? null : totalOf(state.slots),
    lanes: eachLane((lane) => laneOf(lanes[lane], arrivalsOf(state, lane))),
    service: serviceOf(service, state),
  };
}

function laneOf(lane: Counted | Unknown, arrivalsPerSecond: number | null): LaneFigures {
  if (!isKnown(lane)) return lane;
  return {
    ...{ waiting: lane.waiting, redelivering: lane.redelivering, running: lane.running },
    oldest_age_seconds: rounded(lane.oldestAgeMs / 1000),
    arrivals_per_second: arrivalsPerSecond,
    due_within_minute: lane.dueWithinMinute,
    waiting_tokens: lane.waitingTokens,
  };
}

function arrivalsOf(state: ScaleState | null, lane: Lane): number | null {
  const recent = state?.arrivals[lane]?.rate.recent;
  return recent === undefined || recent.seconds <= 0 ? null : rounded(recent.messages / recent.seconds);
}

function serviceOf(
  { countedCalls, tokens }: CountedModel['service'],
  state: ScaleState | null,
): ServiceReadings {
  const seconds = secondsPerMessage(state?.service ?? null);
  const perSecond = seconds === null || seconds === 0 ? null : 1 / seconds;
  return {
    seconds_per_message: rounded(seconds),
    messages_per_second_and_slot: rounded(perSecond),
    tokens_per_second_and_slot:
      perSecond === null || countedCalls === 0 ? null : rounded((tokens / countedCalls) * perSecond),
  };
}

function rounded<T extends number | null>(value: T): T {
  return (value === null ? null : Number(value.toFixed(4))) as T;
}
