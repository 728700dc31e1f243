import { type Refusal, retryAfterSeconds } from '../../submission/refusal.js';
import { type Failure, httpStatus, problemsOf } from '../http/failure.js';

/** What OpenAI's SDKs expect of a failed request, in the body and in a stream's error event alike. */
export interface OpenAiErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string | null;
    /** Ours: the queue's own code, where an endpoint's may stand in `code`. */
    readonly llmq_code?: string;
    /** Ours: the message that the failure belongs to, to be looked up by `GET /api/v1/messages/{id}`. */
    readonly message_id?: string;
  };
}

/** OpenAI tells every wrong parameter with 400, and an unknown model with 404. */
export function openAiStatus(failure: Failure): number {
  if (failure.code === 'unknown_model') return 404;
  return failure.code === 'invalid_fields' ? 400 : httpStatus(failure);
}

/** OpenAI's own word where it has one for what we name otherwise. */
const CODES: Readonly<Record<string, string>> = {
  unknown_model: 'model_not_found',
  unauthorized: 'invalid_api_key',
};

export function toOpenAiError(failure: Failure): OpenAiErrorBody {
  const code = CODES[failure.code] ?? failure.code;
  const param = problemsOf(failure)[0]?.field ?? null;
  return { error: { message: failure.message, type: openAiErrorType(openAiStatus(failure)), param, code } };
}

/**
 * SDKs repeat some statuses by themselves; this header decides in their place. Only where the same request may be served
 * a moment later is that of use.
 */
export function shouldRetryHeader(failure: Failure): Readonly<Record<string, string>> {
  const status = openAiStatus(failure);
  const repeated = status === 408 || status === 409 || status === 429 || status >= 500;
  if (!repeated || failure.code === 'internal') return {};
  return { 'x-should-retry': String(retryAfterSeconds(failure as Refusal) !== null) };
}

export function openAiErrorType(status: number): string {
  if (status === 401) return 'authentication_error';
  if (status === 403) return 'permission_error';
  if (status === 429) return 'rate_limit_error';
  return status < 500 ? 'invalid_request_error' : 'server_error';
}
