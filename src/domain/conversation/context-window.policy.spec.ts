import fc from 'fast-check';
import { type ContextWindow, chooseContext } from './context-window.policy.js';
import type { PastTurn } from './past-turn.state.js';

const request = (content: string) => ({ content, model: null, parameters: {} });
const turn = (index: number, answer: string | null): PastTurn => ({
  messageId: `turn-${index}`,
  place: index,
  content: `question ${index}`,
  messages: null,
  answer: answer === null ? null : { content: answer },
});
const byLength = {
  count: (text: string) => text.length,
  parts: { picture_low: 85, picture_high: 765, audio: 600, file: 1_500 },
};
const takes = { reasoning: false, systemAnywhere: false };
const window = (more: Partial<ContextWindow>): ContextWindow => ({
  ...{ systemPrompt: null, summary: null, earlier: [], request: request('?'), maxTokens: 1_000, takes },
  cutAt: null,
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

it('cuts to half of the room when the budget is full, and stays there until it is full again', () => {
  // Each turn is 24 tokens, what is always sent 5.
  const turns = [...Array(10).keys()].map((index) => turn(10 - index, 'xxxxxx'));
  const sent = (count: number, cutAt: string | null) =>
    chooseContext(window({ earlier: turns.slice(-count), maxTokens: 130, cutAt }), byLength);
  expect(sent(5, null)).toMatchObject({ cutAt: null, leftOut: false, tokens: 125 });
  const cut = sent(6, null);
  expect(cut).toMatchObject({ cutAt: 'turn-5', leftOut: true, turns: ['turn-5', 'turn-6'] });
  expect(sent(9, 'turn-5')).toMatchObject({ cutAt: 'turn-5', tokens: 125 });
  expect(sent(10, 'turn-5').cutAt).toBe('turn-9');
});

it('sends one turn that is longer than half of the room rather than none', () => {
  const earlier = [turn(2, 'x'.repeat(60)), turn(1, 'x'.repeat(60))];
  expect(chooseContext(window({ earlier, maxTokens: 100 }), byLength).turns).toEqual(['turn-2']);
});

it('has the whole history again where it fits: only what does not fit is cut', () => {
  const earlier = [turn(2, 'two'), turn(1, 'one')];
  expect(chooseContext(window({ earlier, cutAt: 'turn-2' }), byLength)).toMatchObject({
    cutAt: null,
    turns: ['turn-1', 'turn-2'],
  });
});

it('tells what is always sent and does not fit', () => {
  const chosen = chooseContext(
    window({ earlier: [turn(1, 'one')], request: request('?'.repeat(50)), maxTokens: 20 }),
    byLength,
  );
  expect(chosen).toMatchObject({ tokens: 54, maxTokens: 20, leftOut: true, cutAt: 'self', turns: [] });
});

it('counts the tools of a request, and a picture by its detail and not by its bytes', () => {
  const bytes = 'A'.repeat(60_000);
  const picture = (detail?: string) => ({
    type: 'image_url',
    image_url: { url: `data:image/png;base64,${bytes}`, ...(detail === undefined ? {} : { detail }) },
  });
  const tokens = (content: unknown, parameters = {}) =>
    chooseContext(
      window({ request: { messages: [{ role: 'user', content }], model: null, parameters } }),
      byLength,
    ).tokens;
  expect(tokens([{ type: 'text', text: 'What?' }, picture('low')])).toBe(4 + 5 + 85);
  expect(tokens([picture(), picture('high')])).toBe(4 + 2 * 765);
  expect(tokens([{ type: 'input_audio', input_audio: { data: bytes } }])).toBe(4 + 600);
  expect(tokens([{ type: 'file', file: { file_data: bytes } }])).toBe(4 + 1_500);
  const tools = [{ type: 'function' }];
  expect(tokens('?', { tools })).toBe(5 + JSON.stringify(tools).length);
});

it('keeps a history that holds a picture of 60 KB', () => {
  const url = `data:image/png;base64,${'A'.repeat(60_000)}`;
  const shown = {
    ...turn(2, 'A cat.'),
    content: null,
    messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }],
  };
  const earlier = [turn(3, 'three'), shown, turn(1, 'one')];
  expect(chooseContext(window({ earlier }), byLength).turns).toEqual(['turn-1', 'turn-2', 'turn-3']);
});

it('keeps to its budget with the newest turns that no summary covers, without a hole between them', () => {
  const text = fc.string({ minLength: 1, maxLength: 40 }).filter((some) => some.trim() !== '');
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
