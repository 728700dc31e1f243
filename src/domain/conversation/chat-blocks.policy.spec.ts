import fc from 'fast-check';
import type { ChatMessage } from '../message/message.events.js';
import { NO_RESULT } from './chat-blocks.policy.js';
import { type ChosenContext, type ContextWindow, chooseContext } from './context-window.policy.js';
import type { PastTurn } from './past-turn.state.js';

const byLength = {
  count: (text: string) => text.length,
  parts: { picture_low: 85, picture_high: 765, audio: 600, file: 1_500 },
};
const takes = { reasoning: false, systemAnywhere: false };
const call = (...ids: string[]) => ({
  content: null,
  tool_calls: ids.map((id) => ({ id, type: 'function', function: { name: 'f', arguments: '{}' } })),
});
const result = (id: string, content = 'done') => ({ role: 'tool', tool_call_id: id, content });
const user = (content: string) => ({ role: 'user', content });
const turn = (place: number, messages: ChatMessage[], answer: PastTurn['answer']): PastTurn => ({
  ...{ messageId: `turn-${place}`, place, content: null, messages, answer },
});
/** @param turns oldest first; the last is asked */
function told(turns: PastTurn[], more: Partial<ContextWindow> = {}): ChosenContext {
  const { messages } = turns.at(-1)!;
  const request = { messages: [...messages!], model: null, parameters: {} };
  const window = { systemPrompt: null, summary: null, request, maxTokens: 10_000, takes, cutAt: null };
  return chooseContext({ ...window, earlier: turns.slice(0, -1).reverse(), ...more }, byLength);
}
const asked = (...messages: ChatMessage[]) => turn(99, messages, null);

describe('what was only noted', () => {
  const noted = (place: number, ...messages: ChatMessage[]) => ({
    ...turn(place, messages, null),
    noted: true,
  });

  it('is sent as it was said, an answer among it', () => {
    const said = { role: 'assistant', content: 'Hello' };
    const { messages } = told([noted(1, user('I am Ann')), noted(2, said), asked(user('and?'))]);
    expect(messages).toEqual([user('I am Ann'), said, user('and?')]);
  });

  it('has its results behind its calls, wherever they were noted', () => {
    const called = { role: 'assistant', ...call('a') };
    const { messages } = told([noted(1, called), noted(2, result('a')), asked(user('and?'))]);
    expect(messages).toEqual([called, result('a'), user('and?')]);
  });
});

describe('tool calls', () => {
  it('have their results behind them, in their order, wherever a turn put them', () => {
    const { messages, changes } = told([
      turn(1, [user('both?')], call('a', 'b')),
      asked(user('here'), result('b'), result('a')),
    ]);
    expect(messages).toEqual([
      user('both?'),
      { role: 'assistant', ...call('a', 'b') },
      result('a'),
      result('b'),
      user('here'),
    ]);
    expect(changes).toEqual({});
  });

  it('get a marked result where none was given, and stay as they are from then on', () => {
    const turns = [turn(1, [user('go')], call('a', 'b')), turn(2, [result('a')], { content: 'half' })];
    const half = told([...turns, asked(user('and?'))]);
    expect(half.messages.slice(1, 4)).toEqual([
      { role: 'assistant', ...call('a', 'b') },
      result('a'),
      result('b', NO_RESULT),
    ]);
    expect(half.changes).toEqual({ calls_completed: 1 });
    const none = told([turns[0]!, asked(user('never mind'))]);
    expect(none.messages.slice(2)).toEqual([
      result('a', NO_RESULT),
      result('b', NO_RESULT),
      user('never mind'),
    ]);
    expect(none.changes).toEqual({ calls_completed: 2 });
  });

  it('find a result that was brought by a turn without an answer', () => {
    const { messages, turns } = told([
      turn(1, [user('go')], call('a')),
      turn(2, [result('a'), user('quick')], null),
      asked(user('again')),
    ]);
    expect(messages.slice(2)).toEqual([result('a'), user('again')]);
    expect(turns).toEqual(['turn-1']);
  });

  it('leave out results without a call, and say them as the user where they are all of a turn', () => {
    const { messages, changes } = told([
      turn(1, [user('hi'), result('x')], { content: 'yes' }),
      asked(result('y')),
    ]);
    expect(messages).toEqual([user('hi'), { role: 'assistant', content: 'yes' }, user('done')]);
    expect(changes).toEqual({ results_without_call: 2 });
  });

  it('keep their results when the budget cuts in the middle: the opening stays, the oldest steps go', () => {
    const steps = [...Array(8).keys()].map((index) =>
      turn(index + 2, [result(`c${index}`)], call(`c${index + 1}`)),
    );
    const turns = [turn(1, [user('work')], call('c0')), ...steps, asked(result('c8'))];
    const { messages, cutAt, turns: ids } = told(turns, { maxTokens: 600 });
    expect(messages[0]).toEqual(user('work'));
    expect(messages[1]).toMatchObject({ role: 'assistant' });
    expect(messages.at(-1)).toEqual(result('c8'));
    expect(ids[0]).toBe('turn-1');
    expect(ids).toContain(cutAt);
    expect(messages.length).toBeLessThan(2 * steps.length);
    expect(wrongIn(messages)).toEqual([]);
  });
});

describe('answers', () => {
  it('go without what other servers refuse, and with reasoning only where it is wanted', () => {
    const answer = {
      ...{
        content: 'four',
        refusal: null,
        annotations: [],
        reasoning_content: 'two and two',
        tool_calls: [],
      },
    };
    const turns = [turn(1, [user('2+2?')], answer), asked(user('and?'))];
    const plain = told(turns);
    expect(plain.messages[1]).toEqual({ role: 'assistant', content: 'four' });
    expect(plain.changes).toEqual({ reasoning_left_out: 1 });
    const wanted = told(turns, { takes: { ...takes, reasoning: true } });
    expect(wanted.messages[1]).toEqual({
      ...{ role: 'assistant', content: 'four', reasoning_content: 'two and two' },
    });
    expect(wanted.changes).toEqual({});
  });

  it.each([{ content: null }, { content: '' }, { content: ' \n', reasoning_content: 'hm' }])(
    'that say nothing are left out with their turn: %j',
    (answer) => {
      const { messages, turns, changes } = told([
        turn(1, [user('a')], { content: 'b' }),
        turn(2, [user('c')], answer),
        asked(user('d')),
      ]);
      expect(messages).toEqual([user('a'), { role: 'assistant', content: 'b' }, user('d')]);
      expect([turns, changes.empty_answers_left_out]).toEqual([['turn-1'], 1]);
    },
  );

  it('that refuse, or speak, go as text', () => {
    const { messages } = told([
      turn(1, [user('a')], { content: null, refusal: 'No.' }),
      turn(2, [user('b')], { content: null, audio: { id: 'x', transcript: 'Hello.' } }),
      asked(user('c')),
    ]);
    expect(messages.filter(({ role }) => role === 'assistant')).toEqual([
      { role: 'assistant', content: 'No.' },
      { role: 'assistant', content: 'Hello.' },
    ]);
  });

  it('that a client sent itself never have content: null alone', () => {
    const { messages } = told([asked(user('a'), { role: 'assistant', content: null }, user('b'))]);
    expect(messages[1]).toEqual({ role: 'assistant', content: '' });
  });
});

describe('system messages', () => {
  const system = (content: string) => ({ role: 'system', content });
  const turns = [
    turn(1, [system('Be kind.'), user('a')], { content: 'b' }),
    asked(system('Be kind.'), { role: 'developer', content: 'Be brief.' }, user('c')),
  ];

  it('become one at the front, each text once', () => {
    const { messages, changes } = told(turns, { systemPrompt: 'You are Ann.' });
    expect(messages).toEqual([
      system('You are Ann.\n\nBe kind.\n\nBe brief.'),
      user('a'),
      { role: 'assistant', content: 'b' },
      user('c'),
    ]);
    expect(changes).toEqual({ system_messages_moved: 3 });
  });

  it('stay where they are for a deployment that takes them anywhere', () => {
    const anywhere = { takes: { ...takes, systemAnywhere: true }, systemPrompt: 'You are Ann.' };
    const { messages, changes } = told(turns, anywhere);
    expect(messages.map(({ role }) => role)).toEqual([
      ...['system', 'system', 'user', 'assistant', 'system', 'developer', 'user'],
    ]);
    expect(changes).toEqual({});
  });

  it('change nothing where there is one, in its place', () => {
    const { messages, changes } = told([asked(system('Be kind.'), user('a'))]);
    expect([messages, changes]).toEqual([[system('Be kind.'), user('a')], {}]);
  });
});

/** What of OpenAI's rules of a chat the messages break. */
function wrongIn(messages: readonly ChatMessage[]): string[] {
  const wrong: string[] = [];
  let open = new Set<unknown>();
  messages.forEach((message, index) => {
    const { role, content, tool_calls: calls } = message as Record<string, unknown>;
    if (role === 'tool') {
      if (!open.delete(message['tool_call_id'])) wrong.push(`${index}: a result without its call`);
      if (typeof content !== 'string') wrong.push(`${index}: a result without content`);
      return;
    }
    if (open.size > 0) wrong.push(`${index}: calls without results before it`);
    open = new Set();
    if (role === 'system' && index > 0) wrong.push(`${index}: a system message behind the front`);
    if (role !== 'assistant') return;
    if ('reasoning_content' in message) wrong.push(`${index}: reasoning`);
    if (calls === undefined && typeof content !== 'string') wrong.push(`${index}: no content`);
    if (calls === undefined) return;
    if (!Array.isArray(calls) || calls.length === 0) wrong.push(`${index}: an empty list of calls`);
    else open = new Set(calls.map(({ id }) => id));
  });
  if (open.size > 0) wrong.push('calls without results at the end');
  if (messages.length === 0 || messages.at(-1)!.role === 'assistant') wrong.push('nothing is asked');
  return wrong;
}

describe('any conversation', () => {
  const id = fc.constantFrom('a', 'b', 'c');
  const words = fc.string({ minLength: 1, maxLength: 30 });
  const message = fc.oneof(
    { weight: 4, arbitrary: words.map(user) },
    { weight: 1, arbitrary: words.map((content) => ({ role: 'system', content })) },
    { weight: 3, arbitrary: id.map((each) => result(each)) },
    {
      weight: 1,
      arbitrary: fc.constantFrom<ChatMessage>(
        { role: 'assistant', content: null },
        { role: 'assistant', ...call('a', 'b') },
        { role: 'assistant', content: 'said', reasoning_content: 'thought' },
      ),
    },
  );
  const answer = fc.oneof(
    { weight: 4, arbitrary: words.map((content) => ({ content })) },
    { weight: 3, arbitrary: fc.uniqueArray(id, { minLength: 1 }).map((ids) => call(...ids)) },
    {
      weight: 2,
      arbitrary: fc.constantFrom<PastTurn['answer']>(
        ...[null, { content: null }, { content: '' }, { content: null, reasoning_content: 'hm' }],
        { content: 'x', tool_calls: [], reasoning_content: 'hm' },
      ),
    },
  );
  /** Something is asked last, as clients do. */
  const asks = fc
    .tuple(
      fc.array(message, { maxLength: 3 }),
      fc.oneof(
        words.map(user),
        id.map((each) => result(each)),
      ),
    )
    .map(([before, last]) => [...before, last]);
  const conversations = fc.record({
    turns: fc.array(fc.tuple(asks, answer), { minLength: 1, maxLength: 25 }),
    maxTokens: fc.integer({ min: 1, max: 1_500 }),
    systemPrompt: fc.option(words, { nil: null }),
  });

  it('is a chat that OpenAI takes, and each list begins with the one before unless it was cut', () => {
    fc.assert(
      fc.property(conversations, ({ turns, maxTokens, systemPrompt }) => {
        const past = turns.map(([messages, said], index) => turn(index + 1, messages, said));
        let cutAt: string | null = null;
        let before: ChosenContext | null = null;
        for (const [index, { messageId, answer: said }] of past.entries()) {
          const chosen: ChosenContext = told(past.slice(0, index + 1), { maxTokens, systemPrompt, cutAt });
          expect(wrongIn(chosen.messages)).toEqual([]);
          const optional = chosen.turns.length > 0;
          if (optional && past[index]!.messages!.every(({ role }) => role !== 'tool'))
            expect(chosen.tokens).toBeLessThanOrEqual(maxTokens);
          if (before !== null && cutIn(chosen, messageId) === cutAt && sameFront(before, chosen))
            expect(chosen.messages.slice(0, before.messages.length)).toEqual(before.messages);
          if (said === null || isEmpty(said)) continue;
          cutAt = cutIn(chosen, messageId);
          before = chosen;
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('is cut once in a while: a cut leaves half of the room, which has to be filled before the next', () => {
    const even = fc.record({
      count: fc.integer({ min: 50, max: 150 }),
      fit: fc.integer({ min: 4, max: 30 }),
    });
    fc.assert(
      fc.property(even, ({ count, fit }) => {
        const past = [...Array(count).keys()].map((index) =>
          turn(index + 1, [user('question..')], { content: 'answer....' }),
        );
        let cuts = 0;
        let cutAt: string | null = null;
        for (const index of past.keys()) {
          const chosen = told(past.slice(0, index + 1), { maxTokens: 14 + 28 * fit, cutAt });
          const now = cutIn(chosen, past[index]!.messageId);
          if (now !== cutAt) cuts += 1;
          cutAt = now;
        }
        expect(cuts).toBeLessThanOrEqual(Math.max(0, count - 1 - fit) / Math.ceil(fit / 2) + 1);
      }),
      { numRuns: 50 },
    );
  });

  function cutIn({ cutAt }: ChosenContext, own: string): string | null {
    return cutAt === 'self' ? own : cutAt;
  }

  function isEmpty({ content, tool_calls: calls }: NonNullable<PastTurn['answer']>): boolean {
    const called = Array.isArray(calls) && calls.length > 0;
    return !called && (content ?? '').trim() === '';
  }

  /** A system message of a new turn goes to the front. */
  function sameFront(before: ChosenContext, after: ChosenContext): boolean {
    const front = ({ messages: [first] }: ChosenContext) => (first?.role === 'system' ? first.content : null);
    return front(before) === front(after);
  }
});
