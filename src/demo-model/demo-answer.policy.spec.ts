import fc from 'fast-check';
import { demoAnswer, demoTokens } from './demo-answer.policy.js';

const user = (content: unknown) => [{ role: 'user', content }];

describe('demoAnswer', () => {
  it('is the same for the same last user message, whatever was said before', () => {
    const before = [...user('one'), { role: 'assistant', content: 'x' }];
    expect(demoAnswer([...before, ...user('two')])).toBe(demoAnswer(user('two')));
    expect(demoAnswer(user('two'))).toContain('two');
  });

  it('differs for messages that differ beyond what it repeats', () => {
    const long = 'a'.repeat(500);
    expect(demoAnswer(user(`${long}b`))).not.toBe(demoAnswer(user(`${long}c`)));
  });

  it('reads content in parts', () => {
    const parts = [{ type: 'text', text: 'Hel' }, { type: 'image_url' }, { type: 'text', text: 'lo' }];
    expect(demoAnswer(user(parts))).toBe(demoAnswer(user('Hello')));
  });

  it('does not repeat its directives', () => {
    expect(demoAnswer(user('[[demo:slow 5]] Hello'))).toMatch(/: Hello$/);
  });

  it('answers with as many tokens as it is told', () => {
    expect(demoTokens(demoAnswer(user('[[demo:tokens 200]]')))).toHaveLength(200);
  });

  it('never cuts a character in two', () => {
    expect(demoAnswer(user('🌍'.repeat(300)))).not.toMatch(/\p{Surrogate}/u);
  });
});

describe('demoTokens', () => {
  it('splits any text into pieces that make it up again', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => demoTokens(text).join('') === text));
  });

  it('splits text without spaces too', () => {
    expect(demoTokens('字'.repeat(30))).toHaveLength(3);
  });
});
