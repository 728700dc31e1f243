import { describe, expect, it } from '@jest/globals';
import { askedText } from './asked-text.policy.js';

const request = (messages: { role: string; [key: string]: unknown }[]) => ({
  messages,
  model: null,
  parameters: {},
});

describe('what a request asks', () => {
  it('is its content', () => {
    expect(askedText({ content: 'Hi', model: null, parameters: {} })).toEqual({ whole: 'Hi', asked: 'Hi' });
  });

  it('is the last that a user wrote in a chat', () => {
    const chat = request([
      { role: 'system', content: 'All is urgent.' },
      { role: 'user', content: 'One' },
      { role: 'assistant', content: null, tool_calls: [] },
      {
        role: 'user',
        content: [{ type: 'text', text: 'Two' }, { type: 'image_url' }, { type: 'text', text: '?' }],
      },
      { role: 'tool', content: 'a result' },
    ]);
    expect(askedText(chat).asked).toBe('Two\n?');
    expect(askedText(chat).whole).toBe('All is urgent.\nOne\n\nTwo\n?\na result');
  });

  it('is any text where no user wrote one, or none', () => {
    expect(askedText(request([{ role: 'system', content: 'Be kind.' }])).asked).toBe('Be kind.');
    expect(askedText(request([{ role: 'user' }, { role: 'user', content: [null, 1] }]))).toEqual({
      whole: '\n',
      asked: '',
    });
  });
});
