import type { SubmitResult } from '../../submission/submit-message.js';
import { describeFailure } from '../http/failure.js';
import { toProblem } from './problem.js';

/** What became of each message of a batch, in the order of the request. */
export function batchJson(results: readonly SubmitResult[]): Record<string, unknown> {
  const rejected = results.filter((result) => result instanceof Error).length;
  return { accepted: results.length - rejected, rejected, results: results.map(itemJson) };
}

function itemJson(result: SubmitResult, index: number): Record<string, unknown> {
  if (result instanceof Error) {
    const failure = describeFailure(result);
    const { status, code, detail, field, errors } = toProblem(failure);
    const retryAfter = failure.headers['retry-after'];
    const error = {
      ...{ code, detail },
      ...(field === undefined ? {} : { field, errors }),
      ...(retryAfter === undefined ? {} : { retry_after_seconds: Number(retryAfter) }),
    };
    return { index, status, error };
  }
  const { id, priority, priorityReason, createdAt } = result;
  return { index, status: 202, id, priority, priority_reason: priorityReason, created_at: createdAt };
}
