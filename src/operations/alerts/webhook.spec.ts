import { describe, expect, it } from '@jest/globals';
import { webhookHeaders } from './webhook.js';

describe('webhookHeaders', () => {
  // The example of the specification (standard-webhooks/standard-webhooks, its libraries' tests).
  it('signs as Standard Webhooks do', () => {
    const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
    const body = '{"test": 2432232314}';
    expect(webhookHeaders('msg_p5jXN8AQM9LWM0D4loKWxJek', body, 1_614_265_330_000, secret)).toEqual({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });

  it('takes any text for a secret, and signs nothing without one', () => {
    const signed = webhookHeaders('a', '{}', 0, 'text');
    expect(signed['webhook-signature']).toMatch(/^v1,[A-Za-z0-9+/]{43}=$/);
    expect(webhookHeaders('a', '{}', 0, 'other')['webhook-signature']).not.toBe(signed['webhook-signature']);
    expect(webhookHeaders('a', '{}', 0, null)).toEqual({ 'webhook-id': 'a', 'webhook-timestamp': '0' });
  });
});
