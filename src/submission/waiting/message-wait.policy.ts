import type { MessageStatus } from '../../domain/message/message.state.js';

export const WAITS_FOR = ['slot', 'endpoint', 'turn', 'schedule', 'paused'] as const;
export type WaitsFor = (typeof WAITS_FOR)[number];

/** How a message waits, as its client is told. */
export interface MessageWait {
  /** 1 for the next of its lane and model; null where it has no place in one. */
  readonly position: number | null;
  /** The estimated time until its call; null where it is not known. */
  readonly etaSeconds: number | null;
  readonly waitingFor: WaitsFor | null;
}

export const NO_WAIT: MessageWait = { position: null, etaSeconds: null, waitingFor: null };

/** How a message waits, and what it does where it does not wait. */
export interface WaitState {
  readonly status: MessageStatus;
  readonly wait: Pick<MessageWait, 'position' | 'waitingFor'>;
}

/** Its place in its lane, from the tables: the same fields as the projection's `PlaceInLane`. */
export interface Place {
  readonly ahead: number;
  readonly above: number;
  readonly held: boolean;
}

export interface WaitFacts {
  readonly status: MessageStatus;
  /** ISO 8601. */
  readonly scheduledAt: string | null;
  readonly nowMs: number;
  /** Null when it was taken out of the lane in between. */
  readonly place: Place | null;
  readonly paused: boolean;
  /** No worker has a free place at an endpoint of its model. */
  readonly modelBusy: boolean;
  /** Messages of its model per second that leave the lanes; null where unknown. */
  readonly drainRate: number | null;
  /** The least share of them that its lane gets while it has a backlog, from 0 to 1. */
  readonly minShare: number;
}

/**
 * What a message waits for. The schedule is looked at first, then the turn, then the lane. A message that nothing of
 * these holds back waits for an endpoint if its model has no free place anywhere, otherwise for a slot.
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
  const position = facts.place.ahead + 1;
  if (facts.paused) return { position, etaSeconds: null, waitingFor: 'paused' };
  return {
    position,
    etaSeconds: etaSeconds(facts.place, facts),
    waitingFor: facts.modelBusy ? 'endpoint' : 'slot',
  };
}

/** All that waits above goes before it, but its lane gets its share meanwhile: whichever lets it go sooner. */
export function etaSeconds(
  { ahead, above }: Pick<Place, 'ahead' | 'above'>,
  { drainRate, minShare }: Pick<WaitFacts, 'drainRate' | 'minShare'>,
): number | null {
  if (drainRate === null || drainRate <= 0) return null;
  const behindAll = (ahead + 1 + above) / drainRate;
  const byShare = minShare > 0 ? (ahead + 1) / (drainRate * minShare) : Number.POSITIVE_INFINITY;
  return Math.ceil(Math.min(behindAll, byShare));
}

export function untilSeconds(time: string | null, nowMs: number): number | null {
  return time === null ? null : Math.max(0, Math.ceil((Date.parse(time) - nowMs) / 1_000));
}
