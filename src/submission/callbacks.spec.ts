import { describe, expect, it } from '@jest/globals';
import type { Caller } from '../domain/caller.js';
import { configSchema } from '../platform/config/config.schema.js';
import type { ServiceConfig } from '../platform/config/service-config.js';
import { newApiKey } from '../platform/security/api-key.js';
import { Callbacks } from './callbacks.js';
import type { Submission } from './submission.js';

const SECRET = `whsec_${Buffer.from('s'.repeat(32)).toString('base64')}`;
const key = (name: string, more = {}) => ({
  ...newApiKey({ name, role: 'client', tenant: 't' }).config,
  ...more,
});

function told(config: object, name: string, submission: Partial<Submission> = {}) {
  const callbacks = new Callbacks(configSchema.parse(config) as unknown as ServiceConfig);
  const caller = { name, role: 'client', tenant: 't' } as Caller;
  return callbacks.callbackOf(caller, submission as Submission);
}

const whole = {
  webhooks: { url: 'https://all.example.com/', secrets: [SECRET] },
  security: { api_keys: [key('shop', { callback_url: 'https://shop.example.com/' }), key('other')] },
};

describe('who is told', () => {
  it('is whom the message names, else its key, else the configuration', () => {
    expect(told(whole, 'shop', { callbackUrl: 'https://a.example.com' })).toEqual({
      ...{ url: 'https://a.example.com/', named_by: 'message' },
    });
    expect(told(whole, 'shop')).toEqual({ url: 'https://shop.example.com/', named_by: 'key' });
    expect(told(whole, 'other')).toEqual({ url: 'https://all.example.com/', named_by: 'configuration' });
    expect(told(whole, 'local')).toEqual({ url: 'https://all.example.com/', named_by: 'configuration' });
    expect(told({}, 'local')).toBeNull();
  });

  it('is only whom it names itself, for a message that repeats another', () => {
    expect(told(whole, 'shop', { replayOf: 'm' })).toBeNull();
    const callbackUrl = 'https://a.example.com/';
    expect(told(whole, 'shop', { replayOf: 'm', callbackUrl })).toMatchObject({ url: callbackUrl });
  });

  it('is nobody whom a message names where nothing can be signed, and it is refused', () => {
    const callbackUrl = 'https://a.example.com/';
    expect(() => told({}, 'local', { callbackUrl })).toThrow(
      expect.objectContaining({ code: 'invalid_fields' }),
    );
    const ofKey = { security: { api_keys: [key('shop', { webhook_secrets: [SECRET] })] } };
    expect(told(ofKey, 'shop', { callbackUrl })).toMatchObject({ url: callbackUrl });
    const noneOfKey = {
      webhooks: { secrets: [SECRET] },
      security: { api_keys: [key('a', { webhook_secrets: [] })] },
    };
    expect(() => told(noneOfKey, 'a', { callbackUrl })).toThrow();
  });

  it('may not be this machine, unless it is allowed', () => {
    const callbackUrl = 'http://127.0.0.1:9/hook';
    expect(() => told(whole, 'other', { callbackUrl })).toThrow();
    const allowed = { ...whole, security: { egress: { allow: ['127.0.0.0/8'] } } };
    expect(told(allowed, 'other', { callbackUrl })).toMatchObject({ url: callbackUrl });
  });
});
