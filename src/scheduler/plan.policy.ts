import type { ScaleDecided } from '../domain/admin/scale.events.js';
import type { Lane } from '../domain/message/lane.policy.js';
import { decideScale, type ScaleDecision } from './policy/decide-scale.policy.js';
import { isKnown, type LaneReading, type ScaleInputs, type Unknown } from './policy/scale-inputs.policy.js';
import { firstScaleState, type ScaleState } from './policy/scale-state.policy.js';
import { firstService } from './policy/service-rate.policy.js';
import { eachLane, type SlotsByLane, totalOf } from './policy/slots-by-lane.policy.js';
import { orderedSlots, type SchedulerSection, scaleSettings } from './scheduler-settings.policy.js';

/** One lane of one model as counted now. */
export interface LaneCount {
  readonly waiting: number;
  readonly running: number;
  readonly oldestAgeMs: number;
  readonly arrived: number;
  readonly dueWithinMinute: number | null;
}

export interface ModelCount {
  readonly model: string;
  readonly lanes: Readonly<Record<Lane, LaneCount | Unknown>>;
  readonly service: { readonly busyMs: number; readonly calls: number };
}

/** What all decisions of one turn have in common. */
export interface Situation {
  readonly atMs: number;
  /** Of all models together: slots that take calls, or were ordered and will. */
  readonly slots: number;
  readonly startDelayMs: number;
  /** What waits there can't be served, however many slots there are. */
  readonly isPaused: (lane: Lane) => boolean;
}

export interface Planned {
  readonly decision: ScaleDecision;
  readonly before: ScaleState;
}

/** What one turn of the leader comes to. */
export interface Plan {
  /** One for each model, in the order of the models. */
  readonly planned: readonly Planned[];
  /** For all models together. */
  readonly ordered: number;
}

const MINUTE_MS = 60_000;

/**
 * The decisions about all models. Workers serve all of them with the same slots, so each model has a part of what is there,
 * by what was decided for it last, and the sum is what is ordered.
 */
export function plan(
  models: readonly ModelCount[],
  states: ReadonlyMap<string, ScaleState>,
  section: SchedulerSection,
  situation: Situation,
): Plan {
  const before = models.map(
    ({ model }, at) => states.get(model) ?? firstState(situation.slots, at, models.length),
  );
  const decided = before.reduce((sum, { slots }) => sum + totalOf(slots), 0);
  const planned = models.map((count, at) => {
    const share = decided === 0 ? 1 / models.length : totalOf(before[at]!.slots) / decided;
    const inputs = inputsOf(count, situation, situation.slots * share);
    const decision = decideScale(inputs, scaleSettings(section, at, models.length), before[at]!);
    return { decision, before: before[at]! };
  });
  return {
    planned,
    ordered: orderedSlots(
      planned.map(({ decision }) => decision.total),
      section,
    ),
  };
}

/** Of a model without a past: its part of the slots that are there. Calls that ended before tell as much as later ones. */
function firstState(slots: number, at: number, models: number): ScaleState {
  const part = Math.floor((slots * (at + 1)) / models) - Math.floor((slots * at) / models);
  return { ...firstScaleState(part), service: firstService({ busyMs: 0, served: 0, servedTokens: null }) };
}

/** The state behind a decision that was not recorded: what was seen counts, and the size is the one before. */
export function undecided({ decision, before }: Planned): ScaleState {
  return { ...decision.state, slots: before.slots, history: before.history };
}

/** The size that a successor goes on with: the decided parts, where they are what is there. */
export function resumedStates(
  decided: readonly { readonly model: string; readonly slots: SlotsByLane }[],
  models: number,
  section: SchedulerSection,
  slots: number,
): Map<string, ScaleState> {
  const isAll = decided.length === models;
  if (
    !isAll ||
    orderedSlots(
      decided.map((each) => totalOf(each.slots)),
      section,
    ) !== slots
  )
    return new Map();
  return new Map(decided.map((each) => [each.model, { ...firstState(0, 0, 1), slots: each.slots }]));
}

function inputsOf(
  { model, lanes, service }: ModelCount,
  { atMs, startDelayMs, isPaused }: Situation,
  slots: number,
): ScaleInputs {
  return {
    ...{ model, atMs, slots, startDelayMs },
    lanes: eachLane((lane) => {
      const count = lanes[lane];
      return isKnown(count) ? readingOf(count, isPaused(lane)) : count;
    }),
    service: { busyMs: service.busyMs, served: service.calls, servedTokens: null },
  };
}

function readingOf(count: LaneCount, isPaused: boolean): LaneReading {
  const { waiting, running, oldestAgeMs, arrived, dueWithinMinute: due } = count;
  return {
    ...{ running, arrived, waitingTokens: null, arrivedTokens: null },
    waiting: isPaused ? 0 : waiting,
    oldestAgeMs: isPaused ? 0 : oldestAgeMs,
    due: isPaused || due === null || due === 0 ? [] : [{ withinMs: MINUTE_MS, messages: due }],
  };
}

/** The event of a decision that changes a size. */
export function decidedEvent(
  { decision, before }: Planned,
  about: Pick<ScaleDecided, 'ordered' | 'strategy' | 'actuator' | 'dry_run' | 'term' | 'by'> & {
    readonly at: string;
  },
): ScaleDecided {
  const { at, ...rest } = about;
  const { inputs } = decision;
  return {
    ...rest,
    ...{ model: decision.model, from: totalOf(before.slots), to: decision.total },
    lanes: { ...decision.slots },
    reason: decision.reason,
    inputs: {
      ...{ at, slots: inputs.slots, start_delay_ms: inputs.startDelayMs },
      lanes: eachLane((lane) => laneInput(inputs.lanes[lane])),
      service: isKnown(inputs.service)
        ? {
            ...{ busy_ms: inputs.service.busyMs, served: inputs.service.served },
            served_tokens: inputs.service.servedTokens,
          }
        : inputs.service,
    },
  };
}

type LaneInput = ScaleDecided['inputs']['lanes'][Lane];

function laneInput(reading: LaneReading | Unknown): LaneInput {
  if (!isKnown(reading)) return reading;
  const { waiting, running, oldestAgeMs, arrived, due } = reading;
  return { waiting, running, arrived, oldest_age_ms: oldestAgeMs, due_within_minute: due[0]?.messages ?? 0 };
}
