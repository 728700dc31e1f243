import fc from 'fast-check';
import { ModelCallError } from '../model-endpoint.port.js';
import { AnswerAssembly } from './answer-assembly.js';
import { MAX_ANSWER_BYTES, MAX_ENTRIES } from './answer-bounds.js';

function assembled(...deltas: Record<string, unknown>[]) {
  const assembly = new AnswerAssembly();
  for (const delta of deltas) assembly.add(delta);
  return assembly.answer().answer;
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

  it('joins fields that it does not know as SDKs do: lists and texts grow, objects field by field', () => {
    const pieces = [
      { annotations: [1], tool_plan: 'First ', mood: 'calm', audio: { id: 'a', transcript: 'On' } },
      { annotations: [2], tool_plan: 'look.', mood: 'calm', audio: { transcript: 'ce', expires_at: 9 } },
    ];
    expect(assembled(...pieces)).toMatchObject({
      annotations: [1, 2],
      tool_plan: 'First look.',
      // The same in every piece: said again, rather than gone on with.
      mood: 'calm',
      audio: { id: 'a', transcript: 'Once', expires_at: 9 },
    });
  });

  it('joins list items by their index', () => {
    const details = (index: number, text: string) => ({
      reasoning_details: [{ type: 'reasoning.text', index, text }],
    });
    expect(assembled(details(0, 'I '), details(1, 'x'), details(0, 'see'))['reasoning_details']).toEqual([
      { index: 0, type: 'reasoning.text', text: 'I see' },
      { index: 1, type: 'reasoning.text', text: 'x' },
    ]);
  });

  it('is not led astray by names that objects have', () => {
    const answer = assembled(JSON.parse('{"content":"x","__proto__":{"polluted":true},"constructor":"y"}'));
    expect((answer as { polluted?: unknown }).polluted).toBeUndefined();
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it('keeps choices apart, and of all but the first what a message can not hold', () => {
    const assembly = new AnswerAssembly();
    assembly.add({ content: 'a', logprobs: { content: [{ token: 'a' }] } });
    assembly.add({ index: 1, content: 'b' });
    assembly.add({ content: 'c', logprobs: { content: [{ token: 'c' }] } });
    expect(assembly.answer([{ index: 0 }, { index: 1, finish_reason: 'length' }])).toEqual({
      answer: { role: 'assistant', content: 'ac' },
      choices: [
        { index: 0, logprobs: { content: [{ token: 'a' }, { token: 'c' }] } },
        { index: 1, message: { role: 'assistant', content: 'b' }, finish_reason: 'length' },
      ],
    });
  });

  it('refuses what is too much, in one field or in many', () => {
    const half = 'x'.repeat(MAX_ANSWER_BYTES / 2 + 1);
    expect(() => assembled({ content: half }, { reasoning_content: half })).toThrow(ModelCallError);
    expect(() => assembled({ content: half })).not.toThrow();
    expect(() => assembled({ content: '字'.repeat(MAX_ANSWER_BYTES / 2) })).toThrow(ModelCallError);
    expect(() => assembled({ seen: Array.from({ length: MAX_ENTRIES + 1 }, () => 0) })).toThrow(
      ModelCallError,
    );
  });
});
