import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { headOf } from './client-frame.policy.js';

describe('headOf', () => {
  it.each([
    [
      { type: 'ping', request_id: 'r' },
      { type: 'ping', requestId: 'r' },
    ],
    [
      { type: 1, request_id: 'r' },
      { type: null, requestId: 'r' },
    ],
    [
      { type: 'ping', request_id: 7 },
      { type: 'ping', requestId: null },
    ],
    [{ request_id: '' }, { type: null, requestId: null }],
    [{ request_id: 'x'.repeat(257) }, { type: null, requestId: null }],
    [[], { type: null, requestId: null }],
    [null, { type: null, requestId: null }],
  ])('of %j', (frame, head) => {
    expect(headOf(frame)).toEqual(head);
  });

  it('takes any JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (frame) => {
        const { type, requestId } = headOf(frame);
        expect(type === null || typeof type === 'string').toBe(true);
        expect(requestId === null || (requestId.length > 0 && requestId.length <= 256)).toBe(true);
      }),
    );
  });
});
