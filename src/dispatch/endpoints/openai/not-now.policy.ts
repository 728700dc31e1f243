import { type ToldError, troubleOf } from './told-error.policy.js';

type NotNow = 'rate_limited' | 'quota_exceeded' | 'unavailable';

/** By what a status, and the words that came with it, say that a call was not taken; null where it was refused for good. */
export function notNowOfStatus(status: number, remote: ToldError): NotNow | null {
  if (status === 402) return 'quota_exceeded';
  if (status === 429 || status === 403) {
    if (troubleOf({ ...remote, status }) === 'insufficient_quota') return 'quota_exceeded';
    return status === 429 ? 'rate_limited' : null;
  }
  // 529 is what Anthropic answers when it is overloaded.
  return status === 503 || status === 529 ? 'unavailable' : null;
}

const UNREACHED: ReadonlySet<unknown> = new Set([
  ...['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'ENETDOWN', 'EADDRNOTAVAIL'],
  ...['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'EAI_NODATA', 'EAI_NONAME'],
]);

/** Whether nothing was sent, since nobody listens or the name leads nowhere. */
export function isUnreached(cause: unknown): boolean {
  const { code, errors } = cause as { code?: unknown; errors?: unknown };
  // A name with several addresses fails with one error for each.
  return UNREACHED.has(code) || (Array.isArray(errors) && errors.length > 0 && errors.every(isUnreached));
}
