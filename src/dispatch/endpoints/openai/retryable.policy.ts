/**
 * Whether another attempt can succeed where this one was answered with an HTTP status: a time-out, a limit on the rate,
 * or a failure of the server. Every other 4xx says that the request itself is refused, and would be again.
 */
export function isRetryableStatus(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}

/** The stable code of an answer with a status that is not a success. */
export function codeOfStatus(status: number): string {
  if (status === 429) return 'rate_limited';
  if (status === 401 || status === 403) return 'endpoint_unauthorized';
  if (isRetryableStatus(status)) return 'endpoint_error';
  return 'endpoint_rejected';
}

/**
 * Errors inside a stream that has begun with 200 carry no HTTP status. Some servers (vLLM, OpenRouter) put one into
 * `code`; else only OpenAI's `type` can tell that the request itself is wrong.
 */
export function statusInStream(error: { readonly code?: unknown; readonly type?: unknown }): number {
  const code = Number(error.code);
  if (Number.isInteger(code) && code >= 400 && code <= 599) return code;
  return error.type === 'invalid_request_error' ? 400 : 500;
}

/** A longer wait than this is held to be a mistake: the message would sleep through whole outages for nothing. */
const LONGEST_WAIT_MS = 60 * 60 * 1_000;

/** Header values as HTTP gives them: one, several, or none. */
type HeaderValue = string | string[] | undefined;

/**
 * What the endpoint asks to wait, in milliseconds: `retry-after-ms` (OpenAI, Azure), else `Retry-After` in seconds or as
 * an HTTP date (RFC 9110, 10.2.3). Null where there is none or it makes no sense; at most an hour.
 */
export function retryAfterMs(headers: Record<string, HeaderValue>, nowMs: number): number | null {
  const exact = single(headers['retry-after-ms']);
  const usual = single(headers['retry-after']);
  if (exact !== undefined && isDecimal(exact)) return bounded(Number(exact));
  if (usual === undefined) return null;
  if (isDecimal(usual)) return bounded(Number(usual) * 1_000);
  // Only what ends in a zone is an HTTP date; `Date.parse` alone takes almost anything.
  const at = /(GMT|UTC)$/.test(usual) ? Date.parse(usual) : Number.NaN;
  return Number.isNaN(at) ? null : bounded(at - nowMs);
}

function single(value: HeaderValue): string | undefined {
  return (Array.isArray(value) ? value[0] : value)?.trim();
}

function isDecimal(value: string): boolean {
  return /^\d{1,15}(\.\d+)?$/.test(value);
}

function bounded(waitMs: number): number {
  return Math.min(LONGEST_WAIT_MS, Math.max(0, Math.ceil(waitMs)));
}
