import fc from 'fast-check';
import { ResponseChunks } from './response-chunks.policy.js';

type Fields = Record<string, unknown>;

const at = (output_index: number, type: string, more: Fields) => ({
  type: `response.${type}`,
  output_index,
  ...more,
});
const ended = (type: string, more: Fields = {}) => ({
  type: `response.${type}`,
  response: { object: 'response', status: type, model: 'gpt', output: [], ...more },
});
const call = (n: number, more: Fields = {}) => ({
  ...{ type: 'function_call', id: `fc_${n}`, call_id: `call_${n}`, name: 'look', arguments: '' },
  ...more,
});

const calling = (index: number, args = '') => ({
  tool_calls: [
    { index, id: `call_${index + 1}`, type: 'function', function: { name: 'look', arguments: args } },
  ],
});
const argued = (index: number, args: string) => ({ tool_calls: [{ index, function: { arguments: args } }] });

/** What was told, one entry for each chunk. */
function read(...events: Fields[]): { deltas: Fields[]; last: Fields; ended: boolean } {
  const chunks = new ResponseChunks();
  const told = events.map((event) => chunks.chunkOf(event)).filter((chunk) => chunk !== null);
  const choices = told.flatMap(({ choices = [] }) => choices as Fields[]);
  return {
    deltas: choices.map(({ delta }) => delta as Fields).filter((delta) => Object.keys(delta).length > 0),
    last: { ...told.at(-1), ...choices.at(-1) },
    ended: chunks.ended,
  };
}

describe('a stream of Responses, as chunks of a chat', () => {
  it('says what its text deltas say, and ends with its reason and usage', () => {
    const usage = {
      ...{ input_tokens: 3, input_tokens_details: { cached_tokens: 1 } },
      ...{ output_tokens: 2, output_tokens_details: { reasoning_tokens: 1 }, total_tokens: 5 },
    };
    const message = { type: 'message', content: [{ type: 'output_text', text: 'Hello' }] };
    const {
      deltas,
      last,
      ended: over,
    } = read(
      ended('created', { status: 'in_progress' }),
      at(0, 'output_item.added', { item: { type: 'message', content: [] } }),
      at(0, 'content_part.added', { part: { type: 'output_text', text: '' } }),
      at(0, 'output_text.delta', { delta: 'Hel', logprobs: [] }),
      at(0, 'output_text.delta', { delta: 'lo' }),
      at(0, 'output_text.done', { text: 'Hello' }),
      at(0, 'output_item.done', { item: message }),
      ended('completed', { usage, output: [message] }),
    );
    expect(deltas).toEqual([{ content: 'Hel' }, { content: 'lo' }]);
    expect(over).toBe(true);
    expect(last).toMatchObject({
      ...{ model: 'gpt', finish_reason: 'stop' },
      usage: {
        ...{ prompt_tokens: 3, prompt_tokens_details: { cached_tokens: 1 } },
        ...{ completion_tokens: 2, completion_tokens_details: { reasoning_tokens: 1 }, total_tokens: 5 },
      },
    });
  });

  it('has the probabilities of its tokens', () => {
    const token = { token: 'Hi', logprob: -0.1, top_logprobs: [] };
    expect(read(at(0, 'output_text.delta', { delta: 'Hi', logprobs: [token] })).last).toMatchObject({
      delta: { content: 'Hi' },
      logprobs: { content: [token] },
    });
  });

  it('has calls whose arguments come in turns, numbered as they begin', () => {
    const { deltas, last } = read(
      at(1, 'output_item.added', { item: call(1) }),
      at(2, 'output_item.added', { item: call(2) }),
      at(1, 'function_call_arguments.delta', { delta: '{"a"' }),
      at(2, 'function_call_arguments.delta', { delta: '{}' }),
      at(1, 'function_call_arguments.delta', { delta: ':1}' }),
      at(1, 'function_call_arguments.done', { arguments: '{"a":1}' }),
      at(1, 'output_item.done', { item: call(1, { arguments: '{"a":1}' }) }),
      at(2, 'output_item.done', { item: call(2, { arguments: '{}' }) }),
      ended('completed', { output: [{ type: 'reasoning' }, call(1), call(2)] }),
    );
    expect(deltas).toEqual([
      ...[calling(0), calling(1), argued(0, '{"a"'), argued(1, '{}'), argued(0, ':1}')],
    ]);
    expect(last['finish_reason']).toBe('tool_calls');
  });

  it('has calls whose events name only their item, as llama.cpp has them', () => {
    const named = (type: string, more: Fields) => ({ type: `response.${type}`, ...more });
    const [one, two] = [call(1, { id: undefined }), call(2, { id: undefined })];
    const thought = { type: 'reasoning', id: 'rs', content: [{ type: 'reasoning_text', text: 'Hm.' }] };
    const message = { type: 'message', id: 'msg', content: [{ type: 'output_text', text: 'Hello' }] };
    const full = [thought, message, { ...one, arguments: '{}' }, { ...two, arguments: '[]' }];
    const events = [
      named('output_item.added', { item: { ...thought, content: [] } }),
      named('reasoning_text.delta', { item_id: 'rs', delta: 'Hm.' }),
      named('output_item.added', { item: { ...message, content: [] } }),
      named('output_text.delta', { item_id: 'msg', delta: 'Hel' }),
      named('output_text.delta', { item_id: 'msg', delta: 'lo' }),
      named('output_item.added', { item: one }),
      named('output_item.added', { item: two }),
      named('function_call_arguments.delta', { item_id: 'call_1', delta: '{}' }),
      named('function_call_arguments.delta', { item_id: 'call_2', delta: '[]' }),
    ];
    const expected = [
      { reasoning_content: 'Hm.' },
      ...[{ content: 'Hel' }, { content: 'lo' }, calling(0), calling(1), argued(0, '{}'), argued(1, '[]')],
    ];
    const ends = full.map((item) => named('output_item.done', { item }));
    expect(read(...events, ...ends, ended('completed', { output: full })).deltas).toEqual(expected);
    expect(read(...events, ended('completed', { output: full.slice(1) })).deltas).toEqual(expected);
  });

  it.each([
    ['ids', ({ id }: Fields) => id],
    ['ids of calls', ({ call_id }: Fields) => call_id],
  ])('has calls that all have the place of the first, told apart by %s', (_what, nameOf) => {
    const calls = [call(1), call(2), call(3)];
    const whole = calls.map((item, n) => ({ ...item, arguments: `[${n}]` }));
    const begins = calls.map((item) => at(0, 'output_item.added', { item }));
    const deltas = whole.map((item) =>
      at(0, 'function_call_arguments.delta', { item_id: nameOf(item), delta: item.arguments }),
    );
    const ends = whole.map((item) => at(0, 'output_item.done', { item }));
    const inTurn = [0, 1, 2].flatMap((n) => [begins[n]!, deltas[n]!, ends[n]!]);
    const begun = calls.map((_, n) => calling(n));
    const argues = whole.map((item, n) => argued(n, item.arguments));
    const end = ended('completed', { output: whole });
    expect(read(...begins, ...deltas, ...ends, end).deltas).toEqual([...begun, ...argues]);
    expect(read(...inTurn, end).deltas).toEqual([0, 1, 2].flatMap((n) => [begun[n], argues[n]]));
    expect(read(...ends, end).deltas).toEqual(whole.map((item, n) => calling(n, item.arguments)));
  });

  it('has items whose events name nothing, one behind the other', () => {
    const { deltas } = read(
      { type: 'response.reasoning_text.delta', delta: 'Hm.' },
      { type: 'response.output_text.delta', delta: 'Hello' },
      { type: 'response.output_item.done', item: { type: 'message', content: [{ text: 'Hello' }] } },
      { type: 'response.output_item.done', item: call(1, { arguments: '{}' }) },
      { type: 'response.output_item.done', item: call(2, { arguments: '[]' }) },
      ended('completed', { output: [{ type: 'message', content: [{ text: 'Hello' }] }, call(1), call(2)] }),
    );
    expect(deltas).toEqual([
      ...[{ reasoning_content: 'Hm.' }, { content: 'Hello' }],
      ...[calling(0, '{}'), calling(1, '[]')],
    ]);
  });

  it.each([
    ['the same ids', { id: 'msg' }],
    ['other ids', { id: 'msg_of_the_end' }],
    ['no ids', {}],
  ])('has nothing twice where the end leaves an item out and has %s', (_what, ids) => {
    const content = [{ type: 'output_text', text: 'Hello' }];
    const { deltas } = read(
      at(0, 'reasoning_text.delta', { item_id: 'rs', delta: 'Hm.' }),
      at(1, 'output_item.added', { item: { type: 'message', id: 'msg', content: [] } }),
      at(1, 'output_text.delta', { item_id: 'msg', delta: 'Hello' }),
      at(2, 'output_item.added', { item: call(1) }),
      at(2, 'function_call_arguments.delta', { item_id: 'fc_1', delta: '{}' }),
      ended('completed', {
        output: [
          { type: 'message', content, ...ids },
          call(1, { arguments: '{}' }),
          call(2, { arguments: '[]' }),
        ],
      }),
    );
    expect(deltas).toEqual([
      ...[{ reasoning_content: 'Hm.' }, { content: 'Hello' }, calling(0), argued(0, '{}')],
      calling(1, '[]'),
    ]);
  });

  it('has calls of custom tools', () => {
    const item = { type: 'custom_tool_call', call_id: 'c', name: 'code', input: '' };
    const { deltas } = read(
      at(0, 'output_item.added', { item }),
      at(0, 'custom_tool_call_input.delta', { delta: 'x' }),
    );
    expect(deltas).toEqual([
      { tool_calls: [{ index: 0, id: 'c', type: 'custom', custom: { name: 'code', input: '' } }] },
      { tool_calls: [{ index: 0, custom: { input: 'x' } }] },
    ]);
  });

  it('has reasoning, its parts apart, and never the same twice', () => {
    const { deltas } = read(
      at(0, 'reasoning_summary_text.delta', { summary_index: 0, delta: 'One' }),
      at(0, 'reasoning_summary_text.delta', { summary_index: 0, delta: '.' }),
      at(0, 'reasoning_summary_text.delta', { summary_index: 1, delta: 'Two.' }),
      at(0, 'reasoning_text.delta', { content_index: 0, delta: 'the same at length' }),
      at(1, 'refusal.delta', { delta: 'No.' }),
    );
    expect(deltas).toEqual([
      { reasoning_content: 'One' },
      { reasoning_content: '.' },
      { reasoning_content: '\n\nTwo.' },
      { refusal: 'No.' },
    ]);
  });

  it('has what only comes at the end of an item, or of all', () => {
    const text = { type: 'message', content: [{ type: 'output_text', text: 'Hi' }] };
    const thought = { type: 'reasoning', summary: [{ text: 'A' }, { text: 'B' }] };
    const { deltas } = read(
      at(0, 'output_item.done', { item: thought }),
      at(1, 'output_item.added', { item: call(1) }),
      at(1, 'output_item.done', { item: call(1, { arguments: '{}' }) }),
      ended('completed', { output: [thought, call(1), text] }),
    );
    expect(deltas).toEqual([
      { reasoning_content: 'A\n\nB' },
      expect.objectContaining({ tool_calls: [expect.objectContaining({ index: 0, id: 'call_1' })] }),
      { tool_calls: [{ index: 0, function: { arguments: '{}' } }] },
      { content: 'Hi' },
    ]);
  });

  it('has what only the end of a part tells, and nothing twice', () => {
    const token = { token: 'A', logprob: -0.1 };
    const { deltas, last } = read(
      at(0, 'reasoning_summary_text.done', { summary_index: 0, text: 'One.' }),
      at(0, 'reasoning_summary_text.delta', { summary_index: 1, delta: 'Two.' }),
      at(0, 'reasoning_summary_text.done', { summary_index: 1, text: 'Two.' }),
      at(0, 'reasoning_text.done', { content_index: 0, text: 'The same at length.' }),
      at(1, 'output_text.delta', { content_index: 0, delta: '' }),
      at(1, 'output_text.done', { content_index: 0, text: 'A' }),
      at(1, 'output_text.delta', { content_index: 1, delta: 'B' }),
      at(1, 'output_text.done', { content_index: 1, text: 'B', logprobs: [token] }),
      at(1, 'refusal.done', { content_index: 2, refusal: 'No.' }),
      at(2, 'output_item.added', { item: call(1) }),
      at(2, 'function_call_arguments.done', { arguments: '{}' }),
      at(2, 'function_call_arguments.done', { arguments: '{}' }),
      ended('completed'),
    );
    expect(deltas).toEqual([
      ...[{ reasoning_content: 'One.' }, { reasoning_content: '\n\nTwo.' }, { content: '' }],
      ...[{ content: 'A' }, { content: 'B' }, { refusal: 'No.' }, calling(0), argued(0, '{}')],
    ]);
    expect(last['finish_reason']).toBe('tool_calls');
  });

  it('has its text at the end where its deltas were empty', () => {
    const output = [{ type: 'message', content: [{ type: 'output_text', text: 'Hi' }] }];
    const { deltas } = read(
      at(0, 'output_item.done', { item: { type: 'message', content: [] } }),
      at(0, 'output_text.delta', { delta: '' }),
      at(1, 'reasoning_text.delta', { delta: '' }),
      ended('completed', { output: [...output, { type: 'reasoning', summary: [{ text: 'Hm.' }] }] }),
    );
    expect(deltas).toEqual([{ content: '' }, { content: 'Hi', reasoning_content: 'Hm.' }]);
  });

  it.each([
    ['response.completed', {}],
    ['response.completed', { response: null }],
    ['response.done', { response: { status: null } }],
  ])('that ends by %s with %j is whole only if something was told', (type, more) => {
    const end = { type, ...more };
    const told = read(at(0, 'output_text.delta', { delta: 'Hi' }), end);
    expect(told).toMatchObject({ ended: true, last: { finish_reason: 'stop' } });
    const silent = read(end);
    expect(silent.ended).toBe(true);
    expect(silent.last).not.toHaveProperty('finish_reason');
  });

  it.each([
    ['max_output_tokens', 'length'],
    ['content_filter', 'content_filter'],
    [undefined, 'length'],
  ])('that is incomplete for %s ended by %s', (reason, finish) => {
    const { last } = read(
      at(0, 'output_text.delta', { delta: 'Hi' }),
      ended('incomplete', { incomplete_details: { reason } }),
    );
    expect(last).toMatchObject({ finish_reason: finish });
  });

  it('tells its failure in the words of its error', () => {
    const error = { code: 'server_error', message: 'Sorry.' };
    expect(new ResponseChunks().chunkOf(ended('failed', { error }))).toEqual({ error });
    expect(new ResponseChunks().chunkOf(ended('cancelled'))).toMatchObject({
      error: { message: expect.any(String) },
    });
    const told = { type: 'error', code: 'rate_limit_exceeded', message: 'Slowly.' };
    expect(new ResponseChunks().chunkOf(told)).toBe(told);
  });

  it('passes over what it does not know', () => {
    const events = [at(0, 'web_search_call.searching', {}), { type: 'keepalive' }];
    const item = at(0, 'output_item.added', { item: { type: 'constructor' } });
    expect(read(...events, item).deltas).toEqual([]);
  });
});

describe('a whole response, as the answer of a chat', () => {
  const whole = (response: Fields) => new ResponseChunks().whole(response);

  it('is one message', () => {
    const logprobs = [{ token: 'Hi', logprob: -0.1 }];
    expect(
      whole({
        ...{ object: 'response', status: 'completed', model: 'gpt', error: null },
        output: [
          { type: 'reasoning', summary: [], content: [{ type: 'reasoning_text', text: 'Hm.' }] },
          {
            type: 'message',
            content: [
              { type: 'output_text', text: 'Hi', logprobs },
              { type: 'output_text', text: '!' },
            ],
          },
          call(1, { arguments: '{}' }),
        ],
        usage: { input_tokens: 1, output_tokens: 2 },
      }),
    ).toMatchObject({
      model: 'gpt',
      usage: { prompt_tokens: 1, completion_tokens: 2 },
      choices: [
        {
          message: {
            ...{ content: 'Hi!', reasoning_content: 'Hm.' },
            tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'look', arguments: '{}' } }],
          },
          logprobs: { content: logprobs },
          finish_reason: 'tool_calls',
        },
      ],
    });
  });

  it('that failed tells its error, and what is none is left as it is', () => {
    const error = { code: 'server_error', message: 'Sorry.' };
    expect(whole({ object: 'response', status: 'failed', output: [], error })).toEqual({ error });
    const other = { error };
    expect(whole(other)).toBe(other);
  });

  it('is over where its status is none', () => {
    expect(whole({ status: null, output: [] })).toMatchObject({ choices: [{ finish_reason: 'stop' }] });
  });

  it('that is not over is no answer', () => {
    expect(whole({ object: 'response', status: 'queued', output: [] })).toMatchObject({
      error: { message: expect.stringContaining('queued') },
    });
  });
});

describe('however a server streams a response', () => {
  type Kind = 'message' | 'reasoning' | 'function_call';
  const flags = fc.record({
    /** What its events and items say. */
    ...{ names: fc.boolean(), otherNamesAtEnd: fc.boolean() },
    places: fc.constantFrom('each its own', 'all the first', 'none'),
    /** The words come under one name for all items. */
    oneName: fc.boolean(),
    /** Where the words are; they are in the response at its end if nowhere else. */
    ...{ deltas: fc.boolean(), partEnds: fc.boolean(), itemEnds: fc.boolean() },
    /** All items begin before the first goes on. */
    atOnce: fc.boolean(),
    leftOut: fc.constantFrom<readonly Kind[]>([], ['reasoning'], ['message', 'reasoning', 'function_call']),
  });

  const DELTAS = {
    message: ['output_text', 'text'],
    reasoning: ['reasoning_text', 'text'],
    function_call: ['function_call_arguments', 'arguments'],
  } as const;

  const itemOf = (kind: Kind, n: number, words: string, name: string | undefined) =>
    kind === 'function_call'
      ? { type: kind, id: name, call_id: `call_${n}`, name: 'look', arguments: words }
      : { type: kind, id: name, content: words === '' ? [] : [{ type: DELTAS[kind][0], text: words }] };

  /** All that chunks say, joined. */
  function joined(chunks: readonly Fields[], form: 'delta' | 'message'): Fields {
    const texts: Record<string, string> = { content: '', reasoning_content: '' };
    const calls: string[] = [];
    for (const { choices } of chunks)
      for (const { [form]: said } of choices as Record<string, Fields>[]) {
        for (const name in texts) texts[name] += (said![name] as string | undefined) ?? '';
        for (const [at, { index = at, function: called }] of (
          (said!['tool_calls'] ?? []) as Fields[]
        ).entries())
          calls[index as number] = (calls[index as number] ?? '') + (called as Fields)['arguments'];
      }
    return { ...texts, calls };
  }

  it('it says what the whole response says, once', () => {
    const kinds = fc.array(fc.constantFrom<Kind>('message', 'reasoning', 'function_call'), { maxLength: 5 });
    fc.assert(
      fc.property(kinds, flags, (kinds, how) => {
        const words = kinds.map((_, n) => `{"${n}":${n}}`);
        // Nothing else tells the items apart then.
        fc.pre(how.places !== 'all the first' || how.names || how.itemEnds);
        const isToldBefore = how.deltas || how.partEnds || how.itemEnds;
        const byItem = kinds.map((kind, n): [Fields, ...Fields[]] => {
          const [type, whole] = DELTAS[kind];
          const place = how.places === 'none' ? {} : { output_index: how.places === 'all the first' ? 0 : n };
          const name = how.names ? `item_${n}` : undefined;
          const said = words[n]!;
          const of = { ...place, item_id: how.oneName && how.places === 'each its own' ? 'item' : name };
          return [
            { type: 'response.output_item.added', ...place, item: itemOf(kind, n, '', name) },
            ...(how.deltas
              ? [...said].map((delta) => ({ type: `response.${type}.delta`, ...of, delta }))
              : []),
            ...(how.partEnds ? [{ type: `response.${type}.done`, ...of, [whole]: said }] : []),
            ...(how.itemEnds
              ? [{ type: 'response.output_item.done', ...place, item: itemOf(kind, n, said, name) }]
              : []),
          ];
        });
        const events =
          how.atOnce && (how.places === 'each its own' || how.names)
            ? [...byItem.map(([added]) => added), ...byItem.flatMap(([, ...rest]) => rest)]
            : byItem.flat();
        const whole = kinds.map((kind, n) =>
          itemOf(kind, n, words[n]!, `${how.otherNamesAtEnd ? 'end' : 'item'}_${n}`),
        );
        const output = isToldBefore ? whole.filter(({ type }) => !how.leftOut.includes(type)) : whole;
        const chunks = new ResponseChunks();
        const told = [...events, ended('completed', { output })].map((event) => chunks.chunkOf(event));
        const expected = new ResponseChunks().whole({ output: whole });
        expect(
          joined(
            told.filter((chunk) => chunk !== null),
            'delta',
          ),
        ).toEqual(joined([expected], 'message'));
      }),
    );
  });
});
