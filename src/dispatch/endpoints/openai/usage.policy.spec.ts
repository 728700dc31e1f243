import { readUsage } from './usage.policy.js';

describe('the usage that an endpoint tells', () => {
  it('is taken with its details, by the names of both interfaces', () => {
    expect(readUsage({ input_tokens: 3, output_tokens: 4 })).toMatchObject({
      ...{ prompt_tokens: 3, completion_tokens: 4 },
    });
    const most = { prompt_tokens: 2 ** 31 - 1, completion_tokens: 2 ** 31 - 1 };
    expect(readUsage(most)).toEqual(most);
  });

  it('is as if it were not told where it can be no count of one call', () => {
    for (const count of [-1, 1.5, '7', Number.NaN, 2 ** 31, 9e15]) {
      expect(readUsage({ prompt_tokens: count, completion_tokens: 1 })).toBeNull();
      expect(readUsage({ prompt_tokens: 1, completion_tokens: count })).toBeNull();
    }
    expect(readUsage({ prompt_tokens: 1, completion_tokens: 2, total_tokens: 9e15 })).toEqual({
      ...{ prompt_tokens: 1, completion_tokens: 2 },
    });
  });
});
