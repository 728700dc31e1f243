import type { Lane } from '../../domain/message/message.events.js';

/** A message that waits past its deadline. */
export interface ExpiredMessage {
  readonly id: string;
  readonly tenant: string;
  readonly lane: Lane;
  /** ISO 8601, UTC. */
  readonly deadline: string;
}

/** Finds what expired while it waited, in a lane or a schedule; what a worker calls a model for is not looked at. */
export interface ExpiredReader {
  /** Up to `limit` messages whose deadline is at or before the time (ISO 8601), the most overdue first. */
  expired(before: string, limit: number): Promise<ExpiredMessage[]>;
}

export const EXPIRED_READER = Symbol('ExpiredReader');
