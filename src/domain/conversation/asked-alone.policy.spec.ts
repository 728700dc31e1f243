import type { ModelRequest } from '../message/message.events.js';
import { askedAlone } from './asked-alone.policy.js';

const plain: ModelRequest = { model: 'm', parameters: {}, messages: [{ role: 'user', content: 'Hi' }] };
const response = { background: false, store: true, settings: {} };
const takes = (reasoning: boolean) => () => ({ reasoning, systemAnywhere: false });
const unasked = () => {
  throw new Error('asked for nothing');
};

describe('what is asked without a history', () => {
  it('is the request itself where nothing goes before it', () => {
    expect(askedAlone(plain, unasked)).toBe(plain);
  });

  it('has the instructions in front, and is no response any more', () => {
    expect(askedAlone({ ...plain, instructions: 'Be short.', response }, unasked)).toEqual({
      ...plain,
      messages: [
        { role: 'system', content: 'Be short.' },
        { role: 'user', content: 'Hi' },
      ],
    });
  });

  it('has one system message where the client begins with one of its own', () => {
    const messages = [{ role: 'system', content: 'You are a cat.' }, ...plain.messages!];
    const asked = askedAlone({ ...plain, messages, instructions: 'Be short.' }, unasked);
    expect(asked.messages).toEqual([
      { role: 'system', content: 'Be short.\n\nYou are a cat.' },
      { role: 'user', content: 'Hi' },
    ]);
  });

  it('takes the place of a content', () => {
    const asked = askedAlone({ model: 'm', parameters: {}, content: 'Hi', instructions: 'x' }, unasked);
    expect(asked).toEqual({
      ...{ model: 'm', parameters: {} },
      messages: [
        { role: 'system', content: 'x' },
        { role: 'user', content: 'Hi' },
      ],
    });
  });

  it('has the reasoning of earlier answers only for who takes it', () => {
    const answer = { role: 'assistant', content: 'Hello', reasoning_content: 'They greet.' };
    const messages = [...plain.messages!, answer, { role: 'user', content: 'And?' }];
    const asked = { ...plain, messages, response };
    expect(askedAlone(asked, takes(true)).messages![1]).toEqual(answer);
    expect(askedAlone(asked, takes(false)).messages![1]).toEqual({ role: 'assistant', content: 'Hello' });
  });
});
