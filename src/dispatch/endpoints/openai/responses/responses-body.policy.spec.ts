import { type Asked, exactInResponses, responsesAsked } from './responses-body.policy.js';

const say = (content: unknown) => ({ role: 'user', content });
const asked = (parameters: Record<string, unknown> = {}, more: Partial<Asked> = {}) =>
  responsesAsked({ body: { model: 'm', messages: [say('Hi')], ...parameters }, ...more });
const chat = (...messages: Record<string, unknown>[]) => asked({ messages });

describe('a chat asked by Responses', () => {
  it('is sent whole, and stored nowhere', () => {
    expect(asked({ stream: true, store: true })).toEqual({
      body: { model: 'm', input: [say('Hi')], store: false, stream: true },
      problems: [],
    });
  });

  it('has the settings of a chat under their names in Responses', () => {
    const schema = { name: 'city', strict: true, schema: { type: 'object' } };
    const { body } = asked({
      ...{ temperature: 0.2, top_p: 0.9, parallel_tool_calls: false, user: 'u', metadata: { a: 'b' } },
      ...{ max_tokens: 50, reasoning_effort: 'low', verbosity: 'low', logprobs: true, top_logprobs: 2 },
      ...{ response_format: { type: 'json_schema', json_schema: schema }, top_k: 40 },
    });
    expect(body).toMatchObject({
      ...{ temperature: 0.2, top_p: 0.9, parallel_tool_calls: false, user: 'u', metadata: { a: 'b' } },
      ...{ max_output_tokens: 50, reasoning: { effort: 'low' }, top_logprobs: 2, top_k: 40 },
      text: { verbosity: 'low', format: { type: 'json_schema', ...schema } },
      include: ['message.output_text.logprobs'],
    });
    for (const name of ['max_tokens', 'reasoning_effort', 'response_format', 'logprobs', 'messages'])
      expect(body).not.toHaveProperty(name);
  });

  it.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    ['the newer limit', { max_completion_tokens: 70 }, { max_output_tokens: 70 }],
    ['no limit', { max_tokens: null }, {}],
    ['the least limit that OpenAI takes', { max_tokens: 1 }, { max_output_tokens: 16 }],
    ['plain text', { response_format: { type: 'text' } }, { text: { format: { type: 'text' } } }],
    ['JSON', { response_format: { type: 'json_object' } }, { text: { format: { type: 'json_object' } } }],
    ['what is as if it were not there', { n: 1, stop: null, frequency_penalty: 0, modalities: ['text'] }, {}],
    ['no probabilities', { logprobs: false }, {}],
  ])('has %s', (_what, parameters, expected) => {
    expect(asked(parameters)).toEqual({
      body: { model: 'm', input: [say('Hi')], store: false, ...expected },
      problems: [],
    });
  });

  it('asks for the summary that a client of Responses wanted', () => {
    expect(asked({ reasoning_effort: 'high' }, { summary: 'auto' }).body['reasoning']).toEqual({
      effort: 'high',
      summary: 'auto',
    });
  });

  it('has its tools, which are held to their schema only where the chat says so', () => {
    const parameters = { type: 'object' };
    const grammar = { syntax: 'regex', definition: '.*' };
    const { body } = asked({
      tools: [
        { type: 'function', function: { name: 'look', parameters } },
        { type: 'function', function: { name: 'go', parameters, strict: true } },
        { type: 'custom', custom: { name: 'code', format: { type: 'grammar', grammar } } },
      ],
      tool_choice: { type: 'function', function: { name: 'look' } },
    });
    expect(body).toMatchObject({
      tools: [
        { type: 'function', name: 'look', parameters, strict: false },
        { type: 'function', name: 'go', parameters, strict: true },
        { type: 'custom', name: 'code', format: { type: 'grammar', ...grammar } },
      ],
      tool_choice: { type: 'function', name: 'look' },
    });
  });

  it.each([{}, { parameters: null }])('has a function without parameters: %j', (none) => {
    const parameters = { type: 'object', properties: {} };
    const { body } = asked({ tools: [{ type: 'function', function: { name: 'look', ...none } }] });
    expect(body['tools']).toEqual([{ type: 'function', name: 'look', strict: false, parameters }]);
  });

  it.each<[string, unknown, unknown]>([
    ['a word', 'required', 'required'],
    ['a custom tool', { type: 'custom', custom: { name: 'code' } }, { type: 'custom', name: 'code' }],
    [
      'some of the tools',
      {
        type: 'allowed_tools',
        allowed_tools: { mode: 'auto', tools: [{ type: 'function', function: { name: 'look' } }] },
      },
      { type: 'allowed_tools', mode: 'auto', tools: [{ type: 'function', name: 'look' }] },
    ],
  ])('chooses by %s', (_what, tool_choice, expected) => {
    expect(asked({ tool_choice }).body['tool_choice']).toEqual(expected);
  });

  it('has its whole history as items', () => {
    const call = { id: 'c1', type: 'function', function: { name: 'look', arguments: '{}' } };
    const custom = { id: 'c2', type: 'custom', custom: { name: 'code', input: 'x' } };
    const { body, problems } = chat(
      { role: 'system', content: 'Be short.' },
      say([
        { type: 'text', text: 'See' },
        { type: 'image_url', image_url: { url: 'data:x', detail: 'low' } },
        { type: 'file', file: { filename: 'a.pdf', file_data: 'data:y' } },
        { type: 'input_audio', input_audio: { data: 'z', format: 'wav' } },
      ]),
      { role: 'assistant', content: null, reasoning_content: 'Hm.', tool_calls: [call, custom] },
      { role: 'tool', tool_call_id: 'c1', content: 'sun' },
      { role: 'tool', tool_call_id: 'c2', content: [{ type: 'text', text: 'done' }] },
      { role: 'assistant', content: 'Sunny.', tool_calls: [], annotations: [] },
      { role: 'assistant', content: null, refusal: 'No.' },
    );
    expect(problems).toEqual([]);
    expect(body['input']).toEqual([
      { role: 'system', content: 'Be short.' },
      say([
        { type: 'input_text', text: 'See' },
        { type: 'input_image', image_url: 'data:x', detail: 'low' },
        { type: 'input_file', filename: 'a.pdf', file_data: 'data:y' },
        { type: 'input_audio', input_audio: { data: 'z', format: 'wav' } },
      ]),
      { type: 'reasoning', id: 'rs_2', summary: [], content: [{ type: 'reasoning_text', text: 'Hm.' }] },
      { type: 'function_call', call_id: 'c1', name: 'look', arguments: '{}' },
      { type: 'custom_tool_call', call_id: 'c2', name: 'code', input: 'x' },
      { type: 'function_call_output', call_id: 'c1', output: 'sun' },
      {
        type: 'custom_tool_call_output',
        call_id: 'c2',
        output: [{ type: 'input_text', text: 'done' }],
      },
      { role: 'assistant', content: 'Sunny.' },
      {
        ...{ type: 'message', role: 'assistant', status: 'completed' },
        content: [{ type: 'refusal', refusal: 'No.' }],
      },
    ]);
  });

  it.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    [
      'texts, as one text',
      {
        content: [
          { type: 'text', text: 'A' },
          { type: 'text', text: 'B' },
        ],
      },
      { role: 'assistant', content: 'AB' },
    ],
    [
      'a text and a refusal, as OpenAI has answers',
      { content: 'A', refusal: 'No.' },
      {
        ...{ type: 'message', role: 'assistant', status: 'completed' },
        content: [
          { type: 'output_text', text: 'A', annotations: [] },
          { type: 'refusal', refusal: 'No.' },
        ],
      },
    ],
  ])('has what was said in %s', (_what, said, expected) => {
    expect(chat({ role: 'assistant', ...said }).body['input']).toEqual([expected]);
  });

  it('has reasoning only for servers that take it back', () => {
    const said = { role: 'assistant', content: 'Yes.', reasoning_content: '', reasoning: 'Hm.' };
    const content = [{ type: 'reasoning_text', text: 'Hm.' }];
    const answer = { role: 'assistant', content: 'Yes.' };
    expect(chat(said).body['input']).toEqual([
      { type: 'reasoning', id: 'rs_0', summary: [], content },
      answer,
    ]);
    const { body, problems } = asked({ messages: [said] }, { withoutReasoning: true });
    expect(body['input']).toEqual([answer]);
    expect(problems).toEqual([]);
  });

  it('has pictures whose detail is null', () => {
    const image = { type: 'image_url', image_url: { url: 'data:x', detail: null } };
    expect(chat(say([image])).body['input']).toEqual([
      say([{ type: 'input_image', image_url: 'data:x', detail: 'auto' }]),
    ]);
  });

  it.each<[string, Record<string, unknown>]>([
    ['n', { n: 2 }],
    ['stop', { stop: ['x'] }],
    ['seed', { seed: 1 }],
    ['logit_bias', { logit_bias: { 1: 2 } }],
    ['presence_penalty', { presence_penalty: 1 }],
    ['frequency_penalty', { frequency_penalty: 1 }],
    ['prediction', { prediction: { type: 'content', content: 'x' } }],
    ['modalities', { modalities: ['text', 'audio'] }],
    ['audio', { audio: { voice: 'alloy' } }],
    ['functions', { functions: [{ name: 'look' }] }],
    ['function_call', { function_call: 'auto' }],
    ['web_search_options', { web_search_options: {} }],
    ['response_format.type', { response_format: { type: 'regex' } }],
    ['tools[0].type', { tools: [{ type: 'web_search' }] }],
    ['tool_choice', { tool_choice: { type: 'mcp' } }],
    ['messages[0].name', { messages: [{ ...say('Hi'), name: 'Ann' }] }],
    ['messages[0].role', { messages: [{ role: 'function', name: 'look', content: '1' }] }],
    ['messages[0].content[0].type', { messages: [say([{ type: 'video_url' }])] }],
    ['messages[0].function_call', { messages: [{ role: 'assistant', function_call: { name: 'look' } }] }],
    ['messages[0].audio', { messages: [{ role: 'assistant', audio: { id: 'a' } }] }],
    ['messages[0].tool_calls[0].type', { messages: [{ role: 'assistant', tool_calls: [{ type: 'x' }] }] }],
  ])('refuses %s by its name', (field, parameters) => {
    expect(asked(parameters).problems).toEqual([field]);
  });

  it('refuses to go on behind the beginning of an answer', () => {
    expect(asked({}, { prefill: 'Once' }).problems).toEqual(['prefill']);
  });
});

it('exact numbers are found where Responses have them', () => {
  expect(
    exactInResponses({
      '/tools/0/function/parameters/maximum': '9007199254740993',
      '/response_format/json_schema/schema/maximum': '9007199254740995',
      '/top_k': '9007199254740997',
    }),
  ).toEqual({
    '/tools/0/parameters/maximum': '9007199254740993',
    '/text/format/schema/maximum': '9007199254740995',
    '/top_k': '9007199254740997',
  });
});
