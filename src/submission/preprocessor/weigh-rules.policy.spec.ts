import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { PriorityRule } from '../../domain/admin/admin.events.js';
import { LANES } from '../../domain/message/lane.policy.js';
import { weighRules } from './weigh-rules.policy.js';

const rules: fc.Arbitrary<PriorityRule[]> = fc.uniqueArray(
  fc.record({
    id: fc.string({ minLength: 1, maxLength: 3 }),
    kind: fc.constant('keywords' as const),
    keywords: fc.constant([]),
    pattern: fc.constant(null),
    priority: fc.constantFrom(...LANES),
    weight: fc.integer({ min: 1, max: 4 }),
    description: fc.constant(''),
  }),
  { selector: ({ id }) => id, maxLength: 8 },
);

describe('weighing the rules that match', () => {
  it('takes the priority with the largest sum, of equal ones the most urgent', () => {
    fc.assert(
      fc.property(rules, (matched) => {
        const choice = weighRules(matched);
        if (matched.length === 0) return expect(choice).toBeNull();
        const sum = (lane: string) =>
          matched
            .filter(({ priority }) => priority === lane)
            .reduce((total, { weight }) => total + weight, 0);
        const best = Math.max(...LANES.map(sum));
        expect(choice?.priority).toBe(LANES.find((lane) => sum(lane) === best));
      }),
    );
  });

  it('names the weightiest rule of that priority, whatever order they are in', () => {
    fc.assert(
      fc.property(rules, fc.infiniteStream(fc.nat()), (matched, keys) => {
        const choice = weighRules(matched);
        const named = matched.find(({ id }) => id === choice?.id);
        for (const { priority, weight } of matched) {
          if (priority === choice?.priority) expect(named?.weight).toBeGreaterThanOrEqual(weight);
        }
        const shuffled = matched
          .map((rule) => ({ rule, key: keys.next().value }))
          .sort((a, b) => a.key - b.key);
        expect(weighRules(shuffled.map(({ rule }) => rule))).toEqual(choice);
      }),
    );
  });
});
