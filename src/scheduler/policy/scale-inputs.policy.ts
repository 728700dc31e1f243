import type { Lane } from '../../domain/message/lane.policy.js';

/**
 * What the broker and the workers told of one lane of one model. Counters grow from any beginning and may begin anew;
 * only their growth between two readings counts.
 *
 * A token here is a unit of work. Prompt and expected answer may weigh differently, as long as all three token fields
 * are counted alike.
 */
export interface LaneReading {
  readonly waiting: number;
  readonly running: number;
  /** Of the oldest message that waits; 0 where none waits. */
  readonly oldestAgeMs: number;
  /** Counter of messages that came into the lane. */
  readonly arrived: number;
  /** Null where tokens are not known: then the policy counts messages. */
  readonly waitingTokens: number | null;
  /** Counter. */
  readonly arrivedTokens: number | null;
  /** Waiting messages by their deadlines, as cumulated counts: so many must begin within so long. */
  readonly due: readonly DueMessages[];
}

export interface DueMessages {
  readonly withinMs: number;
  readonly messages: number;
}

/** Why a reading is missing. It is never replaced by a zero: an idle lane and an unreachable broker are not alike. */
export type Unknown = { readonly unknown: 'stale' | 'missing_consumer' | 'unreachable' };

/** What the slots of one model did, over all lanes. Counters, as above. */
export interface ServiceReading {
  /** How long calls that ended held their slots, added up. */
  readonly busyMs: number;
  readonly served: number;
  readonly servedTokens: number | null;
}

export interface ScaleInputs {
  readonly model: string;
  readonly atMs: number;
  readonly lanes: Readonly<Record<Lane, LaneReading | Unknown>>;
  readonly service: ServiceReading | Unknown;
  /** Slots that take calls now, and those that were ordered and will. Not those that drain. */
  readonly slots: number;
  /** How long a slot needs from its order to its first call, as last seen or as set. */
  readonly startDelayMs: number;
}

export function isKnown<T extends object>(reading: T | Unknown): reading is T {
  return !('unknown' in reading);
}
