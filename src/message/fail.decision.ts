import { type Backoff, backoffDelayMs } from './backoff.policy.js';
import {
  type AttemptError,
  type EventContext,
  type MessageAttemptFailed,
  type MessageDeadLettered,
  type MessageScheduled,
  messageEvent,
} from './message.events.js';

export interface FailedAttempt {
  readonly attempt: number;
  readonly delivery: number;
  readonly maxRetries: number;
  readonly endpoint: string | null;
  readonly error: AttemptError;
  readonly chunksDelivered: number;
  /** The least delay that the endpoint asked for (`Retry-After`), in milliseconds. */
  readonly retryAfterMs: number | null;
}

/**
 * A failed attempt ends the message or schedules the next attempt; either way the failure and its consequence are
 * one append, so that no reader ever sees a failure without knowing what follows.
 */
export function fail(
  context: EventContext,
  failed: FailedAttempt,
  backoff: Backoff,
  random: number,
): [MessageAttemptFailed, MessageScheduled] | [MessageAttemptFailed, MessageDeadLettered] {
  const retry = failed.error.retryable && failed.attempt <= failed.maxRetries;
  const dueAt = retry ? nextAttemptAt(context.now, failed, backoff, random) : null;
  const attemptFailed = messageEvent(context, 'llmq.message.attempt-failed.v1', {
    attempt: failed.attempt,
    delivery: failed.delivery,
    endpoint: failed.endpoint,
    error: failed.error,
    chunks_delivered: failed.chunksDelivered,
    next_retry_at: dueAt,
  });
  if (dueAt === null) {
    const deadLettered = messageEvent(context, 'llmq.message.dead-lettered.v1', {
      reason: failed.error.retryable ? 'retries_exhausted' : 'not_retryable',
      attempt: failed.attempt,
      error: failed.error,
    });
    return [attemptFailed, deadLettered];
  }
  const scheduled = messageEvent(context, 'llmq.message.scheduled.v1', {
    due_at: dueAt,
    reason: 'retry',
    attempt: failed.attempt + 1,
  });
  return [attemptFailed, scheduled];
}

function nextAttemptAt(now: string, failed: FailedAttempt, backoff: Backoff, random: number): string {
  const delayMs = Math.max(backoffDelayMs(failed.attempt, backoff, random), failed.retryAfterMs ?? 0);
  return new Date(Date.parse(now) + delayMs).toISOString();
}
