import { requeueDue } from '../../domain/message/requeue-due.decision.js';
import { type CallFailure, consequences, verdict } from './verdict.policy.js';

const context = {
  messageId: 'm1',
  tenant: 't1',
  lane: 'high',
  now: '2026-01-01T00:00:00.000Z',
  newId: () => 'e1',
} as const;

function prioritized(attempt: number) {
  return requeueDue(context, {
    ...{ priority: 'high', receivedSequence: 1, timeoutMs: 1_000, maxRetries: 1, receivedAt: context.now },
    attempt,
  } as const);
}

const overloaded: CallFailure = {
  kind: 'endpoint',
  endpoint: 'e',
  error: { code: 'overloaded', message: 'Too much.', retryable: true, status: 429 },
  retryAfterMs: 9_000,
  ...{ notNow: null, stalled: false },
};

describe('verdict', () => {
  it("passes the endpoint's own words on", () => {
    const error = { ...overloaded.error, retry_after_ms: 9_000 };
    expect(verdict(overloaded)).toEqual({ endpoint: 'e', error, retryAfterMs: 9_000 });
  });

  it.each<[CallFailure, string, boolean, string | null]>([
    [{ kind: 'overdue', endpoint: 'e', timeoutMs: 1_000 }, 'call_timeout', true, 'e'],
    [{ kind: 'unknown_model', model: 'm' }, 'unknown_model', true, null],
    [{ kind: 'answer_too_large', endpoint: 'e' }, 'answer_too_large', false, 'e'],
    [{ kind: 'request_missing', sequence: 1 }, 'request_missing', false, null],
    [{ kind: 'parts_missing' }, 'parts_missing', false, null],
  ])('makes of %j: %s, retryable %j', (failure, code, retryable, endpoint) => {
    expect(verdict(failure)).toMatchObject({
      endpoint,
      error: { code, retryable, status: null },
      retryAfterMs: null,
    });
  });
});

describe('consequences', () => {
  const backoff = { baseDelayMs: 1_000, maxDelayMs: 60_000 };
  const run = { delivery: 1, chunksDelivered: 4, failure: overloaded };

  it('schedules the next attempt, not before the endpoint allows it', () => {
    const [failed, next] = consequences(context, { ...run, prioritized: prioritized(1) }, backoff, 0);
    expect(failed.data).toMatchObject({ attempt: 1, endpoint: 'e', chunks_delivered: 4 });
    expect(next.data).toEqual({ due_at: '2026-01-01T00:00:09.000Z', reason: 'retry', attempt: 2 });
  });

  it('dead-letters after the last retry', () => {
    const [, next] = consequences(context, { ...run, prioritized: prioritized(2) }, backoff, 0);
    expect(next).toMatchObject({
      type: 'llmq.message.dead-lettered.v1',
      data: { reason: 'retries_exhausted' },
    });
  });
});
