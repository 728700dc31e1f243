import type { Lane } from '../../domain/message/message.events.js';
import type { MessageStatus } from '../../domain/message/message.state.js';

export const WAITS_FOR = ['slot', 'endpoint', 'turn', 'schedule', 'paused'] as const;
export type WaitsFor = (typeof WAITS_FOR)[number];

/** How a message waits, as its client is told. */
export interface MessageWait {
  /** 1 for the next of its lane; null where it has no place in one. */
  readonly position: number | null;
  /** The estimated time until its call; null where it is not known. */
  readonly etaSeconds: number | null;
  readonly waitingFor: WaitsFor | null;
}

export const NO_WAIT: MessageWait = { position: null, etaSeconds: null, waitingFor: null };

/** Its place in its lane, from the tables: the same fields as the projection's `PlaceInLane`. */
export interface Place {
  readonly ahead: number;
  readonly more: boolean;
  readonly sequence: number;
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly held: boolean;
}

export interface WaitFacts {
  readonly status: MessageStatus;
  readonly lane: Lane;
  /** ISO 8601. */
  readonly scheduledAt: string | null;
  readonly nowMs: number;
  /** Null when it was taken out of the lane in between. */
  readonly place: Place | null;
  readonly paused: boolean;
  /** No worker has a free place at an endpoint of its model. */
  readonly modelBusy: boolean;
  /** Slots, over all workers, in which nothing runs. */
  readonly freeSlots: number;
  /** Messages waiting in the lane, as the broker counts them; null where unknown. */
  readonly waiting: number | null;
  /** Messages per second that leave the lane; null where unknown. */
  readonly drainRate: number | null;
}

/**
 * What a message waits for. The schedule is looked at first, then the turn, then the lane. A message that nothing of
 * these holds back waits for an endpoint if a slot is free but its model is busy everywhere, otherwise for a slot.
 */
export function messageWait(facts: WaitFacts): MessageWait {
  if (facts.status === 'scheduled') {
    return {
      position: null,
      etaSeconds: untilSeconds(facts.scheduledAt, facts.nowMs),
      waitingFor: 'schedule',
    };
  }
  if (facts.status !== 'pending' || facts.place === null) return NO_WAIT;
  if (facts.place.held) return { position: null, etaSeconds: null, waitingFor: 'turn' };
  const position = positionOf(facts.place, facts.waiting);
  if (facts.paused) return { position, etaSeconds: null, waitingFor: 'paused' };
  const waitingFor = facts.modelBusy && facts.freeSlots > 0 ? 'endpoint' : 'slot';
  return { position, etaSeconds: etaSeconds(position, facts.drainRate), waitingFor };
}

/** Exact up to the number that was counted. Beyond it, an estimate: as if the lane's messages were spread evenly. */
export function positionOf(place: Place, waiting: number | null): number {
  if (!place.more) return place.ahead + 1;
  const length = Math.max(1, place.lastSequence - place.firstSequence);
  const part = Math.min(1, Math.max(0, (place.sequence - place.firstSequence) / length));
  return Math.max(place.ahead + 1, Math.round((waiting ?? 0) * part));
}

function etaSeconds(position: number, drainRate: number | null): number | null {
  if (drainRate === null || drainRate <= 0) return null;
  return Math.ceil(position / drainRate);
}

function untilSeconds(time: string | null, nowMs: number): number | null {
  return time === null ? null : Math.max(0, Math.ceil((Date.parse(time) - nowMs) / 1_000));
}
