import { HttpException } from '@nestjs/common';
import { type FieldProblem, type Refusal, retryAfterSeconds } from '../../submission/refusal.js';
import { refusalOf } from '../../submission/refusal-of.js';

/** What Fastify and Nest refuse by themselves, in words that only HTTP has. */
type HttpRefusal =
  | {
      readonly code: 'method_not_allowed' | 'body_too_large' | 'uri_too_long' | 'unsupported_media_type';
      readonly message: string;
    }
  | { readonly code: 'bad_request'; readonly message: string; readonly status: number };

/** Why an HTTP request is not served. REST and OpenAI's protocol each have a function that maps all of them. */
export type Failure = Refusal | HttpRefusal;
export type FailureCode = Failure['code'];

export function failureOf(error: unknown): Failure {
  return error instanceof HttpException ? fromFramework(error) : refusalOf(error);
}

export function problemsOf(failure: Failure): readonly FieldProblem[] {
  return 'problems' in failure ? failure.problems : [];
}

export function failureHeaders(failure: Failure): Readonly<Record<string, string>> {
  if (failure.code === 'unauthorized') return { 'www-authenticate': 'Bearer realm="llm-message-queue"' };
  const seconds = retryAfterSeconds(failure as Refusal);
  return seconds === null ? {} : { 'retry-after': String(seconds) };
}

/** A body without the header is what curl sends by itself, with the type of a form. */
const NOT_JSON = 'The body must be JSON. Send it with the header `content-type: application/json`.';

/** Fastify's own refusals (routes, bodies, media types), and Nest's. */
function fromFramework(error: HttpException): Failure {
  const { message } = error;
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
      return { code: 'unsupported_media_type', message: NOT_JSON };
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
