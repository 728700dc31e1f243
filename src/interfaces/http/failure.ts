import type { IncomingHttpHeaders } from 'node:http';
import { HttpException } from '@nestjs/common';
import { assertNever } from '../../domain/assert-never.js';
import { type FieldProblem, type Refusal, retryAfterSeconds } from '../../submission/refusal.js';
import { refusalOf } from '../../submission/refusal-of.js';
import { ACCEPTED_ENCODINGS, UnsupportedEncodingError } from './content-encoding.js';

/** What Fastify and Nest refuse by themselves, in words that only HTTP has. */
type HttpRefusal =
  | {
      readonly code: 'body_too_large' | 'uri_too_long' | 'unsupported_media_type' | 'unsupported_encoding';
      readonly message: string;
    }
  | { readonly code: 'method_not_allowed'; readonly message: string; readonly allow?: readonly string[] }
  | { readonly code: 'bad_request'; readonly message: string; readonly status: number };

/** Why an HTTP request is not served. REST and OpenAI's protocol each put all of them into their own form. */
export type Failure = Refusal | HttpRefusal;
export type FailureCode = Failure['code'];

/** @param request for what is told of a refused body */
export function failureOf(error: unknown, request?: { readonly headers: IncomingHttpHeaders }): Failure {
  return error instanceof HttpException ? fromFramework(error, request?.headers) : refusalOf(error);
}

/** Complete: the compiler refuses a table that lacks a code. */
const STATUSES: Readonly<Record<Exclude<FailureCode, 'bad_request'>, number>> = {
  invalid_json: 400,
  malformed_id: 400,
  invalid_cursor: 400,
  invalid_idempotency_key: 400,
  unauthorized: 401,
  forbidden: 403,
  foreign_host: 403,
  foreign_origin: 403,
  not_found: 404,
  unknown_conversation: 404,
  method_not_allowed: 405,
  already_exists: 409,
  set_by_configuration: 409,
  limit_reached: 409,
  conversation_closed: 409,
  conversation_full: 409,
  turn_open: 409,
  wrong_state_change: 409,
  already_terminal: 409,
  not_ended: 409,
  deadline_passed: 409,
  idempotency_in_progress: 409,
  content_too_large: 413,
  body_too_large: 413,
  event_too_large: 413,
  uri_too_long: 414,
  unsupported_media_type: 415,
  unsupported_encoding: 415,
  invalid_fields: 422,
  unknown_model: 422,
  idempotency_key_reused: 422,
  queue_full: 429,
  too_many_conversations: 429,
  too_many_of_key: 429,
  internal: 500,
  too_many_waiting: 503,
  too_slow: 503,
  outcome_unknown: 503,
  service_stopping: 503,
  log_overloaded: 503,
  log_unavailable: 503,
  projection_behind: 503,
  projection_unavailable: 503,
  scheduler_unknown: 503,
  log_full: 507,
};

/** The status that tells a failure over HTTP, where a protocol has no other one for it. */
export function httpStatus(failure: Failure): number {
  if (failure.code === 'bad_request') return failure.status;
  return STATUSES[failure.code] ?? assertNever(failure.code as never);
}

/** The codes that a status stands for, by the order of their names. `bad_request` may have any status of 4xx. */
export function codesOf(status: number, statusOf: (failure: Failure) => number = httpStatus): FailureCode[] {
  const codes = Object.keys(STATUSES) as (keyof typeof STATUSES)[];
  return codes.filter((code) => statusOf({ code } as Failure) === status).sort();
}

export function problemsOf(failure: Failure): readonly FieldProblem[] {
  return 'problems' in failure ? failure.problems : [];
}

/** How many there are beyond those. */
export function moreProblemsOf(failure: Failure): number {
  return 'moreProblems' in failure ? (failure.moreProblems ?? 0) : 0;
}

export function failureHeaders(failure: Failure): Readonly<Record<string, string>> {
  if (failure.code === 'unauthorized') return { 'www-authenticate': 'Bearer realm="llm-message-queue"' };
  if (failure.code === 'unsupported_encoding') return { 'accept-encoding': ACCEPTED_ENCODINGS };
  if (failure.code === 'method_not_allowed') return { allow: (failure.allow ?? []).join(', ') };
  const seconds = retryAfterSeconds(failure as Refusal);
  return seconds === null ? {} : { 'retry-after': String(seconds) };
}

export function methodNotAllowed(method: string, allow: readonly string[]): Failure {
  const message = `This path is not served with ${method}, but with ${allow.join(', ')}.`;
  return { code: 'method_not_allowed', message, allow };
}

/** A body without the header is what curl sends by itself, with the type of a form. */
function notJson(type: string | undefined): string {
  const sent =
    type === undefined ? 'It came without one.' : `It came with ${JSON.stringify(type.slice(0, 100))}.`;
  return `The body must be JSON. Send it with the header \`content-type: application/json\`. ${sent}`;
}

/** Fastify's own refusals (routes, bodies, media types), and Nest's. */
function fromFramework(error: HttpException, headers: IncomingHttpHeaders = {}): Failure {
  const { message } = error;
  if (error instanceof UnsupportedEncodingError) return { code: 'unsupported_encoding', message };
  const status = error.getStatus();
  switch (status) {
    case 400:
      return isJsonFailure(error.cause)
        ? { code: 'invalid_json', message }
        : { code: 'bad_request', message, status };
    case 404:
      return { code: 'not_found', message };
    case 405:
      return { code: 'method_not_allowed', message };
    case 413:
      return { code: 'body_too_large', message };
    case 414:
      return { code: 'uri_too_long', message };
    case 415:
      return { code: 'unsupported_media_type', message: notJson(headers['content-type']) };
    case 503:
      return { code: 'service_stopping', message: 'The service is stopping.' };
    default:
      return status < 500 ? { code: 'bad_request', message, status } : { code: 'internal', message };
  }
}

function isJsonFailure(cause: unknown): boolean {
  const code = (cause as { code?: unknown } | null | undefined)?.code;
  return code === 'FST_ERR_CTP_INVALID_JSON_BODY' || code === 'FST_ERR_CTP_EMPTY_JSON_BODY';
}
