import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { PriorityRule } from '../../domain/admin/admin.events.js';
import { hasConditions, meetsConditions } from './rule-conditions.policy.js';

const scalar = fc.oneof(fc.string({ maxLength: 4 }), fc.integer({ min: -9, max: 9 }), fc.boolean());
const metadata = fc.dictionary(fc.constantFrom('vip', 'plan', '__proto__', 'toString', 'a b'), scalar);
const tokens = fc.integer({ min: 0, max: 1_000 });

function rule(conditions: Partial<PriorityRule>): PriorityRule {
  return {
    ...{ id: 'x', kind: 'any', keywords: [], pattern: null, priority: 'low', weight: 1, description: '' },
    ...conditions,
  };
}

describe('the conditions of a rule', () => {
  it('are met by a message that has all that is asked, whatever else it has', () => {
    fc.assert(
      fc.property(metadata, metadata, tokens, tokens, tokens, (asked, others, ...counts) => {
        const [least, between, most] = counts.sort((a, b) => a - b);
        const message = { metadata: { ...others, ...asked }, tokens: between! };
        expect(meetsConditions(rule({ metadata: asked, min_tokens: least, max_tokens: most }), message)).toBe(
          true,
        );
      }),
    );
  });

  it('are not met where one value is missing or another, even one that looks alike', () => {
    fc.assert(
      fc.property(metadata, scalar, fc.nat(), (asked, other, at) => {
        const keys = Object.keys(asked);
        fc.pre(keys.length > 0);
        const key = keys[at % keys.length]!;
        const { [key]: value, ...rest } = asked;
        const meets = (of: Record<string, unknown>) =>
          meetsConditions(rule({ metadata: asked }), { metadata: of, tokens: 0 });
        expect(meets(rest)).toBe(false);
        expect(meets({ ...asked, [key]: other })).toBe(other === value);
        expect(meets({ ...asked, [key]: typeof value === 'string' ? [value] : String(value) })).toBe(false);
      }),
    );
  });

  it('are not met below the least or above the most tokens', () => {
    fc.assert(
      fc.property(tokens, tokens, (limit, count) => {
        const message = { metadata: {}, tokens: count };
        expect(meetsConditions(rule({ min_tokens: limit }), message)).toBe(count >= limit);
        expect(meetsConditions(rule({ max_tokens: limit }), message)).toBe(count <= limit);
      }),
    );
  });

  it('are none where nothing is asked, which any message meets', () => {
    fc.assert(
      fc.property(metadata, tokens, (of, count) => {
        expect(meetsConditions(rule({}), { metadata: of, tokens: count })).toBe(true);
      }),
    );
    expect(hasConditions(rule({ metadata: {} }))).toBe(false);
    expect(hasConditions(rule({ min_tokens: 0 }))).toBe(true);
    expect(hasConditions(rule({ max_tokens: 0 }))).toBe(true);
    expect(hasConditions(rule({ metadata: { vip: false } }))).toBe(true);
  });
});
