import fc from 'fast-check';
import { ModelCallError } from '../model-endpoint.port.js';
import { AnswerAssembly, MAX_ANSWER_BYTES } from './answer-assembly.js';

function assembled(...deltas: Record<string, unknown>[]) {
  const assembly = new AnswerAssembly();
  for (const delta of deltas) assembly.add(delta);
  return assembly.answer();
}

describe('AnswerAssembly', () => {
  it('gives the text back byte for byte, wherever it was cut', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), (pieces) => {
        const { content } = assembled({ content: '' }, ...pieces.map((content) => ({ content })));
        expect(content).toBe(pieces.join(''));
      }),
    );
  });

  it('joins the halves of a pair that was cut in two', () => {
    expect(assembled({ content: '\ud83c' }, { content: '\udf0d' }).content).toBe('🌍');
  });

  it('has null for a content that never came, and an empty one where it came empty', () => {
    expect(assembled({ role: 'assistant' })).toEqual({ role: 'assistant', content: null });
    expect(assembled({ content: '' })).toEqual({ role: 'assistant', content: '' });
  });

  it('takes the text of a content in parts', () => {
    expect(assembled({ content: [{ type: 'thinking' }, { type: 'text', text: 'Hi' }] }).content).toBe('Hi');
  });

  it('keeps fields that it does not know: lists grow, the rest is what was said last', () => {
    expect(assembled({ annotations: [1] }, { annotations: [2], mood: 'a' }, { mood: 'b' })).toMatchObject({
      annotations: [1, 2],
      mood: 'b',
    });
  });

  it('is not led astray by names that objects have', () => {
    const answer = assembled(JSON.parse('{"content":"x","__proto__":{"polluted":true},"constructor":"y"}'));
    expect((answer as { polluted?: unknown }).polluted).toBeUndefined();
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it('tells tool calls apart by id where they have no index', () => {
    const called = (id: string, args: string) => ({
      tool_calls: [{ id, function: { name: id, arguments: args } }],
    });
    const more = { tool_calls: [{ function: { arguments: '}' } }] };
    expect(assembled(called('a', '{'), more, called('b', '{}'))['tool_calls']).toEqual([
      { id: 'a', type: 'function', function: { name: 'a', arguments: '{}' } },
      { id: 'b', type: 'function', function: { name: 'b', arguments: '{}' } },
    ]);
  });

  it('refuses what is too much, in one field or in many', () => {
    const half = 'x'.repeat(MAX_ANSWER_BYTES / 2 + 1);
    expect(() => assembled({ content: half }, { reasoning_content: half })).toThrow(ModelCallError);
    expect(() => assembled({ content: half })).not.toThrow();
    expect(() => assembled({ content: '字'.repeat(MAX_ANSWER_BYTES / 2) })).toThrow(ModelCallError);
  });
});
