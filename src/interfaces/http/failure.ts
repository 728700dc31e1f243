import { HttpException } from '@nestjs/common';
import {
  EventTooLargeError,
  LogFullError,
  LogOverloadedError,
  LogUnavailableError,
} from '../../log/event-log.errors.js';
import { InvalidCursorError } from '../../projection/read/page.js';
import { ProjectionBehindError } from '../../projection/read/projection-behind.error.js';
import { LaneFullError } from '../../submission/admission/lane-full.error.js';
import {
  IdempotencyInProgressError,
  IdempotencyKeyReusedError,
  InvalidIdempotencyKeyError,
} from '../../submission/idempotency/idempotency.errors.js';
import {
  type FieldProblem,
  REFUSALS,
  type RefusalCode,
  RefusedError,
} from '../../submission/refused.error.js';
import { isDatabaseAway } from './database-away.js';

/** A failure in terms that every HTTP protocol can put into its own shape. */
export interface Failure {
  readonly status: number;
  /** Stable, for programs. */
  readonly code: string;
  /** For people. */
  readonly detail: string;
  readonly problems: readonly FieldProblem[];
  readonly headers: Readonly<Record<string, string>>;
  /** Our fault: to be logged with its stack. */
  readonly unexpected: boolean;
}

const RETRY_SOON = { 'retry-after': '1' };
const RETRY_LATER = { 'retry-after': '5' };

/** Whatever was thrown, as what the client is told of it. What is not known here is told as an internal error, without its text. */
export function describeFailure(error: unknown): Failure {
  if (error instanceof RefusedError) return refused(error.code, error.message, error.problems);
  if (error instanceof InvalidCursorError) {
    return failure(400, error.code, error.message, {}, [{ field: 'cursor', reason: error.message }]);
  }
  if (error instanceof ProjectionBehindError) return failure(503, error.code, error.message, RETRY_SOON);
  if (error instanceof LogOverloadedError) return failure(503, error.code, error.message, RETRY_SOON);
  if (error instanceof LogUnavailableError) return failure(503, error.code, unavailable(error), RETRY_SOON);
  if (error instanceof LaneFullError) {
    return failure(429, error.code, error.message, { 'retry-after': String(error.retryAfterSeconds) });
  }
  if (error instanceof LogFullError) return failure(507, error.code, error.message, RETRY_LATER);
  if (error instanceof EventTooLargeError) return failure(413, error.code, error.message);
  if (error instanceof InvalidIdempotencyKeyError) return failure(400, error.code, error.message);
  if (error instanceof IdempotencyKeyReusedError) return failure(422, error.code, error.message);
  if (error instanceof IdempotencyInProgressError) return failure(409, error.code, error.message, RETRY_SOON);
  if (error instanceof HttpException) return fromFramework(error);
  if (isDatabaseAway(error)) {
    return failure(503, 'projection_unavailable', 'The database of messages is not reachable.', RETRY_SOON);
  }
  return { ...failure(500, 'internal', 'An internal error. It is in the log.'), unexpected: true };
}

/** A client that repeats a request whose outcome is unknown may have it done twice; it must be told. */
function unavailable(error: LogUnavailableError): string {
  return error.outcome === 'unknown'
    ? `${error.message} The message may have been stored all the same.`
    : `${error.message} Nothing was stored.`;
}

/** Fastify's own refusals (routes, bodies, media types), and Nest's. */
function fromFramework(error: HttpException): Failure {
  const status = error.getStatus();
  const code = frameworkCode(status, error.cause);
  if (code !== null) return refused(code, error.message);
  if (status === 503) return refused('service_stopping', 'The service is stopping.');
  return failure(status, status < 500 ? 'bad_request' : 'internal', error.message);
}

function frameworkCode(status: number, cause: unknown): RefusalCode | null {
  switch (status) {
    case 400:
      return isJsonFailure(cause) ? 'invalid_json' : 'bad_request';
    case 404:
      return 'not_found';
    case 405:
      return 'method_not_allowed';
    case 413:
      return 'body_too_large';
    case 414:
      return 'uri_too_long';
    case 415:
      return 'unsupported_media_type';
    default:
      return null;
  }
}

function isJsonFailure(cause: unknown): boolean {
  const code = (cause as { code?: unknown } | null | undefined)?.code;
  return code === 'FST_ERR_CTP_INVALID_JSON_BODY' || code === 'FST_ERR_CTP_EMPTY_JSON_BODY';
}

function refused(code: RefusalCode, detail: string, problems: readonly FieldProblem[] = []): Failure {
  return failure(REFUSALS[code], code, detail, refusalHeaders(code), problems);
}

function refusalHeaders(code: RefusalCode): Record<string, string> {
  if (code === 'unauthorized') return { 'www-authenticate': 'Bearer realm="llm-message-queue"' };
  return REFUSALS[code] === 503 ? RETRY_SOON : {};
}

function failure(
  status: number,
  code: string,
  detail: string,
  headers: Record<string, string> = {},
  problems: readonly FieldProblem[] = [],
): Failure {
  return { status, code, detail, problems, headers, unexpected: false };
}
