import { describe, expect, it } from '@jest/globals';
import { type AttemptError, messageEvent } from '../../domain/message/message.events.js';
import { failedAnswer, toldError } from './failed-answer.policy.js';

const context = {
  messageId: 'm',
  tenant: 'default',
  lane: 'normal' as const,
  now: '2030-01-01T00:00:00.000Z',
  newId: () => 'e',
};

function deadLettered(code: string, status: number | null, attempt = 1, more: Partial<AttemptError> = {}) {
  const error = { code, message: 'The endpoint said no.', retryable: false, status, ...more };
  return messageEvent(context, 'llmq.message.dead-lettered.v1', { reason: 'not_retryable', attempt, error });
}

describe('failedAnswer', () => {
  it.each([
    ['endpoint_rejected', 400, 400],
    ['endpoint_rejected', 422, 422],
    ['endpoint_unauthorized', 401, 502],
    ['endpoint_unauthorized', 403, 502],
    ['rate_limited', 429, 429],
    ['endpoint_error', 408, 504],
    ['endpoint_error', 500, 502],
    ['endpoint_error', 503, 503],
    ['endpoint_error', 529, 529],
    ['first_token_timeout', null, 504],
    ['call_timeout', null, 504],
    ['broken_stream', null, 502],
    ['endpoint_unreachable', null, 502],
  ])('tells %s with status %p as %p', (code, status, expected) => {
    expect(failedAnswer(deadLettered(code, status))).toMatchObject({ status: expected, code });
  });

  it('is told alike when it is read later', () => {
    for (const words of ['show', 'hide'] as const) {
      const end = deadLettered('endpoint_error', 500, 2, {
        remote: { status: 500, code: '500', type: null, param: null },
      });
      const { code, message } = failedAnswer(end, words);
      expect(toldError(end.data.error, 2, words)).toEqual({ code, message });
      expect(code).toBe('endpoint_error');
    }
  });

  it('says how often it was tried', () => {
    expect(failedAnswer(deadLettered('endpoint_error', 500, 4)).message).toBe(
      'The endpoint said no. (after 4 attempts)',
    );
  });

  const remote = { status: 400, code: 'context_length_exceeded', type: 'their_type', param: 'messages' };

  it("tells the endpoint's own code, type and parameter, and ours beside them", () => {
    expect(failedAnswer(deadLettered('endpoint_rejected', 400, 1, { remote }))).toMatchObject({
      ...{ code: 'context_length_exceeded', queueCode: 'endpoint_rejected' },
      ...{ type: 'their_type', param: 'messages', message: 'The endpoint said no.', shouldRetry: false },
    });
    const numbered = { ...remote, code: '400' };
    expect(failedAnswer(deadLettered('endpoint_rejected', 400, 1, { remote: numbered })).code).toBe(
      'endpoint_rejected',
    );
    const inStream = { ...remote, code: null, status: 429 };
    expect(failedAnswer(deadLettered('rate_limited', null, 1, { remote: inStream })).status).toBe(429);
  });

  it("leaves out the endpoint's words where they are to be hidden", () => {
    const hidden = failedAnswer(deadLettered('endpoint_rejected', 400, 2, { remote }), 'hide');
    expect(hidden.message).toBe('The endpoint answered 400. (after 2 attempts)');
    expect(failedAnswer(deadLettered('broken_stream', null), 'hide').message).toBe('The endpoint failed.');
  });

  it('tells what the endpoint asked to wait', () => {
    const error = deadLettered('rate_limited', 429, 4, { retry_after_ms: 2_500 });
    expect(failedAnswer(error).retryAfterMs).toBe(2_500);
  });

  it('tells of an expired message what kept endpoints from taking it', () => {
    const { error } = deadLettered('endpoint_error', 503, 1, { retry_after_ms: 1_000 }).data;
    const end = messageEvent(context, 'llmq.message.expired.v1', { reason: 'too late.', error });
    expect(failedAnswer(end)).toMatchObject({
      ...{ status: 503, code: 'endpoint_error', queueCode: 'expired', retryAfterMs: 1_000 },
      message: 'The message expired: too late. The endpoint said no.',
    });
  });

  it('tells cancelled and expired messages', () => {
    const by = { by: 'alice', reason: 'not needed' };
    expect(failedAnswer(messageEvent(context, 'llmq.message.cancelled.v1', by)).status).toBe(409);
    expect(failedAnswer(messageEvent(context, 'llmq.message.expired.v1', { reason: 'ttl' })).status).toBe(
      504,
    );
  });
});
