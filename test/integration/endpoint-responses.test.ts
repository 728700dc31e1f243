import type OpenAI from 'openai';
import type { ModelCall } from '../../src/dispatch/endpoints/model-endpoint.port.js';
import type { OpenAiEndpointOptions } from '../../src/dispatch/endpoints/openai/openai-endpoint.js';
import { type Answering, RawEndpoint, sendEvents, sendJson, sse } from '../support/raw-endpoint.js';

type Fields = Record<string, unknown>;
type Event = OpenAI.Responses.ResponseStreamEvent;
type Response = OpenAI.Responses.Response;
type Item = OpenAI.Responses.ResponseOutputItem;

const closing: RawEndpoint[] = [];
afterEach(async () => {
  for (const raw of closing.splice(0)) await raw.close();
});

async function start(
  answering: Answering,
  options: Partial<OpenAiEndpointOptions> = {},
): Promise<RawEndpoint> {
  const raw = await RawEndpoint.start(answering, { api: 'responses', ...options });
  closing.push(raw);
  return raw;
}
const streaming = (...events: Event[]) => start((response) => sendEvents(response, told(...events)));
const asking = (parameters: Fields, more: Fields = {}): Partial<ModelCall> => ({
  request: { content: 'x', model: null, parameters, ...more },
});

/** As the platform sends them: each with its type as the event's name, and nothing at the end. */
function told(...events: Event[]): string {
  return events
    .map((event, at) => {
      return `event: ${event.type}\ndata: ${JSON.stringify({ ...event, sequence_number: at })}\n\n`;
    })
    .join('');
}

const USAGE: OpenAI.Responses.ResponseUsage = {
  ...{ input_tokens: 7, input_tokens_details: { cached_tokens: 2, cache_write_tokens: 0 } },
  ...{ output_tokens: 5, output_tokens_details: { reasoning_tokens: 3 }, total_tokens: 12 },
};

function response(status: Response['status'], output: Item[] = [], more: Partial<Response> = {}): Response {
  return {
    ...{ id: 'resp_1', object: 'response', created_at: 1, model: 'gpt-5-2025-08-07', output_text: '' },
    ...{ error: null, incomplete_details: null, instructions: null, metadata: null, tools: [] },
    ...{ parallel_tool_calls: true, temperature: 1, top_p: 1, tool_choice: 'auto' },
    ...{ status, output },
    ...(status === 'completed' || status === 'incomplete' ? { usage: USAGE } : {}),
    ...more,
  };
}

const text = (said: string): OpenAI.Responses.ResponseOutputMessage => ({
  ...{ id: 'msg_1', type: 'message', role: 'assistant', status: 'completed' },
  content: [{ type: 'output_text', text: said, annotations: [] }],
});
const call = (n: number, args: string): OpenAI.Responses.ResponseFunctionToolCall => ({
  ...{ id: `fc_${n}`, type: 'function_call', call_id: `call_${n}`, name: 'look', arguments: args },
});

const at = { sequence_number: 0, output_index: 0 };
const CREATED: Event = { ...at, type: 'response.created', response: response('in_progress') };
const IN_PROGRESS: Event = { ...at, type: 'response.in_progress', response: response('in_progress') };
const said = (delta: string): Event => ({
  ...{ ...at, type: 'response.output_text.delta', item_id: 'msg_1', content_index: 0 },
  ...{ delta, logprobs: [] },
});
const added = (item: Item, output_index = 0): Event => ({
  ...{ ...at, type: 'response.output_item.added', output_index, item },
});
const done = (item: Item, output_index = 0): Event => ({
  ...{ ...at, type: 'response.output_item.done', output_index, item },
});
const args = (delta: string, output_index: number): Event => ({
  ...{ ...at, type: 'response.function_call_arguments.delta', item_id: 'fc', output_index, delta },
});
const completed = (...output: Item[]): Event => ({
  ...{ ...at, type: 'response.completed', response: response('completed', output) },
});
const HELLO = [CREATED, IN_PROGRESS, added({ ...text(''), content: [] }), said('Hel'), said('lo')];

describe('an endpoint that is called by Responses', () => {
  it('is asked for a stream at its path, by a chat that it does not store', async () => {
    const raw = await streaming(...HELLO, done(text('Hello')), completed(text('Hello')));
    const { answer, pieces, finishReason, usage, model } = await raw.ask(
      asking({ max_tokens: 90, reasoning_effort: 'low', stop: null }),
    );
    expect(raw.calls).toHaveLength(1);
    expect(raw.calls[0]).toMatchObject({
      path: '/v1/responses',
      headers: { accept: expect.stringContaining('event-stream') },
    });
    expect(raw.calls[0]!.body).toEqual({
      ...{ model: 'm', input: [{ role: 'user', content: 'x' }], store: false, stream: true },
      ...{ max_output_tokens: 90, reasoning: { effort: 'low' } },
    });
    expect(pieces).toEqual([{ content: 'Hel' }, { content: 'lo' }]);
    expect({ answer, finishReason, model }).toEqual({
      ...{ answer: { role: 'assistant', content: 'Hello' }, finishReason: 'stop' },
      model: 'gpt-5-2025-08-07',
    });
    expect(usage).toMatchObject({
      ...{ prompt_tokens: 7, prompt_tokens_details: { cached_tokens: 2 } },
      ...{ completion_tokens: 5, completion_tokens_details: { reasoning_tokens: 3 }, total_tokens: 12 },
    });
  });

  it('is understood where it names only items, as llama.cpp does', async () => {
    const unplaced = [...HELLO, added(call(1, '')), args('{}', 0), done(text('Hello')), done(call(1, '{}'))];
    const raw = await streaming(
      ...unplaced.map((event): Event => ({ ...event, output_index: undefined }) as unknown as Event),
      completed(text('Hello'), call(1, '{}')),
    );
    const { answer } = await raw.ask();
    expect(answer).toMatchObject({ content: 'Hello', tool_calls: [{ function: { arguments: '{}' } }] });
    expect(answer['tool_calls']).toHaveLength(1);
  });

  it('answers whole where it can not stream', async () => {
    const raw = await start((answer) => sendJson(answer, response('completed', [text('Hello')])), {
      stream: 'never',
    });
    expect(await raw.ask()).toMatchObject({
      ...{ answer: { content: 'Hello' }, finishReason: 'stop' },
      usage: { prompt_tokens: 7, completion_tokens: 5 },
    });
    expect(raw.calls[0]!.body).not.toHaveProperty('stream');
  });

  it('is asked whole from then on where it refuses to stream', async () => {
    const raw = await start((answer, { body }) =>
      body['stream'] === true
        ? sendJson(answer, { error: { message: 'not supported', param: 'stream' } }, 400)
        : sendJson(answer, response('completed', [text('Hello')])),
    );
    await raw.ask();
    expect((await raw.ask()).answer.content).toBe('Hello');
    expect(raw.calls.map(({ body }) => body['stream'])).toEqual([true, undefined, undefined]);
  });

  it('calls tools, whose arguments come in turns', async () => {
    const raw = await streaming(
      CREATED,
      ...[added(call(1, ''), 0), added(call(2, ''), 1)],
      ...[args('{"a"', 0), args('{}', 1), args(':1}', 0)],
      ...[done(call(1, '{"a":1}'), 0), done(call(2, '{}'), 1)],
      completed(call(1, '{"a":1}'), call(2, '{}')),
    );
    const { answer, finishReason } = await raw.ask();
    const called = (n: number, said: string) => ({
      ...{ index: n - 1, id: `call_${n}`, type: 'function', function: { name: 'look', arguments: said } },
    });
    expect(finishReason).toBe('tool_calls');
    expect(answer).toMatchObject({
      content: null,
      tool_calls: [called(1, '{"a":1}'), called(2, '{}')].map(({ index: _, ...rest }) => rest),
    });
  });

  it('tells its reasoning beside the answer', async () => {
    const thought: Event = {
      ...{ ...at, type: 'response.reasoning_summary_text.delta', item_id: 'rs_1', summary_index: 0 },
      delta: 'Hm.',
    };
    const raw = await streaming(
      CREATED,
      ...[thought, { ...said('Yes.'), output_index: 1 } as Event],
      completed({ id: 'rs_1', type: 'reasoning', summary: [] }, text('Yes.')),
    );
    expect((await raw.ask()).answer).toMatchObject({ reasoning_content: 'Hm.', content: 'Yes.' });
  });

  it.each([
    ['max_output_tokens', 'length'],
    ['content_filter', 'content_filter'],
  ] as const)('that stops by %s has ended by %s', async (reason, finish) => {
    const incomplete = response('incomplete', [text('Hello')], { incomplete_details: { reason } });
    const raw = await streaming(...HELLO, { ...at, type: 'response.incomplete', response: incomplete });
    expect(await raw.ask()).toMatchObject({ answer: { content: 'Hello' }, finishReason: finish });
  });

  it('has integers beyond 2^53 in its schemas as they were written', async () => {
    const raw = await streaming(...HELLO, completed(text('Hello')));
    const tools = [{ type: 'function', function: { name: 'f', parameters: { maximum: 9007199254740992 } } }];
    const exact = { '/tools/0/function/parameters/maximum': '9007199254740993' };
    await raw.ask(asking({ tools }, { exact }));
    expect(raw.calls[0]!.raw).toContain('"maximum":9007199254740993');
  });

  it.each<[kind: 'completion' | 'embeddings', path: string]>([
    ['completion', '/v1/completions'],
    ['embeddings', '/v1/embeddings'],
  ])('is asked for %s at %s, as any other', async (kind, path) => {
    const raw = await start((answer) =>
      sendJson(answer, { object: 'list', data: [], choices: [{ text: 'x', finish_reason: 'stop' }] }),
    );
    await raw.ask(asking({ prompt: 'x', input: 'x' }, { kind }));
    expect(raw.calls[0]!.path).toBe(path);
  });
});

describe('what fails at an endpoint that is called by Responses', () => {
  it('is refused by name before a call, where Responses have no words for it', async () => {
    const raw = await streaming(completed());
    expect(await raw.fail(asking({ stop: ['.'], n: 2 }))).toMatchObject({
      error: { code: 'endpoint_rejected', status: 400, retryable: false },
      remote: { code: 'unsupported_parameter', param: 'stop', message: expect.stringContaining('stop, n') },
    });
    expect(raw.calls).toEqual([]);
  });

  it('tells beforehand what Responses have no words for, which an endpoint of chat completions does not', async () => {
    const { request } = asking({ stop: ['.'], n: 2, temperature: 1 });
    expect((await streaming(completed())).endpoint.lacks?.(request!)).toEqual(['stop', 'n']);
    const chat = await start(() => {}, { api: 'chat_completions' });
    expect(chat.endpoint.lacks).toBeUndefined();
  });

  it('is not now where its rate is limited', async () => {
    const raw = await start((answer) => {
      answer.setHeader('retry-after', '7');
      sendJson(answer, { error: { message: 'Slowly.', code: 'rate_limit_exceeded' } }, 429);
    });
    expect(await raw.fail()).toMatchObject({
      ...{ notNow: 'rate_limited', retryAfterMs: 7_000, error: { code: 'rate_limited', retryable: true } },
    });
  });

  it('is a context that is too long, by the code that clients know', async () => {
    const raw = await start((answer) =>
      sendJson(answer, { error: { message: 'Too long.', code: 'context_length_exceeded' } }, 400),
    );
    expect(await raw.fail()).toMatchObject({
      error: { status: 400, retryable: false },
      remote: { code: 'context_length_exceeded' },
    });
  });

  it.each<[string, Event, Fields]>([
    [
      'a failed response',
      {
        ...{ ...at, type: 'response.failed' },
        response: response('failed', [], { error: { code: 'server_error', message: 'Sorry.' } }),
      },
      { error: { code: 'endpoint_error', retryable: true }, remote: { code: 'server_error' } },
    ],
    [
      'a failed response whose rate is limited',
      {
        ...{ ...at, type: 'response.failed' },
        response: response('failed', [], { error: { code: 'rate_limit_exceeded', message: 'Slowly.' } }),
      },
      { notNow: 'rate_limited', remote: { status: 429 } },
    ],
    [
      'a refused image',
      {
        ...{ ...at, type: 'response.failed' },
        response: response('failed', [], { error: { code: 'image_too_large', message: 'Too large.' } }),
      },
      { error: { code: 'endpoint_rejected', retryable: false }, remote: { code: 'image_too_large' } },
    ],
    [
      'an error',
      { ...at, type: 'error', code: 'server_error', message: 'Sorry.', param: null },
      { error: { retryable: true }, remote: { code: 'server_error', type: null, message: 'Sorry.' } },
    ],
  ])('is %s in a stream', async (_what, event, expected) => {
    expect(await (await streaming(CREATED, IN_PROGRESS, event)).fail()).toMatchObject(expected);
  });

  it('is a failed response that is whole', async () => {
    const failed = response('failed', [], { error: { code: 'server_error', message: 'Sorry.' } });
    const raw = await start((answer) => sendJson(answer, failed), { stream: 'never' });
    expect(await raw.fail()).toMatchObject({
      error: { code: 'endpoint_error', retryable: true },
      remote: { code: 'server_error', message: 'Sorry.' },
    });
  });

  it('is an end without an answer, streamed and whole', async () => {
    const raw = await start((answer, { body }) =>
      body['stream'] === true
        ? sendEvents(answer, 'data: {"type":"response.completed","response":null}\n\n')
        : sendJson(answer, {}),
    );
    expect(await raw.fail()).toMatchObject({ error: { code: 'malformed_answer', retryable: true } });
    expect(raw.calls).toHaveLength(2);
  });

  it('is a stream that breaks off before its last event', async () => {
    const raw = await streaming(...HELLO);
    expect(await raw.fail()).toMatchObject({ error: { code: 'broken_stream', retryable: true } });
  });

  it('is a call that is cancelled: the endpoint loses its connection', async () => {
    const cancelled = new AbortController();
    let gone!: () => void;
    const left = new Promise<void>((resolve) => {
      gone = resolve;
    });
    const raw = await start((answer) => {
      answer.on('close', gone);
      answer.writeHead(200, { 'content-type': 'text/event-stream' });
      answer.write(told(...HELLO));
    });
    const call = raw.ask({
      signal: cancelled.signal,
      onDelta: () => cancelled.abort(new Error('enough')),
    });
    await expect(call).rejects.toThrow('enough');
    await left;
  });

  it('is silence in place of a first piece, whatever is said of its progress', async () => {
    const raw = await start(
      (answer) => {
        answer.writeHead(200, { 'content-type': 'text/event-stream' });
        answer.write(told(CREATED, IN_PROGRESS));
      },
      { firstTokenTimeoutMs: 300 },
    );
    expect(await raw.fail()).toMatchObject({ stalled: true, error: { code: 'first_token_timeout' } });
  });
});

it('chunks of a chat are read where they come all the same', async () => {
  const chunk = { choices: [{ index: 0, delta: { content: 'Hello' }, finish_reason: 'stop' }] };
  const raw = await start((answer) => sendEvents(answer, sse(chunk, '[DONE]')));
  expect((await raw.ask()).answer.content).toBe('Hello');
});
