import type { Accounting } from '../../domain/message/message.events.js';
import type { CallSign } from '../endpoints/health/call-sign.state.js';
import type { ModelAnswer } from '../endpoints/model-endpoint.port.js';
import type { FailedCall } from './failover.policy.js';

/** What a call that was answered tells of its endpoint; its tokens are those that the service counted, where it told none. */
export function answeredSign(
  { firstTokenMs }: Pick<ModelAnswer, 'firstTokenMs'>,
  accounting: Accounting | null,
): CallSign {
  const tokens = accounting === null ? null : accounting.input_tokens + accounting.output_tokens;
  return { kind: 'answered', firstTokenMs, tokens };
}

/** What a call that failed tells of its endpoint. */
export function signOf({ kind, failure, error }: FailedCall): CallSign {
  if (kind === 'not_now' && failure.kind === 'endpoint' && failure.notNow !== null) {
    return { kind: 'not_now', reason: failure.notNow, retryAfterMs: failure.retryAfterMs };
  }
  const isFailure = kind === 'failed' || kind === 'over';
  if (!isFailure) return { kind: 'rejected' };
  const stalled = failure.kind === 'endpoint' && failure.stalled;
  return { kind: 'failed', code: error.code, stalled };
}
