import fc from 'fast-check';
import { chooseContext, type PastTurn } from './context-window.policy.js';

const request = (content: string) => ({ content, model: null, parameters: {} });
const turn = (index: number, answer: string | null): PastTurn => ({
  messageId: `turn-${index}`,
  content: `question ${index}`,
  messages: null,
  answer: answer === null ? null : { content: answer },
});
const byLength = (text: string) => text.length;

it('sends the system prompt, whole turns from old to new, and the question', () => {
  const { messages, turns } = chooseContext(
    {
      systemPrompt: 'Be short.',
      earlier: [turn(2, 'two'), turn(1, 'one')],
      request: request('three?'),
      maxTokens: 1_000,
    },
    byLength,
  );
  expect(messages).toEqual([
    { role: 'system', content: 'Be short.' },
    { role: 'user', content: 'question 1' },
    { role: 'assistant', content: 'one' },
    { role: 'user', content: 'question 2' },
    { role: 'assistant', content: 'two' },
    { role: 'user', content: 'three?' },
  ]);
  expect(turns).toEqual(['turn-1', 'turn-2']);
});

it('leaves out turns without an answer', () => {
  const earlier = [turn(3, 'three'), turn(2, null), turn(1, 'one')];
  const window = { systemPrompt: null, earlier, request: request('?'), maxTokens: 1_000 };
  expect(chooseContext(window, byLength).turns).toEqual(['turn-1', 'turn-3']);
});

it('takes the messages of a chat as they are, and an answer with its tool calls', () => {
  const chat = { messages: [{ role: 'user', content: 'a' }], model: null, parameters: {} };
  const called = {
    ...turn(1, ''),
    content: null,
    messages: chat.messages,
    answer: { content: null, tool_calls: [{ id: 'x' }] },
  };
  const window = { systemPrompt: null, earlier: [called], request: chat, maxTokens: 1_000 };
  expect(chooseContext(window, byLength).messages).toEqual([
    { role: 'user', content: 'a' },
    { role: 'assistant', content: null, tool_calls: [{ id: 'x' }] },
    { role: 'user', content: 'a' },
  ]);
});

it('keeps to its budget with the newest turns, without a hole between them', () => {
  const turns = fc.array(fc.option(fc.string({ maxLength: 40 }), { nil: null }), { maxLength: 20 });
  fc.assert(
    fc.property(
      turns,
      fc.nat(500),
      fc.option(fc.string(), { nil: null }),
      (answers, maxTokens, systemPrompt) => {
        const earlier = answers.map((answer, index) => turn(answers.length - index, answer));
        const chosen = chooseContext({ systemPrompt, earlier, request: request('q'), maxTokens }, byLength);
        const answered = earlier.filter(({ answer }) => answer !== null).map(({ messageId }) => messageId);
        expect([...chosen.turns].reverse()).toEqual(answered.slice(0, chosen.turns.length));
        if (chosen.turns.length > 0) expect(chosen.tokens).toBeLessThanOrEqual(maxTokens);
        expect(chosen.messages.at(-1)).toEqual({ role: 'user', content: 'q' });
        expect(chosen.messages.length).toBe(2 * chosen.turns.length + 1 + (systemPrompt === null ? 0 : 1));
      },
    ),
  );
});
