import { describe, expect, it } from '@jest/globals';
import { newApiKey } from './api-key.js';
import { ApiKeyRing, type SentKey } from './api-key-ring.js';

const first = newApiKey({ name: 'first', role: 'client', tenant: 'red' });
const second = newApiKey({ name: 'second', role: 'admin', tenant: 'blue' });
const ring = new ApiKeyRing([first.config, second.config]);

const third = newApiKey({ name: 'third', role: 'viewer', tenant: 'red' });
const expiring = { ...third.config, expires_at: '2026-03-01T00:00:00+01:00' };
const EXPIRY_MS = Date.parse('2026-02-28T23:00:00Z');
const holder = (headers: SentKey, nowMs = 0) => ring.holderOf(headers, () => nowMs);
const bearer = (text: string) => ({ authorization: `Bearer ${text}` });

describe('ApiKeyRing', () => {
  it('knows each key by its digest', () => {
    expect(holder(bearer(first.key))).toEqual({ name: 'first', role: 'client', tenant: 'red' });
    expect(holder({ authorization: `bearer  ${second.key}` })).toEqual({
      ...{ name: 'second', role: 'admin', tenant: 'blue' },
    });
  });

  it.each([
    '',
    'Bearer',
    'Bearer ',
    `Bearer ${first.key}x`,
    `Bearer ${first.config.sha256}`,
    `Basic ${first.key}`,
    first.key,
    `Bearer ${first.key} ${second.key}`,
  ])('refuses %p', (authorization) => expect(holder({ authorization })).toBe('unknown_key'));

  it('tells who sent nothing', () => expect(holder({})).toBe('no_key'));

  it('takes a key from X-API-Key, also beside an Authorization that is none of ours', () => {
    expect(holder({ 'x-api-key': first.key })).toMatchObject({ name: 'first' });
    expect(holder({ ...bearer('sk-unused'), 'x-api-key': ` ${first.key} ` })).toMatchObject({
      name: 'first',
    });
    expect(holder({ ...bearer(second.key), 'x-api-key': first.key })).toMatchObject({ name: 'second' });
    expect(holder({ 'x-api-key': '' })).toBe('unknown_key');
    expect(holder({ 'x-api-key': `${first.key}, ${first.key}` })).toBe('unknown_key');
    expect(holder({ 'x-api-key': `Bearer ${first.key}` })).toBe('unknown_key');
  });

  it('refuses a key from its expiry on, whichever header it comes in', () => {
    const expires = new ApiKeyRing([first.config, expiring]);
    for (const headers of [bearer(third.key), { 'x-api-key': third.key }]) {
      expect(expires.holderOf(headers, () => EXPIRY_MS - 1)).toMatchObject({ name: 'third' });
      expect(expires.holderOf(headers, () => EXPIRY_MS)).toBe('expired_key');
    }
    expect(expires.holderOf(bearer(first.key), () => EXPIRY_MS)).toMatchObject({ name: 'first' });
  });

  it('tells when the key that counts expires, whichever header it comes in', () => {
    const expires = new ApiKeyRing([first.config, expiring]);
    for (const headers of [bearer(third.key), { 'x-api-key': third.key, authorization: 'Bearer other' }]) {
      expect(expires.endsAtMs(headers)).toBe(EXPIRY_MS);
    }
    expect(expires.endsAtMs(bearer(first.key))).toBe(Number.POSITIVE_INFINITY);
    expect(expires.endsAtMs({})).toBe(Number.POSITIVE_INFINITY);
  });

  it('takes the admin of the only tenant for an operator too', () => {
    const alone = new ApiKeyRing([second.config]);
    expect(alone.holderOf(bearer(second.key), () => 0)).toMatchObject({ role: 'operator' });
  });

  it('is open where no keys are configured', () => {
    expect(new ApiKeyRing([]).open).toBe(true);
    expect(ring.open).toBe(false);
  });

  it('makes keys that differ, and that their digest does not tell', () => {
    expect(first.key).not.toBe(second.key);
    expect(first.config.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(JSON.stringify(first.config)).not.toContain(first.key);
  });
});
