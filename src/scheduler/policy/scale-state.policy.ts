import { LANES, type Lane } from '../../domain/message/lane.policy.js';
import { type ArrivalRate, areChanging, firstArrivals, judged, withArrivals } from './arrival-rate.policy.js';
import { type LoadMemory, NO_MEMORY, remember } from './load-memory.policy.js';
import { isKnown, type LaneReading, type ScaleInputs } from './scale-inputs.policy.js';
import type { ScaleSettings } from './scale-settings.policy.js';
import {
  firstService,
  observeService,
  type ServiceRate,
  secondsPerMessage,
  secondsPerToken,
} from './service-rate.policy.js';
import { eachLane, NO_SLOTS, type SlotsByLane } from './slots-by-lane.policy.js';
import { NO_CHANGES, type SizeHistory } from './steady-size.policy.js';

/** All that the policy remembers of a model between two decisions. */
export interface ScaleState {
  /** The size that was decided last. */
  readonly slots: SlotsByLane;
  /** Of each lane when it was read last; null before its first reading. */
  readonly arrivals: Readonly<Record<Lane, ObservedArrivals | null>>;
  readonly service: ServiceRate | null;
  readonly memory: LoadMemory;
  readonly history: SizeHistory;
  /** Since when nothing waited, ran or came. Null: not idle, or not known to be. */
  readonly idleSinceMs: number | null;
}

export interface ObservedArrivals {
  readonly atMs: number;
  readonly rate: ArrivalRate;
}

/** @param slots what is there when the policy begins; `normal` answers for it until the first decision */
export function firstScaleState(slots: number): ScaleState {
  return {
    slots: { ...NO_SLOTS, normal: slots },
    arrivals: { realtime: null, high: null, normal: null, low: null },
    service: null,
    memory: NO_MEMORY,
    history: NO_CHANGES,
    idleSinceMs: null,
  };
}

/** A change is believed after a part of a start, within these limits. */
const SHORTEST_CONFIRM_MS = 5_000;
const LONGEST_CONFIRM_MS = 15_000;

/** What the readings add to what is remembered. An unknown one adds nothing. */
export function observed(state: ScaleState, inputs: ScaleInputs, settings: ScaleSettings): ScaleState {
  const confirmMs = Math.min(Math.max(inputs.startDelayMs / 4, SHORTEST_CONFIRM_MS), LONGEST_CONFIRM_MS);
  const service = isKnown(inputs.service)
    ? state.service === null
      ? firstService(inputs.service)
      : observeService(state.service, inputs.service)
    : state.service;
  const arrivals = observedArrivals(state.arrivals, inputs, confirmMs);
  return {
    ...state,
    arrivals,
    service,
    memory: rememberedLoads(state, inputs, service, settings),
    idleSinceMs: idleSince(state, inputs),
  };
}

type ArrivalsByLane = ScaleState['arrivals'];

function observedArrivals(
  before: ArrivalsByLane,
  { lanes, atMs }: ScaleInputs,
  confirmMs: number,
): ArrivalsByLane {
  const counted = eachLane((lane) => {
    const [reading, seen] = [lanes[lane], before[lane]];
    if (!isKnown(reading)) return seen;
    return {
      atMs,
      rate: seen === null ? firstArrivals(reading) : withArrivals(seen.rate, reading, atMs - seen.atMs),
    };
  });
  const known = LANES.filter((lane) => counted[lane] !== null && before[lane] !== null);
  const [recent, long] = [
    known.map((lane) => counted[lane]!.rate.recent),
    known.map((lane) => before[lane]!.rate.long),
  ];
  const areAllChanging = areChanging(recent, long);
  return eachLane((lane) => {
    const [now, seen] = [counted[lane], before[lane]];
    if (now === null || seen === null || !isKnown(lanes[lane])) return now;
    const isChanging = areAllChanging || areChanging([now.rate.recent], [seen.rate.long]);
    return { atMs, rate: judged(now.rate, isChanging, confirmMs) };
  });
}

/** The work that came since the last reading. Where one lane is unknown, the sum is, and nothing is remembered. */
function rememberedLoads(
  state: ScaleState,
  inputs: ScaleInputs,
  service: ServiceRate | null,
  settings: ScaleSettings,
): LoadMemory {
  const perMessage = secondsPerMessage(service);
  if (perMessage === null) return state.memory;
  const perToken = secondsPerToken(service);
  let elapsedMs = Number.POSITIVE_INFINITY;
  const messages = { ...NO_SLOTS };
  const slotSeconds = eachLane((lane) => {
    const [reading, before] = [inputs.lanes[lane], state.arrivals[lane]];
    if (!isKnown(reading) || before === null) return Number.NaN;
    elapsedMs = Math.min(elapsedMs, inputs.atMs - before.atMs);
    messages[lane] = reading.arrived - before.rate.arrived;
    if (perToken === null || reading.arrivedTokens === null || before.rate.arrivedTokens === null) {
      return messages[lane] * perMessage;
    }
    return (reading.arrivedTokens - before.rate.arrivedTokens) * perToken;
  });
  // A counter that began anew makes a negative number, and one that is unknown none.
  const isCounted = LANES.every((lane) => slotSeconds[lane] >= 0 && messages[lane] >= 0) && elapsedMs > 0;
  if (!isCounted) return state.memory;
  const waitTargetMs = eachLane((lane) => settings.lanes[lane].waitTargetMs);
  return remember(state.memory, { elapsedMs, messages, slotSeconds }, waitTargetMs, settings.forecast);
}

function idleSince(state: ScaleState, { lanes, atMs }: ScaleInputs): number | null {
  const isIdle = LANES.every((lane) => {
    const [reading, before] = [lanes[lane], state.arrivals[lane]];
    return (
      isKnown(reading) &&
      isWithoutWork(reading) &&
      (before?.rate.arrived ?? reading.arrived) === reading.arrived
    );
  });
  return isIdle ? (state.idleSinceMs ?? atMs) : null;
}

function isWithoutWork({ waiting, running }: LaneReading): boolean {
  return waiting === 0 && running === 0;
}
