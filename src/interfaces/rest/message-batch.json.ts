import { RefusedError, retryAfterSeconds } from '../../submission/refusal.js';
import type { SubmitResult } from '../../submission/submit-message.js';
import { toProblem } from './problem.js';

/** What became of each message of a batch, in the order of the request. */
export function batchJson(results: readonly SubmitResult[]): Record<string, unknown> {
  const rejected = results.filter((result) => result instanceof RefusedError).length;
  return { accepted: results.length - rejected, rejected, results: results.map(itemJson) };
}

function itemJson(result: SubmitResult, index: number): Record<string, unknown> {
  if (result instanceof RefusedError) {
    const { status, code, detail, field, errors } = toProblem(result.refusal);
    const retryAfter = retryAfterSeconds(result.refusal);
    const error = {
      ...{ code, detail },
      ...(field === undefined ? {} : { field, errors }),
      ...(retryAfter === null ? {} : { retry_after_seconds: retryAfter }),
    };
    return { index, status, error };
  }
  const { id, priority, priorityReason, createdAt } = result;
  return { index, status: 202, id, priority, priority_reason: priorityReason, created_at: createdAt };
}
