import type { Lane } from '../../domain/message/message.events.js';

/** What the tables know of a lane, over all tenants. */
export interface LaneFigures {
  /** Turns that wait for an earlier one of their conversation, outside of the lane. */
  readonly held: number;
  /** Messages whose time has not come. */
  readonly scheduled: number;
  /** Messages that were given up. */
  readonly dead: number;
  /** When the message that waits longest last entered its lane, ISO 8601; null where none waits. */
  readonly oldestWaitingSince: string | null;
  /** Completed or given up in the span asked for. */
  readonly ended: number;
  /** In milliseconds, of those that ended in the span; null where none did. */
  readonly averageWaitMs: number | null;
  readonly p95WaitMs: number | null;
}

/** What a tenant's messages of one lane, or of all, came to in a span of time. Milliseconds; null where there were none. */
export interface SpanFigures {
  /** Null for all lanes together. */
  readonly priority: Lane | null;
  readonly completed: number;
  readonly failed: number;
  readonly averageWaitMs: number | null;
  readonly p95WaitMs: number | null;
  /** From the first call to the end, of those that were completed. */
  readonly averageProcessingMs: number | null;
  readonly p95ProcessingMs: number | null;
}

/** Where a waiting message stands in its lane. */
export interface PlaceInLane {
  /** Messages of the lane that wait before it, those held for a turn left out; counted up to a limit. */
  readonly ahead: number;
  /** True where there are more than were counted. */
  readonly more: boolean;
  /** Positions in the log of this message, and of the first and the last that wait in its lane. */
  readonly sequence: number;
  readonly firstSequence: number;
  readonly lastSequence: number;
  /** It waits for its turn in its conversation. */
  readonly held: boolean;
}

export interface QueueFigures {
  lanes(spanMs: number): Promise<ReadonlyMap<Lane, LaneFigures>>;
  span(tenant: string, spanMs: number): Promise<SpanFigures[]>;
  /** Null for a message that does not wait in a lane (any more). */
  place(messageId: string): Promise<PlaceInLane | null>;
}

export const QUEUE_FIGURES = Symbol('QueueFigures');
