import { describe, expect, it } from '@jest/globals';
import { messageEvent } from '../../domain/message/message.events.js';
import { failedAnswer } from './failed-answer.policy.js';

const context = {
  messageId: 'm',
  tenant: 'default',
  lane: 'normal' as const,
  now: '2030-01-01T00:00:00.000Z',
  newId: () => 'e',
};

function deadLettered(code: string, status: number | null, attempt = 1) {
  const error = { code, message: 'The endpoint said no.', retryable: false, status };
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
    ['endpoint_error', 503, 502],
    ['first_token_timeout', null, 504],
    ['call_timeout', null, 504],
    ['broken_stream', null, 502],
    ['endpoint_unreachable', null, 502],
  ])('tells %s with status %p as %p', (code, status, expected) => {
    expect(failedAnswer(deadLettered(code, status))).toMatchObject({ status: expected, code });
  });

  it('says how often it was tried', () => {
    expect(failedAnswer(deadLettered('endpoint_error', 500, 4)).message).toBe(
      'The endpoint said no. (after 4 attempts)',
    );
  });

  it('tells cancelled and expired messages', () => {
    const by = { by: 'alice', reason: 'not needed' };
    expect(failedAnswer(messageEvent(context, 'llmq.message.cancelled.v1', by)).status).toBe(409);
    expect(failedAnswer(messageEvent(context, 'llmq.message.expired.v1', { reason: 'ttl' })).status).toBe(
      504,
    );
  });
});
