import { expect, it } from '@jest/globals';
import { estimatedUsage } from './usage-estimate.policy.js';

const words = (text: string) => text.split(/\s+/).filter((word) => word !== '').length;
const asked = { model: null, parameters: {} };

it('counts a text and its answer', () => {
  const request = { ...asked, content: 'one two three' };
  expect(estimatedUsage(request, [{ content: 'four five' }], words)).toEqual({
    ...{ inputTokens: 3 + 3 + 3, outputTokens: 2, leftOut: [] },
  });
});

it('counts each message of a chat, its parts, tools, reasoning and calls', () => {
  const request = {
    model: null,
    messages: [
      { role: 'system', content: 'be short' },
      { role: 'user', content: [{ type: 'text', text: 'what is this' }] },
      { role: 'assistant', content: null, tool_calls: [{ id: 'a' }] },
    ],
    parameters: { tools: [{ type: 'function' }], temperature: 1 },
  };
  const answer = { content: 'a cat', reasoning_content: 'it has fur', tool_calls: [{ id: 'b' }] };
  expect(estimatedUsage(request, [answer], words)).toEqual({
    ...{ inputTokens: 3 * 3 + 3 + 2 + 3 + 1 + 1, outputTokens: 2 + 3 + 1, leftOut: [] },
  });
});

it('counts every answer, where several were asked for', () => {
  const answers = [{ content: 'one two' }, { content: 'three', audio: {} }, { content: 'four five six' }];
  const { outputTokens, leftOut } = estimatedUsage({ ...asked, content: 'x' }, answers, words);
  expect([outputTokens, leftOut]).toEqual([6, ['audio']]);
});

it('names what it can not count', () => {
  const content = [
    { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
    { type: 'input_audio', input_audio: { data: 'AAAA' } },
    { type: 'hologram' },
    { type: 'text', text: 'what is this' },
  ];
  const request = { ...asked, messages: [{ role: 'user', content }] };
  expect(estimatedUsage(request, [{ content: null, audio: { data: 'AAAA' } }], words)).toEqual({
    ...{ inputTokens: 3 + 3 + 3, outputTokens: 0, leftOut: ['audio', 'image', 'other'] },
  });
});

it('counts what is asked of a completion or an embedding', () => {
  const request = { ...asked, kind: 'embeddings' as const, parameters: { input: 'one two' } };
  expect(estimatedUsage(request, [{ content: null }], words).inputTokens).toBe(2);
});
