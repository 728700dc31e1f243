import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { nestsDeeper } from './json-nesting.policy.js';

const bytes = (json: string) => new TextEncoder().encode(json);

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

describe('nestsDeeper', () => {
  it('counts levels as they are once parsed', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8 }), fc.nat({ max: 9 }), (value, levels) => {
        expect(nestsDeeper(bytes(JSON.stringify(value)), levels)).toBe(depthOf(value) > levels);
      }),
    );
  });

  it('does not count brackets in texts', () => {
    expect(nestsDeeper(bytes(JSON.stringify({ a: '[[[{{{"[[\\"[[' })), 1)).toBe(false);
    expect(nestsDeeper(bytes('{"a\\"[[": ["\\\\", []]}'), 2)).toBe(true);
  });
});
