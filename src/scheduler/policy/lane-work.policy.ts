import { LANES, type Lane } from '../../domain/message/lane.policy.js';
import type { ArrivalRate } from './arrival-rate.policy.js';
import type { LaneReading } from './scale-inputs.policy.js';
import { type ServiceRate, secondsPerMessage, secondsPerToken } from './service-rate.policy.js';

/** The work of a lane in slot time, whatever it was counted in. */
export interface LaneWork {
  /** Slots that the arrivals keep busy on average: slot seconds that come in a second. */
  readonly load: number;
  /** Slot seconds that wait. */
  readonly waitingSeconds: number;
  /** Slots that deadlines ask for, beside the load. */
  readonly dueSlots: number;
  readonly countedIn: 'tokens' | 'messages';
}

/** Shorter, a rate is a guess from a handful of messages. */
const ENOUGH_SECONDS = 5;

/** Null while the rates are unknown. */
export function laneWork(
  reading: LaneReading,
  arrivals: ArrivalRate,
  service: ServiceRate | null,
  shortestMs: number,
): LaneWork | null {
  const perMessage = secondsPerMessage(service);
  const { long } = arrivals;
  if (perMessage === null || long.seconds < ENOUGH_SECONDS) return null;
  const perToken = secondsPerToken(service);
  const dueSlots = reading.due.reduce(
    (most, { messages, withinMs }) =>
      Math.max(most, (messages * perMessage * 1000) / Math.max(withinMs, shortestMs)),
    0,
  );
  if (perToken === null || long.tokens === null || reading.waitingTokens === null) {
    const load = (long.messages / long.seconds) * perMessage;
    return { load, waitingSeconds: reading.waiting * perMessage, dueSlots, countedIn: 'messages' };
  }
  const load = (long.tokens / long.seconds) * perToken;
  return { load, waitingSeconds: reading.waitingTokens * perToken, dueSlots, countedIn: 'tokens' };
}

export type WorkByLane = Readonly<Record<Lane, LaneWork>>;

/**
 * The slot seconds of each lane that still wait when a slot ordered now can begin: the slots that are there serve the
 * higher lanes first until then, and only what they leave needs more of them.
 */
export function leftWaiting(work: WorkByLane, slots: number, startDelayMs: number): Record<Lane, number> {
  const left: Record<Lane, number> = { realtime: 0, high: 0, normal: 0, low: 0 };
  const delay = startDelayMs / 1000;
  let offered = 0;
  let leftAbove = 0;
  for (const lane of LANES) {
    offered += work[lane].waitingSeconds + work[lane].load * delay;
    const leftSoFar = Math.max(0, offered - slots * delay);
    left[lane] = leftSoFar - leftAbove;
    leftAbove = leftSoFar;
  }
  return left;
}
