import type { CallSign } from '../endpoints/health/call-sign.state.js';
import type { FailedCall } from './failover.policy.js';

/** What the call tells of its endpoint. */
export function signOf({ kind, failure, error }: FailedCall): CallSign {
  if (kind === 'not_now' && failure.kind === 'endpoint' && failure.notNow !== null) {
    return { kind: 'not_now', reason: failure.notNow, retryAfterMs: failure.retryAfterMs };
  }
  const isFailure = kind === 'failed' || kind === 'over';
  if (!isFailure) return { kind: 'rejected' };
  const stalled = failure.kind === 'endpoint' && failure.stalled;
  return { kind: 'failed', code: error.code, stalled };
}
