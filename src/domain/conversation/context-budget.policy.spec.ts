import { budgetOf } from './context-budget.policy.js';

const takes = { reasoning: false, systemAnywhere: false };
const limits = (contextTokens: number | null, maxOutputTokens: number | null = null) => ({
  ...{ model: 'm', contextTokens, maxOutputTokens, takes },
});
const request = (parameters: Record<string, unknown> = {}) => ({ parameters });

it('is the configured one where nothing is known of the model', () => {
  expect(budgetOf(limits(null), request({ max_tokens: 100 }), 8_000)).toBe(8_000);
});

it.each([
  ['what is asked for', limits(4_000, 1_000), { max_tokens: 500 }, 3_300],
  [
    'what is asked for by its newer name',
    limits(4_000),
    { max_completion_tokens: 500, max_tokens: 1 },
    3_300,
  ],
  ["the model's longest answer", limits(4_000, 1_000), {}, 2_800],
  ['half at most, where the longest answer is as long as the context', limits(4_000, 4_000), {}, 1_800],
  ['a quarter where nobody says', limits(4_000), { max_tokens: null }, 2_800],
  ['all, where that is asked for', limits(4_000), { max_tokens: 4_000 }, 1],
])('leaves room for an answer: %s', (_what, of, parameters, budget) => {
  expect(budgetOf(of, request(parameters), 8_000)).toBe(budget);
});

it('is smaller for a model that counts more', () => {
  expect(budgetOf(limits(4_000), request(), 8_000, 1.25)).toBe(2_240);
  expect(budgetOf(limits(null), request(), 8_000, 1.25)).toBe(8_000);
});
