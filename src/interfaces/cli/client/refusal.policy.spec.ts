import { describe, expect, it } from '@jest/globals';
import { refusalText, waitBeforeRetryMs } from './refusal.policy.js';

describe('a refused request', () => {
  it('is told with the reason that the service gave, in either shape, and what to do about keys', () => {
    expect(refusalText('GET /a', 422, { detail: 'No.' })).toBe('GET /a was refused with 422: No.');
    expect(refusalText('GET /v1', 400, { error: { message: 'Nor this.' } })).toBe(
      'GET /v1 was refused with 400: Nor this.',
    );
    expect(refusalText('GET /a', 401, { detail: 'A key is wanted.' })).toBe(
      'GET /a was refused with 401: A key is wanted. Give a key with --api-key (or LLMQ_KEY).',
    );
    expect(refusalText('GET /a', 500, null)).toBe('GET /a was refused with 500: no reason given');
  });

  it('is sent again only where a short wait can help', () => {
    expect(waitBeforeRetryMs(422, null)).toBeNull();
    expect(waitBeforeRetryMs(503, null)).toBe(1_000);
    expect(waitBeforeRetryMs(429, '7')).toBe(7_000);
    expect(waitBeforeRetryMs(429, '0')).toBe(500);
    expect(waitBeforeRetryMs(429, '60')).toBeNull();
    expect(waitBeforeRetryMs(503, 'soon')).toBe(500);
  });
});
