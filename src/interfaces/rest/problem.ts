import { assertNever } from '../../domain/assert-never.js';
import { type Failure, problemsOf } from '../http/failure.js';

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

/** The status that tells a failure in REST. */
export function restStatus(failure: Failure): number {
  const { code } = failure;
  switch (code) {
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
    case 'not_found':
    case 'unknown_conversation':
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
    case 'invalid_fields':
    case 'unknown_model':
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

const TITLES: Readonly<Record<number, string>> = {
  400: 'The request is malformed',
  401: 'An API key is needed',
  403: 'Not allowed',
  404: 'Not found',
  405: 'Method not allowed',
  409: 'Not in this state',
  413: 'Too large',
  414: 'The address is too long',
  415: 'The body must be JSON',
  422: 'A field is not valid',
  429: 'Too many messages wait',
  500: 'Internal error',
  503: 'Not available right now',
  507: 'The queue is full',
};

/** For codes of which the status says too little. */
const TITLES_OF_CODES: Readonly<Record<string, string>> = {
  idempotency_key_reused: 'The key belongs to another request',
  too_many_conversations: 'Too many conversations',
};

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  /** The first field that is wrong. */
  readonly field?: string;
  readonly errors?: readonly { readonly field: string; readonly reason: string }[];
}

/** A failure in the form of RFC 9457, with our `code`, `field` and `errors` beside the standard members. */
export function toProblem(failure: Failure): Problem {
  const { code, message: detail } = failure;
  const status = restStatus(failure);
  const problems = problemsOf(failure);
  const [first] = problems;
  return {
    type: `urn:llm-message-queue:problem:${code}`,
    title: TITLES_OF_CODES[code] ?? TITLES[status] ?? 'The request failed',
    ...{ status, detail, code },
    ...(first === undefined ? {} : { field: first.field, errors: problems }),
  };
}
