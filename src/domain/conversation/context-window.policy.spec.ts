import fc from 'fast-check';
import { type ContextWindow, chooseContext, type PastTurn } from './context-window.policy.js';

const request = (content: string) => ({ content, model: null, parameters: {} });
const turn = (index: number, answer: string | null): PastTurn => ({
  messageId: `turn-${index}`,
  place: index,
  content: `question ${index}`,
  messages: null,
  answer: answer === null ? null : { content: answer },
});
const byLength = (text: string) => text.length;
const window = (more: Partial<ContextWindow>): ContextWindow => ({
  ...{ systemPrompt: null, summary: null, earlier: [], request: request('?'), maxTokens: 1_000 },
  ...more,
});

it('sends the system prompt, whole turns from old to new, and the question', () => {
  const { messages, turns } = chooseContext(
    window({
      systemPrompt: 'Be short.',
      earlier: [turn(2, 'two'), turn(1, 'one')],
      request: request('three?'),
    }),
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

it('sends the summary behind the system prompt, in place of the turns that it covers', () => {
  const summary = { upToSequence: 2, text: 'They counted.' };
  const earlier = [turn(3, 'three'), turn(2, 'two'), turn(1, 'one')];
  const chosen = chooseContext(window({ systemPrompt: 'Be short.', summary, earlier }), byLength);
  expect(chosen.messages).toEqual([
    { role: 'system', content: 'Be short.\n\nSummary of the conversation so far:\nThey counted.' },
    { role: 'user', content: 'question 3' },
    { role: 'assistant', content: 'three' },
    { role: 'user', content: '?' },
  ]);
  expect([chosen.turns, chosen.summarizedUpTo, chosen.leftOut]).toEqual([['turn-3'], 2, false]);
});

it('leaves out a summary that does not fit, not the system prompt', () => {
  const summary = { upToSequence: 1, text: 'x'.repeat(200) };
  const chosen = chooseContext(window({ systemPrompt: 'Be short.', summary, maxTokens: 100 }), byLength);
  expect(chosen.messages[0]).toEqual({ role: 'system', content: 'Be short.' });
  expect([chosen.summarizedUpTo, chosen.summaryLeftOut]).toEqual([null, true]);
});

it('leaves out turns without an answer', () => {
  const earlier = [turn(3, 'three'), turn(2, null), turn(1, 'one')];
  expect(chooseContext(window({ earlier }), byLength).turns).toEqual(['turn-1', 'turn-3']);
});

it('takes the messages of a chat as they are, and an answer with its tool calls', () => {
  const chat = { messages: [{ role: 'user', content: 'a' }], model: null, parameters: {} };
  const called = {
    ...turn(1, ''),
    content: null,
    messages: chat.messages,
    answer: { content: null, tool_calls: [{ id: 'x' }] },
  };
  expect(chooseContext(window({ earlier: [called], request: chat }), byLength).messages).toEqual([
    { role: 'user', content: 'a' },
    { role: 'assistant', content: null, tool_calls: [{ id: 'x' }] },
    { role: 'user', content: 'a' },
  ]);
});

it('keeps to its budget with the newest turns that no summary covers, without a hole between them', () => {
  const text = fc.string({ maxLength: 40 });
  const conversations = fc.record({
    answers: fc.array(fc.option(text, { nil: null }), { maxLength: 20 }),
    maxTokens: fc.nat(500),
    systemPrompt: fc.option(text, { nil: null }),
    summary: fc.option(fc.record({ upToSequence: fc.integer({ min: 1, max: 20 }), text }), { nil: null }),
  });
  fc.assert(
    fc.property(conversations, ({ answers, maxTokens, systemPrompt, summary }) => {
      const earlier = answers.map((answer, index) => turn(answers.length - index, answer));
      const chosen = chooseContext(window({ systemPrompt, summary, earlier, maxTokens }), byLength);
      const covered = summary?.upToSequence ?? 0;
      const left = earlier.filter(({ answer, place }) => answer !== null && place > covered);
      const ids = left.map(({ messageId }) => messageId);
      expect([...chosen.turns].reverse()).toEqual(ids.slice(0, chosen.turns.length));
      expect(chosen.leftOut).toBe(chosen.turns.length < ids.length);
      const optional = chosen.turns.length > 0 || chosen.summarizedUpTo !== null;
      if (optional) expect(chosen.tokens).toBeLessThanOrEqual(maxTokens);
      expect(chosen.messages.at(-1)).toEqual({ role: 'user', content: '?' });
      const system = systemPrompt !== null || chosen.summarizedUpTo !== null ? 1 : 0;
      expect(chosen.messages.length).toBe(2 * chosen.turns.length + 1 + system);
      if (system === 1) expect(chosen.messages[0]?.content).toContain(systemPrompt ?? '');
    }),
  );
});
