import { summarized, summaryRequest } from './summarize.decision.js';

const turn = (index: number) => ({
  ...{ messageId: `turn-${index}`, place: 10 * index, content: `question ${index}`, messages: null },
  answer: { role: 'assistant', content: `answer ${index}` },
});
const wish = { prompt: 'Sum up.', model: 'small', maxTokens: 50, maxCharactersPerTurn: 1_000 };

it('asks for a summary of the summary before and the turns behind it', () => {
  const { messages, model, parameters } = summaryRequest({
    ...{ ...wish, before: 'They met.', turns: [turn(1), turn(2)] },
  });
  expect({ model, parameters }).toEqual({ model: 'small', parameters: { max_tokens: 50 } });
  expect(messages).toEqual([
    { role: 'system', content: 'Sum up.' },
    {
      role: 'user',
      content:
        'Summary so far:\nThey met.\n\nConversation:\nuser: question 1\nassistant: answer 1\nuser: question 2\nassistant: answer 2',
    },
  ]);
});

it('cuts a turn that is too long, and no character in two', () => {
  const long = { ...turn(1), content: `${'x'.repeat(8)}😀 and more` };
  const { messages } = summaryRequest({ ...wish, before: null, turns: [long], maxCharactersPerTurn: 15 });
  expect(messages?.[1]?.content).toBe('Conversation:\nuser: xxxxxxxx [...]');
});

it('says how far the summary reaches', () => {
  const context = { subject: 'c', tenant: 't', now: '2026-01-01T00:00:00.000Z', newId: () => 'event' };
  const made = { text: 'All.', model: 'small', endpoint: 'e', tokens: 3, usage: null, accounting: null };
  expect(summarized(context, { ...made, turns: [turn(1), turn(2)] })).toMatchObject({
    ...{ type: 'llmq.conversation.summarized.v1', subject: 'c' },
    data: { up_to_sequence: 20, up_to_message_id: 'turn-2', turns: 2, summary: 'All.', model: 'small' },
  });
});
