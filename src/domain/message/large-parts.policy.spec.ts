import fc from 'fast-check';
import { withLargeParts, withoutLargeParts } from './large-parts.policy.js';
import { filled, LargeText, LOST, largeTextsIn, standIns } from './large-text.policy.js';
import type { ChatMessage, ModelRequest } from './message.events.js';

const base = { model: null, parameters: {} };
const picture = (url: string) => ({ type: 'image_url', image_url: { url, detail: 'low' } });
const long = 'x'.repeat(100);
const large = (parts: readonly { at: string; text: string }[]) => ({
  sha256: 'digest',
  parts: parts.map(({ at, text }) => ({ at, bytes: text.length })),
});

it('takes out large contents and what is large in their parts, and says where they stood', () => {
  const request: ModelRequest = {
    ...base,
    messages: [
      { role: 'system', content: long },
      { role: 'user', content: [{ type: 'text', text: 'What is it?' }, picture(long)] },
      { role: 'tool', tool_call_id: 'a', content: long },
    ],
  };
  const { request: rest, parts } = withoutLargeParts(request, 50);
  expect(parts).toEqual([
    { at: '/messages/1/content/1/image_url/url', text: long },
    { at: '/messages/2/content', text: long },
  ]);
  expect(rest.messages).toEqual([
    { role: 'system', content: long },
    { role: 'user', content: [{ type: 'text', text: 'What is it?' }, picture('')] },
    { role: 'tool', tool_call_id: 'a', content: '' },
  ]);
  expect(withoutLargeParts({ ...base, content: long }, 50)).toEqual({
    request: { ...base, content: '' },
    parts: [{ at: '/content', text: long }],
  });
});

it('leaves a request without large parts as it is', () => {
  const request = { ...base, content: long };
  expect(withoutLargeParts(request, 101).request).toBe(request);
});

it('puts back what it took out of any request', () => {
  const text = fc.string({ maxLength: 20 });
  const content = fc.oneof(
    text,
    fc.array(fc.dictionary(fc.string({ maxLength: 5 }), fc.oneof(text, fc.object({ maxDepth: 2 })))),
  );
  const messages = fc.array(fc.record({ role: fc.constantFrom('user', 'system', 'tool'), content }));
  fc.assert(
    fc.property(messages, (some) => {
      const request = { ...base, messages: some as ChatMessage[] };
      const before = JSON.stringify(request);
      const { request: rest, parts } = withoutLargeParts(request, 5);
      const whole = withLargeParts(
        { ...rest, large: large(parts) },
        large(parts),
        (index) => parts[index]!.text,
      );
      expect(JSON.stringify(whole)).toBe(before);
      expect(JSON.stringify(request)).toBe(before);
    }),
  );
});

describe('an earlier message', () => {
  const asked = { ...base, content: '', large: large([{ at: '/content', text: long }]) };
  const shown = {
    ...base,
    messages: [{ role: 'user', content: [{ type: 'text', text: 'Look.' }, picture('')] }],
    large: large([{ at: '/messages/0/content/1/image_url/url', text: long }]),
  };

  it('has stand-ins, which are filled when it is sent', () => {
    const messages = [...standIns('one', asked).messages!, ...standIns('two', shown).messages!];
    expect(largeTextsIn(messages).map(({ messageId, bytes }) => [messageId, bytes])).toEqual([
      ['one', 100],
      ['two', 100],
    ]);
    expect(filled(messages, ({ messageId }) => `text of ${messageId}`)).toEqual([
      { role: 'user', content: 'text of one' },
      { role: 'user', content: [{ type: 'text', text: 'Look.' }, picture('text of two')] },
    ]);
  });

  it('tells of a part that is lost, and keeps the rest', () => {
    expect(filled(standIns('two', shown).messages!, () => null)).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Look.' },
          { type: 'text', text: LOST },
        ],
      },
    ]);
  });

  it('is itself where nothing of it is large', () => {
    const plain = { ...base, content: 'short' };
    expect(standIns('three', plain)).toBe(plain);
    expect(largeTextsIn([{ role: 'user', content: 'short' }])).toEqual([]);
    expect(new LargeText('one', asked.large, 0).toJSON()).toBe('');
  });
});
