import {
  EventTooLargeError,
  LogFullError,
  LogOverloadedError,
  LogUnavailableError,
} from '../log/event-log.errors.js';
import { InvalidCursorError } from '../projection/read/page.js';
import { ProjectionBehindError } from '../projection/read/projection-behind.error.js';
import { type Refusal, RefusedError } from './refusal.js';

/** The refusal for any error. An unexpected error becomes `internal`, without its text. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof RefusedError) return error.refusal;
  if (error instanceof LogUnavailableError) return logUnavailable(error);
  if (error instanceof LogOverloadedError) return { code: error.code, message: error.message };
  if (error instanceof LogFullError) return { code: error.code, message: error.message };
  if (error instanceof EventTooLargeError) {
    const { code, message, bytes, limitBytes } = error;
    return { code, message, bytes, limitBytes };
  }
  if (error instanceof ProjectionBehindError) return { code: error.code, message: error.message };
  if (error instanceof InvalidCursorError) {
    const { code, message } = error;
    return { code, message, problems: [{ field: 'cursor', reason: message }] };
  }
  if (isDatabaseAway(error)) {
    return { code: 'projection_unavailable', message: 'The database of messages is not reachable.' };
  }
  return { code: 'internal', message: "Internal error. The service's log has the details." };
}

/** The same as an error that carries the refusal, with what was thrown as its cause. */
export function refusedBy(error: unknown): RefusedError {
  return error instanceof RefusedError ? error : new RefusedError(refusalOf(error), { cause: error });
}

/** A client that repeats a request whose outcome is unknown may have it done twice; it must be told. */
function logUnavailable({ code, message, outcome }: LogUnavailableError): Refusal {
  const stored = outcome === 'unknown' ? 'The message may have been stored.' : 'Nothing was stored.';
  return { code, message: `${message} ${stored}`, outcome };
}

/** Socket errors of Node, as they come through the database driver. */
const SOCKET_CODES = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOENT', 'EHOSTUNREACH', 'ENETUNREACH'],
  // Its name can't be resolved now.
  ...['EAI_AGAIN', 'ENOTFOUND'],
]);
/** PostgreSQL is stopping, was stopped, or starts (57P01 to 57P03); 08 is the class of connection failures, 28 that of refused logins; 53100 and 53300: it is full. */
const SERVER_CODES = /^(57P0[123]|08...|28...|53[13]00)$/;
/** What `pg` says of a connection that ended under a query, or that it could not get in time; these have no code. */
const DRIVER_TEXTS =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered)/;

/** True when a read failed because PostgreSQL is away, and not because of what was read. */
function isDatabaseAway(error: unknown): boolean {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (typeof code === 'string' && (SOCKET_CODES.has(code) || SERVER_CODES.test(code))) return true;
  return typeof message === 'string' && DRIVER_TEXTS.test(message);
}
