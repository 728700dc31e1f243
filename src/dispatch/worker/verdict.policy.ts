import { assertNever } from '../../domain/assert-never.js';
import { type Backoff, backoffOf } from '../../domain/message/backoff.policy.js';
import { fail } from '../../domain/message/fail.decision.js';
import type {
  AttemptError,
  EventContext,
  MessagePrioritized,
  NotNowReason,
} from '../../domain/message/message.events.js';

/**
 * How an attempt can fail.
 * - `endpoint`: the endpoint refused, failed, broke off or was too slow, and says so itself.
 * - `overdue`: the call did not end by its time-out, so it was aborted from outside.
 * - `answer_too_large`: the model answered, but the log can't hold so large an event.
 * - `unknown_model`: no endpoint of this worker serves the model; nothing was called.
 * - `request_missing`: the log no longer holds the request; nothing was called, and nothing ever can be.
 * - `parts_missing`: the same for the large parts of the request, in the object store.
 */
export type CallFailure =
  | {
      readonly kind: 'endpoint';
      readonly endpoint: string;
      readonly error: AttemptError;
      readonly retryAfterMs: number | null;
      /** Why it did not take the call; null where it took it. */
      readonly notNow: NotNowReason | null;
      /** It fell silent. */
      readonly stalled: boolean;
    }
  | { readonly kind: 'overdue'; readonly endpoint: string; readonly timeoutMs: number }
  | { readonly kind: 'answer_too_large'; readonly endpoint: string }
  | { readonly kind: 'unknown_model'; readonly model: string }
  | { readonly kind: 'request_missing'; readonly sequence: number }
  | { readonly kind: 'parts_missing' };

export interface Verdict {
  readonly endpoint: string | null;
  readonly error: AttemptError;
  readonly retryAfterMs: number | null;
}

export function verdict(failure: CallFailure): Verdict {
  switch (failure.kind) {
    case 'endpoint': {
      const { endpoint, error, retryAfterMs } = failure;
      const told = retryAfterMs === null ? error : { ...error, retry_after_ms: retryAfterMs };
      return { endpoint, error: told, retryAfterMs };
    }
    case 'overdue':
      return {
        endpoint: failure.endpoint,
        error: retryable('call_timeout', `The call was not finished within ${failure.timeoutMs} ms.`),
        retryAfterMs: null,
      };
    case 'unknown_model':
      // The gateway accepted the model, so some worker serves it or will: configurations change one process at a time.
      return {
        endpoint: null,
        error: retryable('unknown_model', `No endpoint of this worker serves the model ${failure.model}.`),
        retryAfterMs: null,
      };
    case 'answer_too_large':
      return {
        endpoint: failure.endpoint,
        error: final('answer_too_large', 'The answer is larger than the broker takes in one message.'),
        retryAfterMs: null,
      };
    case 'request_missing':
      return {
        endpoint: null,
        error: final(
          'request_missing',
          `The log holds no request of this message at sequence ${failure.sequence}.`,
        ),
        retryAfterMs: null,
      };
    case 'parts_missing':
      return {
        endpoint: null,
        error: final('parts_missing', 'The object store no longer holds the large parts of this message.'),
        retryAfterMs: null,
      };
    default:
      return assertNever(failure);
  }
}

export interface FailedRun {
  readonly prioritized: MessagePrioritized;
  readonly delivery: number;
  readonly chunksDelivered: number;
  readonly failure: CallFailure;
}

/** What the log says after a failed attempt: the failure, and the retry's time or the dead letter. */
export function consequences(
  context: EventContext,
  run: FailedRun,
  backoff: Backoff,
  random: number,
): ReturnType<typeof fail> {
  const { attempt, max_retries, deadline, backoff: choice } = run.prioritized.data;
  const { delivery, chunksDelivered } = run;
  const failed = {
    ...{ attempt, delivery, chunksDelivered },
    maxRetries: max_retries,
    deadline: deadline ?? null,
    ...verdict(run.failure),
  };
  return fail(context, failed, backoffOf(choice, backoff), random);
}

function retryable(code: string, message: string): AttemptError {
  return { code, message, retryable: true, status: null };
}

function final(code: string, message: string): AttemptError {
  return { code, message, retryable: false, status: null };
}
