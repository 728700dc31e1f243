import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { askedText, excerptOf } from './asked-text.policy.js';

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

describe('an excerpt', () => {
  it('is the text itself while it is short', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 500 }), (text) => {
        expect(excerptOf(text)).toEqual({ text, factor: 1 });
      }),
    );
  });

  it('is bounded, has both ends, and cuts no character in two', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 4_000, max: 9_000 }),
        fc.constantFrom('a', '急', '👩‍🚀', 'a😀'),
        (times, unit) => {
          const text = `BEGIN${unit.repeat(times)}END`;
          const excerpt = excerptOf(text);
          expect(excerpt.text.length).toBeLessThanOrEqual(4_097);
          expect(excerpt.text.startsWith('BEGIN')).toBe(true);
          expect(excerpt.text.endsWith('END')).toBe(true);
          expect(Buffer.from(excerpt.text).toString()).toBe(excerpt.text);
          expect(Math.abs(excerpt.text.length * excerpt.factor - text.length)).toBeLessThan(
            0.01 * text.length,
          );
        },
      ),
    );
  });
});

describe('of a completion or of embeddings', () => {
  it('is the text, or all texts, or the number of tokens', () => {
    const completion = (prompt: unknown) =>
      askedText({ kind: 'completion', model: null, parameters: { prompt } });
    const embeddings = (input: unknown) =>
      askedText({ kind: 'embeddings', model: null, parameters: { input } });
    expect(completion('Once')).toEqual({ whole: 'Once', asked: 'Once' });
    expect(embeddings(['one', 'two'])).toEqual({ whole: 'one\ntwo', asked: 'one\ntwo' });
    expect(embeddings([1, 2, 3])).toEqual({ whole: '', asked: '', tokens: 3 });
    expect(completion([[1, 2], [3]])).toEqual({ whole: '', asked: '', tokens: 3 });
    expect(completion(undefined)).toEqual({ whole: '', asked: '' });
  });
});
