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

/** A longer wait than this is held to be a mistake: the message would sleep through whole outages for nothing. */
const LONGEST_WAIT_MS = 60 * 60 * 1_000;

/** Header values as HTTP gives them: one, several, or none. */
type HeaderValue = string | string[] | undefined;

/**
 * What the endpoint asks to wait, in milliseconds: `retry-after-ms` (OpenAI, Azure), else `Retry-After` in seconds or as
 * an HTTP date (RFC 9110, 10.2.3), else the time at which a used-up limit begins anew. Null where there is none or it
 * makes no sense; at most an hour.
 */
export function retryAfterMs(headers: Record<string, HeaderValue>, nowMs: number): number | null {
  const exact = single(headers['retry-after-ms']);
  const usual = single(headers['retry-after']);
  if (exact !== undefined && isDecimal(exact)) return bounded(Number(exact));
  if (usual === undefined) return resetMs(headers, nowMs);
  if (isDecimal(usual)) return bounded(Number(usual) * 1_000);
  return untilDate(usual, nowMs);
}

/** What limits are called in `x-ratelimit-reset-*` and `x-ratelimit-remaining-*`; '' for the one without a name. */
const LIMITS = ['', '-requests', '-tokens', '-requests-minute', '-tokens-minute', '-requests-day'];

/**
 * Limits tell when they begin anew, used up or not. Those that are used up count, the last of them; where none says so,
 * the first to begin anew is the one to try at.
 */
function resetMs(headers: Record<string, HeaderValue>, nowMs: number): number | null {
  const resets: { readonly ms: number; readonly usedUp: boolean }[] = [];
  for (const limit of LIMITS) {
    const ms = untilReset(single(headers[`x-ratelimit-reset${limit}`]), nowMs);
    if (ms !== null) resets.push({ ms, usedUp: isUsedUp(headers, limit) });
  }
  const usedUp = resets.filter((reset) => reset.usedUp).map(({ ms }) => ms);
  if (usedUp.length > 0) return bounded(Math.max(...usedUp));
  return resets.length === 0 ? null : bounded(Math.min(...resets.map(({ ms }) => ms)));
}

function isUsedUp(headers: Record<string, HeaderValue>, limit: string): boolean {
  const remaining = single(headers[`x-ratelimit-remaining${limit}`]);
  return remaining !== undefined && isDecimal(remaining) && Number(remaining) === 0;
}

/** From here on a number is a time since the epoch, in seconds or milliseconds. */
const EPOCH_SECONDS = 1e9;
const EPOCH_MS = 1e12;

/** A duration as Go writes it (`6m0s`, `20ms`), seconds, a time since the epoch, or a date. */
function untilReset(value: string | undefined, nowMs: number): number | null {
  if (value === undefined || value === '') return null;
  if (isDecimal(value)) {
    const number = Number(value);
    if (number >= EPOCH_MS) return number - nowMs;
    return number >= EPOCH_SECONDS ? number * 1_000 - nowMs : number * 1_000;
  }
  return durationMs(value) ?? untilDate(value, nowMs);
}

const UNITS: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };

function durationMs(value: string): number | null {
  if (!/^(\d{1,9}(\.\d{1,9})?(ms|[dhms])){1,5}$/.test(value)) return null;
  let ms = 0;
  for (const [, number, unit] of value.matchAll(/(\d+(?:\.\d+)?)(ms|[dhms])/g)) {
    ms += Number(number) * UNITS[unit!]!;
  }
  return ms;
}

function untilDate(value: string, nowMs: number): number | null {
  // Only what ends in a zone is a date; `Date.parse` alone takes almost anything.
  const at = /(GMT|UTC|\dZ)$/.test(value) ? Date.parse(value) : Number.NaN;
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
