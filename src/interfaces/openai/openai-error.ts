import type { Failure } from '../http/failure.js';

/** What OpenAI's SDKs expect of a failed request, in the body and in a stream's error event alike. */
export interface OpenAiErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string | null;
    /** Ours: the message that the failure belongs to, to be looked up by `GET /api/v1/messages/{id}`. */
    readonly message_id?: string;
  };
}

/** OpenAI tells every wrong parameter with 400, and an unknown model with 404. A code that it does not have keeps our status. */
export function openAiStatus(failure: Failure): number {
  if (failure.code === 'unknown_model') return 404;
  if (failure.code === 'idempotency_key_reused') return failure.status;
  return failure.status === 422 ? 400 : failure.status;
}

/** OpenAI's own word where it has one for what we name otherwise. */
const CODES: Readonly<Record<string, string>> = {
  unknown_model: 'model_not_found',
  unauthorized: 'invalid_api_key',
};

export function toOpenAiError(failure: Failure): OpenAiErrorBody {
  const code = CODES[failure.code] ?? failure.code;
  const param = failure.problems[0]?.field ?? null;
  return { error: { message: failure.detail, type: openAiErrorType(openAiStatus(failure)), param, code } };
}

export function openAiErrorType(status: number): string {
  if (status === 401) return 'authentication_error';
  if (status === 403) return 'permission_error';
  if (status === 429) return 'rate_limit_error';
  return status < 500 ? 'invalid_request_error' : 'server_error';
}
