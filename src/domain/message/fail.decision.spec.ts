import fc from 'fast-check';
import { type FailedAttempt, fail } from './fail.decision.js';

const NOW = '2026-01-01T00:00:00.000Z';
const context = {
  messageId: 'm1',
  tenant: 't1',
  lane: 'low',
  now: NOW,
  newId: () => 'e1',
  traceparent: 'tp',
} as const;
const backoff = { baseDelayMs: 1_000, maxDelayMs: 60_000 };
const error = { code: 'overloaded', message: 'Too much.', retryable: true, status: 503 };
const failed: FailedAttempt = {
  attempt: 1,
  delivery: 1,
  maxRetries: 3,
  endpoint: 'e',
  error,
  chunksDelivered: 7,
  retryAfterMs: null,
};

describe('fail', () => {
  it('says in one append what failed and when it is tried again', () => {
    const [attemptFailed, next] = fail(context, failed, backoff, 0.5);
    expect(attemptFailed.data).toEqual({
      attempt: 1,
      delivery: 1,
      endpoint: 'e',
      error,
      chunks_delivered: 7,
      next_retry_at: '2026-01-01T00:00:00.750Z',
    });
    expect(next).toMatchObject({
      type: 'llmq.message.scheduled.v1',
      data: { due_at: '2026-01-01T00:00:00.750Z', reason: 'retry', attempt: 2 },
    });
    for (const event of [attemptFailed, next]) {
      expect(event).toMatchObject({ subject: 'm1', tenant: 't1', lane: 'low', time: NOW, traceparent: 'tp' });
    }
  });

  it('waits at least as long as the endpoint asked', () => {
    const [attemptFailed] = fail(context, { ...failed, retryAfterMs: 30_000 }, backoff, 0);
    expect(attemptFailed.data.next_retry_at).toBe('2026-01-01T00:00:30.000Z');
  });

  it('spreads messages that were told to wait equally long', () => {
    const [attemptFailed] = fail(context, { ...failed, retryAfterMs: 30_000 }, backoff, 0.5);
    expect(attemptFailed.data.next_retry_at).toBe('2026-01-01T00:00:31.500Z');
  });

  it('dead-letters what trying again can not help', () => {
    const hopeless = { ...failed, error: { ...error, retryable: false } };
    const [attemptFailed, next] = fail(context, hopeless, backoff, 0);
    expect(attemptFailed.data.next_retry_at).toBeNull();
    expect(next.data).toMatchObject({ reason: 'not_retryable', attempt: 1 });
  });

  it('expires at once what would be tried again at the deadline or later', () => {
    const dueAt = '2026-01-01T00:00:30.000Z';
    const late = { ...failed, retryAfterMs: 30_000 };
    for (const deadline of [dueAt, '2026-01-01T00:00:29.999Z']) {
      const [attemptFailed, next] = fail(context, { ...late, deadline }, backoff, 0);
      expect(attemptFailed.data.next_retry_at).toBeNull();
      expect(next).toMatchObject({ type: 'llmq.message.expired.v1', data: { reason: expect.any(String) } });
    }
    const [, next] = fail(context, { ...late, deadline: '2026-01-01T00:00:30.001Z' }, backoff, 0);
    expect(next).toMatchObject({ type: 'llmq.message.scheduled.v1', data: { due_at: dueAt } });
  });

  it('dead-letters what can not be tried again, whatever its deadline', () => {
    const last = { ...failed, attempt: 4, deadline: NOW };
    expect(fail(context, last, backoff, 0)[1].type).toBe('llmq.message.dead-lettered.v1');
  });

  it('makes exactly one attempt more than retries were allowed', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 20 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (maxRetries, random) => {
          let attempt = 1;
          for (;;) {
            const [, next] = fail(context, { ...failed, attempt, maxRetries }, backoff, random);
            if (next.type === 'llmq.message.dead-lettered.v1') {
              expect(next.data).toMatchObject({ reason: 'retries_exhausted', attempt });
              break;
            }
            if (next.type !== 'llmq.message.scheduled.v1') throw new Error(`not ${next.type}`);
            expect(next.data.attempt).toBe(attempt + 1);
            expect(Date.parse(next.data.due_at)).toBeGreaterThan(Date.parse(NOW));
            attempt = next.data.attempt;
          }
          expect(attempt).toBe(maxRetries + 1);
        },
      ),
    );
  });
});
