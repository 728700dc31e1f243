import { assertNever } from '../../domain/assert-never.js';
import { LANES, type Lane } from '../../domain/message/lane.policy.js';
import { boundedByLane, boundedInAll, wholeSlots } from './bounds.policy.js';
import { type LaneWork, laneWork, type WorkByLane } from './lane-work.policy.js';
import { withoutThePast } from './load-memory.policy.js';
import { isKnown, type LaneReading, type ScaleInputs } from './scale-inputs.policy.js';
import type { ScaleSettings } from './scale-settings.policy.js';
import { observed, type ScaleState } from './scale-state.policy.js';
import { eachLane, NO_SLOTS, type SlotsByLane, totalOf } from './slots-by-lane.policy.js';
import { steadied } from './steady-size.policy.js';
import { adaptiveSlots, dynamicSlots, hybridSlots, staticSlots, type Wanted } from './wanted-slots.policy.js';

/** One decision about the slots of one model, with all that an event tells of it. */
export interface ScaleDecision {
  readonly model: string;
  readonly slots: SlotsByLane;
  readonly total: number;
  readonly change: 'up' | 'down' | 'none';
  /** In words, for people. */
  readonly reason: string;
  readonly inputs: ScaleInputs;
  /** To be given to the next decision. */
  readonly state: ScaleState;
}

/**
 * How many slots a model shall have, for each lane. Lanes share the slots, so the sum is what is there to be had, and a
 * lane's part says whose work it is for.
 *
 * Where a lane is unknown (a stale reading, no consumer, no broker) its part stays as it is and the sum does not fall: what is
 * unknown is neither idle nor overloaded.
 */
export function decideScale(inputs: ScaleInputs, settings: ScaleSettings, before: ScaleState): ScaleDecision {
  const seen = observed(before, inputs, settings);
  const unknown = LANES.filter((lane) => !isKnown(inputs.lanes[lane]));
  const work = eachLane((lane) => workOf(lane, inputs, seen));
  const state = { ...seen, memory: withoutThePast(seen.memory) };

  if (settings.zeroAfterMs !== null && state.idleSinceMs !== null && settings.minSlots === 0) {
    const idleMs = inputs.atMs - state.idleSinceMs;
    if (idleMs >= settings.zeroAfterMs || totalOf(state.slots) === 0)
      return idle(inputs, settings, state, idleMs);
  }
  const { slots, because } = wantedSlots(work, inputs, settings, state);
  const wanted = within(
    settings,
    eachLane((lane) => (unknown.includes(lane) ? state.slots[lane] : slots[lane])),
  );
  const steady = steadied(
    {
      current: within(settings, state.slots),
      wanted,
      atMs: inputs.atMs,
      notUp: whyNotUp(settings, state),
      notDown: unknown.length > 0 ? 'a lane is unknown' : null,
    },
    state.history,
    settings,
  );
  const reason = [
    unknown.map((lane) => `${lane} is unknown (${unknownWords(inputs, lane)}), so its slots stay`),
    `${because}: ${totalOf(wanted)} wanted`,
    steady.held === '' ? [] : `${totalOf(steady.slots)} kept, because ${steady.held}`,
  ];
  return decision(inputs, state, before, steady.slots, steady.history, reason.flat().join('; '));
}

function workOf(lane: Lane, inputs: ScaleInputs, { arrivals, service }: ScaleState): LaneWork | null {
  const [reading, seen] = [inputs.lanes[lane], arrivals[lane]];
  if (!isKnown(reading) || seen === null) return null;
  return laneWork(reading, seen.rate, service, Math.max(inputs.startDelayMs, SHORTEST_MS));
}

const SHORTEST_MS = 1_000;
const NO_WORK: LaneWork = { load: 0, waitingSeconds: 0, dueSlots: 0, countedIn: 'messages' };

function wantedSlots(
  work: Readonly<Record<Lane, LaneWork | null>>,
  inputs: ScaleInputs,
  settings: ScaleSettings,
  state: ScaleState,
): Wanted {
  const { strategy } = settings;
  if (strategy === 'static') return staticSlots(settings);
  if (strategy === 'dynamic') {
    const readings = eachLane((lane) => knownOr(NO_READING, inputs.lanes[lane]));
    return dynamicSlots(readings, state.slots, settings);
  }
  if (strategy !== 'adaptive' && strategy !== 'hybrid') return assertNever(strategy);
  if (LANES.every((lane) => work[lane] === null)) return bootstrap(inputs, state);
  const known: WorkByLane = eachLane((lane) => work[lane] ?? NO_WORK);
  return strategy === 'hybrid' && LANES.every((lane) => work[lane] !== null)
    ? hybridSlots(known, state.memory, inputs, settings)
    : adaptiveSlots(known, inputs, settings);
}

const NO_READING: LaneReading = {
  ...{ waiting: 0, running: 0, oldestAgeMs: 0, arrived: 0 },
  ...{ waitingTokens: null, arrivedTokens: null, due: [] },
};

function knownOr(otherwise: LaneReading, reading: ScaleInputs['lanes'][Lane]): LaneReading {
  return isKnown(reading) ? reading : otherwise;
}

/** Without a single call that ended nobody knows how long one takes. One slot finds out. */
function bootstrap({ lanes }: ScaleInputs, { slots }: ScaleState): Wanted {
  const waits = LANES.find((lane) => knownOr(NO_READING, lanes[lane]).waiting > 0);
  const because = 'the rates of arrivals and service are not known yet';
  if (waits === undefined || totalOf(slots) > 0) return { slots, because };
  return { slots: { ...NO_SLOTS, [waits]: 1 }, because: `${because}, and messages wait in ${waits}` };
}

/** A load step is decided about once, when it is seen whole, and not in its first second and again in its tenth. */
function whyNotUp({ strategy }: ScaleSettings, { arrivals }: ScaleState): string | null {
  if (strategy === 'static' || strategy === 'dynamic') return null;
  const changing = LANES.filter((lane) => (arrivals[lane]?.rate.suspected ?? null) !== null);
  return changing.length > 0 ? `the arrivals in ${changing.join(', ')} are changing` : null;
}

function idle(
  inputs: ScaleInputs,
  settings: ScaleSettings,
  state: ScaleState,
  idleMs: number,
): ScaleDecision {
  const slots = boundedInAll(boundedByLane(NO_SLOTS, settings), settings);
  const history = { ...state.history, wanted: [], sinceMs: inputs.atMs };
  const reason = `nothing waited, ran or came for ${Math.round(idleMs / 1000)} s`;
  return decision(inputs, state, state, slots, history, reason);
}

function within(settings: ScaleSettings, slots: SlotsByLane): SlotsByLane {
  return boundedInAll(wholeSlots(boundedByLane(slots, settings)), settings, Math.max(1, settings.minSlots));
}

function unknownWords({ lanes }: ScaleInputs, lane: Lane): string {
  const reading = lanes[lane];
  if (isKnown(reading)) return 'known';
  switch (reading.unknown) {
    case 'stale':
      return 'its reading is stale';
    case 'missing_consumer':
      return 'its consumer is missing';
    case 'unreachable':
      return 'the broker is unreachable';
    default:
      return assertNever(reading.unknown);
  }
}

function decision(
  inputs: ScaleInputs,
  state: ScaleState,
  before: ScaleState,
  slots: SlotsByLane,
  history: ScaleState['history'],
  reason: string,
): ScaleDecision {
  const [had, total] = [totalOf(before.slots), totalOf(slots)];
  return {
    model: inputs.model,
    slots,
    total,
    change: total > had ? 'up' : total < had ? 'down' : 'none',
    reason,
    inputs,
    state: { ...state, slots, history },
  };
}
