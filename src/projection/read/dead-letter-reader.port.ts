import type { AttemptError, Lane } from '../../domain/message/message.events.js';
import type { Page } from './message-reader.port.js';

/** A message that failed for good and waits for someone to decide on it. Times are ISO 8601 in UTC. */
export interface DeadLetter {
  readonly messageId: string;
  readonly tenant: string;
  readonly userId: string;
  readonly priority: Lane;
  readonly model: string | null;
  readonly error: AttemptError;
  /** Calls to a model, over all its lives. */
  readonly attempts: number;
  /** The number of its last attempt; the next one must have a higher one. */
  readonly lastAttempt: number;
  readonly createdAt: string;
  readonly deadLetteredAt: string;
  /** Where its request lies in the log. */
  readonly receivedSequence: number;
  /** Where its failure lies in the log: it names this one death among several of a message. */
  readonly terminalSequence: number;
}

/** One call of a dead letter, or a failure without one. */
export interface AttemptView {
  readonly attempt: number;
  readonly delivery: number;
  readonly worker: string | null;
  readonly endpoint: string | null;
  readonly model: string | null;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  /** Null for a call whose worker died. */
  readonly outcome: 'completed' | 'failed' | null;
  readonly error: AttemptError | null;
}

export interface DeadLetterFilter {
  readonly tenant: string;
  readonly userId?: string;
  readonly priority?: Lane;
  readonly model?: string;
  readonly errorCode?: string;
  /** When it failed: inclusive, ISO 8601. */
  readonly after?: string;
  /** Exclusive, ISO 8601. */
  readonly before?: string;
}

/** By the time of the failure. */
export type DeadLetterOrder = 'newest_first' | 'oldest_first';

export interface DeadLetterReader {
  /** Null for what is no dead letter, or no longer one, and for another tenant's. */
  find(tenant: string, messageId: string): Promise<DeadLetter | null>;
  /** @throws {InvalidCursorError} for a cursor that this service did not make */
  list(
    filter: DeadLetterFilter,
    order: DeadLetterOrder,
    limit: number,
    cursor: string | null,
  ): Promise<Page<DeadLetter>>;
  /** In their order. */
  attempts(messageId: string): Promise<AttemptView[]>;
}

export const DEAD_LETTER_READER = Symbol('DeadLetterReader');
