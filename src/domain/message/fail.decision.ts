import { type Backoff, backoffDelayMs } from './backoff.policy.js';
import { expire, isExpired } from './expire.decision.js';
import {
  type AttemptError,
  type EventContext,
  type MessageAttemptFailed,
  type MessageDeadLettered,
  type MessageExpired,
  type MessageScheduled,
  messageEvent,
} from './message.events.js';

/** Retries wait up to this much longer than the endpoint asked. */
const RETRY_AFTER_SPREAD = 0.1;

export interface FailedAttempt {
  readonly attempt: number;
  readonly delivery: number;
  readonly maxRetries: number;
  readonly endpoint: string | null;
  readonly error: AttemptError;
  readonly chunksDelivered: number;
  /** The least delay that the endpoint asked for (`Retry-After`), in milliseconds. */
  readonly retryAfterMs: number | null;
  /** The message's, ISO 8601; null or absent where it has none. */
  readonly deadline?: string | null;
}

/**
 * A failed attempt ends the message or schedules the next attempt; either way the failure and its consequence are
 * one append, so that no reader ever sees a failure without knowing what follows. A retry that would come after the
 * deadline is not waited for: the message expires now.
 */
export function fail(
  context: EventContext,
  failed: FailedAttempt,
  backoff: Backoff,
  random: number,
): [MessageAttemptFailed, MessageScheduled | MessageDeadLettered | MessageExpired] {
  const retry = failed.error.retryable && failed.attempt <= failed.maxRetries;
  const dueAt = retry ? nextAttemptAt(context.now, failed, backoff, random) : null;
  const tooLate = dueAt !== null && isExpired(failed.deadline, Date.parse(dueAt));
  const attemptFailed = messageEvent(context, 'llmq.message.attempt-failed.v1', {
    attempt: failed.attempt,
    delivery: failed.delivery,
    endpoint: failed.endpoint,
    error: failed.error,
    chunks_delivered: failed.chunksDelivered,
    next_retry_at: tooLate ? null : dueAt,
  });
  if (dueAt === null) return [attemptFailed, deadLetter(context, failed)];
  if (tooLate && failed.deadline != null)
    return [attemptFailed, expire(context, failed.deadline, 'retry', failed.error)];
  const scheduled = messageEvent(context, 'llmq.message.scheduled.v1', {
    due_at: dueAt,
    reason: 'retry',
    attempt: failed.attempt + 1,
  });
  return [attemptFailed, scheduled];
}

function deadLetter(context: EventContext, { attempt, error }: FailedAttempt): MessageDeadLettered {
  const reason = error.retryable ? 'retries_exhausted' : 'not_retryable';
  return messageEvent(context, 'llmq.message.dead-lettered.v1', { reason, attempt, error });
}

function nextAttemptAt(now: string, failed: FailedAttempt, backoff: Backoff, random: number): string {
  // Not before the time that the endpoint told, and not all that it told so at once.
  const toldMs = Math.round((failed.retryAfterMs ?? 0) * (1 + RETRY_AFTER_SPREAD * random));
  const delayMs = Math.max(backoffDelayMs(failed.attempt, backoff, random), toldMs);
  return new Date(Date.parse(now) + delayMs).toISOString();
}

/** A message over which so many workers died is taken for the cause, and kept from killing more. */
export function giveUp(context: EventContext, attempt: number, lostCalls: number): MessageDeadLettered {
  return messageEvent(context, 'llmq.message.dead-lettered.v1', {
    reason: 'lost_workers',
    attempt,
    error: {
      code: 'lost_workers',
      message: `${lostCalls} calls of this message ended with the death of their worker.`,
      retryable: false,
      status: null,
    },
  });
}
