import { type Refusal, retryAfterSeconds } from '../../submission/refusal.js';
import { type Failure, moreProblemsOf, problemsOf } from '../http/failure.js';
import type { Closing } from './closing.policy.js';

/** Why a request is refused, with REST's codes; or why the service closes the WebSocket. */
export type ErrorTold = Failure | { readonly code: Closing; readonly message: string };

/**
 * @param requestId null for what answers no request
 * @param subscription that ended by it
 */
export function errorFrame(
  requestId: string | null,
  told: ErrorTold,
  subscription: string | null = null,
): Record<string, unknown> {
  const { code, message } = told;
  const problems = problemsOf(told as Failure);
  const more = moreProblemsOf(told as Failure);
  const seconds = retryAfterSeconds(told as Refusal);
  return {
    type: 'error',
    request_id: requestId,
    ...(subscription === null ? {} : { subscription }),
    error: {
      ...{ code, message },
      ...(problems.length === 0 ? {} : { problems }),
      ...(more === 0 ? {} : { more_problems: more }),
      ...(seconds === null ? {} : { retry_after_seconds: seconds }),
    },
  };
}
