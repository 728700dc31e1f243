import { describe, expect, it } from '@jest/globals';
import { groupSize } from './intake-group.policy.js';

const held = (pattern: string) => [...pattern].map((each) => ({ tried: each === 't' }));

describe('how many held messages are tried', () => {
  it.each([
    ['auto', 'tttttttttt', 8, 8],
    ['auto', 'ttttttttttfttft', 8, 14],
    ['auto', 'ft', 8, 8],
    ['auto', '', 8, 8],
    ['low', 'ttttttttttff', 8, 8],
  ] as const)('of %s, where they are %s', (lane, pattern, usual, size) => {
    expect(groupSize(held(pattern), usual, lane)).toBe(size);
  });
});
