import { assertNever } from '../../domain/assert-never.js';
import { type Failure, problemsOf } from '../http/failure.js';

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

/** OpenAI tells every wrong parameter with 400, and an unknown model with 404. */
export function openAiStatus(failure: Failure): number {
  const { code } = failure;
  switch (code) {
    case 'invalid_fields':
    case 'invalid_json':
    case 'malformed_id':
    case 'invalid_cursor':
    case 'invalid_idempotency_key':
      return 400;
    case 'bad_request':
      return failure.status;
    case 'unauthorized':
      return 401;
    case 'forbidden':
    case 'foreign_host':
    case 'foreign_origin':
      return 403;
    case 'unknown_model':
    case 'unknown_conversation':
    case 'not_found':
      return 404;
    case 'method_not_allowed':
      return 405;
    case 'already_exists':
    case 'limit_reached':
    case 'conversation_closed':
    case 'conversation_full':
    case 'turn_open':
    case 'wrong_state_change':
    case 'already_terminal':
    case 'deadline_passed':
    case 'idempotency_in_progress':
      return 409;
    case 'content_too_large':
    case 'body_too_large':
    case 'event_too_large':
      return 413;
    case 'uri_too_long':
      return 414;
    case 'unsupported_media_type':
      return 415;
    case 'idempotency_key_reused':
      return 422;
    case 'queue_full':
    case 'too_many_conversations':
      return 429;
    case 'internal':
      return 500;
    case 'too_many_waiting':
    case 'outcome_unknown':
    case 'service_stopping':
    case 'log_overloaded':
    case 'log_unavailable':
    case 'projection_behind':
    case 'projection_unavailable':
      return 503;
    case 'log_full':
      return 507;
    default:
      return assertNever(code);
  }
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

export function openAiErrorType(status: number): string {
  if (status === 401) return 'authentication_error';
  if (status === 403) return 'permission_error';
  if (status === 429) return 'rate_limit_error';
  return status < 500 ? 'invalid_request_error' : 'server_error';
}
