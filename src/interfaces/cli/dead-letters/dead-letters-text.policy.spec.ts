import { describe, expect, it } from '@jest/globals';
import { deadLettersText, deadLetterText } from './dead-letters-text.policy.js';

const letter = {
  ...{ id: 'm1', user_id: 'ann', priority: 'high', model: null, attempts: 2 },
  ...{ error: { code: 'endpoint_error', message: 'It\u001b[2J broke', status: 500 } },
  failed_at: '2030-01-01T00:00:00.000Z',
};

describe('dead letters', () => {
  it('are a table, in which nothing steers a terminal', () => {
    expect(deadLettersText([letter])).toBe(
      `message  failed               lane  user  model  attempts  error
-------  -------------------  ----  ----  -----  --------  --------------  ------------
m1       2030-01-01 00:00:00  high  ann   -      2         endpoint_error  It [2J broke
`,
    );
    expect(deadLettersText([])).toBe('There are no dead letters.\n');
  });

  it('have the error of every attempt', () => {
    const attempt = { attempt: 1, endpoint: 'gpu', model: 'm', started_at: null, outcome: null, error: null };
    const text = deadLetterText({ ...letter, message: { content: 'Why?' }, history: [attempt] });
    expect(text).toMatch(
      /^m1 failed at 2030-01-01 00:00:00: It \[2J broke \(endpoint_error, 500\)\n\nAsked: Why\?/,
    );
    expect(text).toMatch(/1 +- +gpu +m +none\n$/);
  });
});
