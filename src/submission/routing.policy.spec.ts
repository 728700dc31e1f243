import { describe, expect, it } from '@jest/globals';
import { routingOf } from './routing.policy.js';

describe('routingOf', () => {
  it('keeps what was asked for, and nothing where nothing was', () => {
    expect(routingOf({ fallbacks: ['b'], session: 's', strategy: null })).toEqual({
      routing: { fallbacks: ['b'], session: 's' },
    });
    expect(routingOf({ fallbacks: [], strategy: null, failover: undefined })).toEqual({});
  });
});
