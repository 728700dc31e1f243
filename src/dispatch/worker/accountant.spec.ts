import { expect, it } from '@jest/globals';
import { Accountant } from './accountant.js';

const offer = { name: 'm', upstream: 'm', contextTokens: null, maxOutputTokens: null, capabilities: [] };
const request = { model: 'm', content: 'hello', parameters: {} };

it('estimates what all choices of an answer used', async () => {
  const accountant = new Accountant({ prices: { m: { input: 0, output: 1 } } });
  const text = 'seven words are in this short text';
  const lease = { offer: { ...offer, price: null } };
  const one = await accountant.of(request, lease, { answer: { content: text }, usage: null });
  const choices = [1, 2].map((index) => ({ index, message: { content: text }, finish_reason: 'stop' }));
  const answered = { answer: { content: text }, usage: null, extra: { choices } };
  const three = await accountant.of(request, lease, answered);
  expect(one?.output_tokens).toBeGreaterThan(4);
  expect(three).toMatchObject({ estimated: true, output_tokens: 3 * one!.output_tokens });
  expect(three!.cost_nanos).toBe(3 * one!.cost_nanos!);
});
