import { describe, expect, it } from '@jest/globals';
import { LOCAL_CALLER } from '../../domain/caller.js';
import { newApiKey } from './api-key.js';
import { ApiKeyRing } from './api-key-ring.js';

const first = newApiKey({ name: 'first', role: 'client', tenant: 'red' });
const second = newApiKey({ name: 'second', role: 'admin', tenant: 'blue' });
const ring = new ApiKeyRing([first.config, second.config]);

describe('ApiKeyRing', () => {
  it('knows each key by its digest', () => {
    expect(ring.callerOf(`Bearer ${first.key}`)).toEqual({ name: 'first', role: 'client', tenant: 'red' });
    expect(ring.callerOf(`bearer  ${second.key}`)).toEqual({ name: 'second', role: 'admin', tenant: 'blue' });
  });

  it.each([
    undefined,
    '',
    'Bearer',
    'Bearer ',
    `Bearer ${first.key}x`,
    `Bearer ${first.config.sha256}`,
    `Basic ${first.key}`,
    first.key,
    `Bearer ${first.key} ${second.key}`,
  ])('refuses %p', (header) => expect(ring.callerOf(header)).toBeNull());

  it('takes everyone for the local caller where no keys are configured', () => {
    expect(new ApiKeyRing([]).callerOf(undefined)).toEqual(LOCAL_CALLER);
  });

  it('makes keys that differ, and that their digest does not tell', () => {
    expect(first.key).not.toBe(second.key);
    expect(first.config.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(JSON.stringify(first.config)).not.toContain(first.key);
  });
});
