import { describe, expect, it } from '@jest/globals';
import { type WebhookAnswer, webhookVerdict } from './webhook-verdict.policy.js';

const answer = (more: Partial<WebhookAnswer>): WebhookAnswer => ({
  ...{ status: null, problem: null, retryAfterMs: null, durationMs: 1, ...more },
});
const verdict = (more: Partial<WebhookAnswer>, tries = 1) =>
  webhookVerdict(answer(more), tries, [1_000, 5_000], 0.5);

describe('a webhook', () => {
  it.each([200, 201, 202, 204, 299])('is delivered by %i', (status) => {
    expect(verdict({ status })).toEqual({ outcome: 'delivered', reason: null });
  });

  it.each([
    ...([301, 302, 303, 307, 308] as const).map((status) => [status, 'redirect'] as const),
    ...([100, 400, 401, 404, 408, 422, 429, 500, 503] as const).map(
      (status) => [status, 'bad_status'] as const,
    ),
  ])('is tried again after %i', (status, reason) => {
    expect(verdict({ status })).toEqual({ outcome: 'retrying', reason, delayMs: 1_000 });
  });

  it.each(['timeout', 'connection_failed', 'egress_unresolved'])('is tried again after %s', (problem) => {
    expect(verdict({ problem })).toEqual({ outcome: 'retrying', reason: problem, delayMs: 1_000 });
  });

  it('is tried again when its receiver wishes', () => {
    expect(verdict({ status: 429, retryAfterMs: 30_000 })).toMatchObject({ delayMs: 30_000 });
    expect(verdict({ status: 503, retryAfterMs: 10 })).toMatchObject({ delayMs: 1_000 });
  });

  it('has failed after its last try', () => {
    expect(verdict({ status: 500 }, 2)).toMatchObject({ outcome: 'retrying', delayMs: 4_000 });
    expect(verdict({ status: 500 }, 3)).toEqual({ outcome: 'failed', reason: 'bad_status', isGone: false });
  });

  it('has failed where its receiver is gone, which wants no other one', () => {
    expect(verdict({ status: 410 })).toEqual({ outcome: 'failed', reason: 'gone', isGone: true });
  });

  it.each([...['egress_bad_address', 'egress_denied', 'egress_metadata_address', 'egress_private_address']])(
    'has failed where the configuration forbids its address: %s',
    (problem) => {
      expect(verdict({ problem })).toEqual({ outcome: 'failed', reason: problem, isGone: false });
    },
  );
});
