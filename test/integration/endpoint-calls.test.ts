import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ModelCall } from '../../src/dispatch/endpoints/model-endpoint.port.js';
import type { OpenAiEndpointOptions } from '../../src/dispatch/endpoints/openai/openai-endpoint.js';
import { OpenAiEndpoint } from '../../src/dispatch/endpoints/openai/openai-endpoint.js';
import { freePort } from '../support/free-port.js';
import { inOneOf } from '../support/in-one-of.js';
import { type Answering, RawEndpoint, sendEvents, sendJson, sse } from '../support/raw-endpoint.js';

const closing: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of closing.splice(0)) await each.close();
});

async function start(
  answering: Answering,
  options: Partial<OpenAiEndpointOptions> = {},
): Promise<RawEndpoint> {
  const raw = await RawEndpoint.start(answering, options);
  closing.push(raw);
  return raw;
}

type Fields = Record<string, unknown>;
const say = (content: string, finish_reason: string | null = null) => ({
  choices: [{ index: 0, delta: { content }, finish_reason }],
});
const ROLE = { choices: [{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }] };
const whole = (content: string) => ({ choices: [{ index: 0, message: { content }, finish_reason: 'stop' }] });
const asking = (parameters: Fields, more: Fields = {}): Partial<ModelCall> => ({
  request: { content: 'x', model: null, parameters, ...more },
});
/** Sends each text after its milliseconds, and never ends. */
const slowly =
  (...steps: readonly (readonly [number, string])[]): Answering =>
  async (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    for (const [ms, text] of steps) {
      await sleep(ms);
      if (!response.destroyed) response.write(text);
    }
  };
const times = (count: number, ms: number, text: string) =>
  Array.from({ length: count }, () => [ms, text] as const);

describe('a time limit', () => {
  it.each<[string, readonly (readonly [number, string])[]]>([
    ['headers alone', []],
    ['pings', times(20, 50, ': ping\n\n')],
    ['empty deltas', times(20, 50, sse(ROLE))],
    ['events without choices', times(20, 50, sse({ type: 'ping' }))],
  ])('for the first piece is not satisfied by %s', async (_what, steps) => {
    const raw = await start(slowly(...steps), { firstTokenTimeoutMs: 400 });
    expect(await raw.fail()).toMatchObject({
      stalled: true,
      error: { code: 'first_token_timeout', retryable: true },
    });
  });

  it.each<[string, readonly (readonly [number, string])[]]>([
    ['silence', []],
    ['pings', times(40, 100, ': ping\n\n')],
    ['empty deltas', times(40, 100, sse(ROLE))],
  ])('between pieces ends a call that has only %s', async (_what, steps) => {
    const pieces: Fields[] = [];
    const raw = await start(slowly([0, sse(say('one '), say('two '))], ...steps), {
      idleTimeoutMs: 2_000,
    });
    const failure = await raw.fail({ onDelta: (piece) => pieces.push(piece) });
    expect(failure).toMatchObject({
      stalled: true,
      notNow: null,
      error: { code: 'idle_timeout', retryable: true },
    });
    expect(pieces).toHaveLength(2);
  });

  it('does not strike an answer that flows for longer than any of them but the whole', async () => {
    const steps = [...times(35, 100, sse(say('x'))), [0, sse(say('', 'stop'), '[DONE]')] as const];
    const raw = await start(slowly(...steps), { firstTokenTimeoutMs: 3_000, idleTimeoutMs: 3_000 });
    // A machine that is held up for as long lets it flow no more.
    await inOneOf(5, async () => expect((await raw.ask()).answer.content).toBe('x'.repeat(35)));
  });

  it('for the whole call strikes an answer that flows for longer than was asked for', async () => {
    const raw = await start(slowly(...times(40, 50, sse(say('x')))));
    expect(await raw.fail({ timeoutMs: 500 })).toMatchObject({
      stalled: false,
      error: { code: 'call_timeout' },
    });
  });

  it('between pieces does not strike after the end, while the usage is awaited', async () => {
    const usage = { choices: [], usage: { prompt_tokens: 1, completion_tokens: 1 } };
    const raw = await start(slowly([0, sse(say('all', 'stop'))], [700, sse(usage, '[DONE]')]), {
      idleTimeoutMs: 300,
    });
    expect(await raw.ask()).toMatchObject({ answer: { content: 'all' }, usage: usage.usage });
  });

  it('for the first piece does not strike an answer that was asked for whole', async () => {
    const raw = await start(
      async (response) => {
        await sleep(800);
        sendJson(response, whole('late'));
      },
      { stream: 'never', firstTokenTimeoutMs: 200 },
    );
    expect((await raw.ask()).answer.content).toBe('late');
    expect(raw.calls[0]!.body).not.toHaveProperty('stream');
  });

  it('for connecting says that the call was not taken', async () => {
    // Takes no connection once its short queue is full.
    const endpoint = new OpenAiEndpoint({
      ...{ name: 'far', baseUrl: 'http://192.0.2.1:9/v1', models: ['m'], maxConcurrency: 1, apiKey: null },
      ...{ connectTimeoutMs: 300, firstTokenTimeoutMs: 30_000 },
    });
    closing.push(endpoint);
    const call = endpoint.call({
      ...{
        messageId: 'm',
        request: { content: 'x', model: null, parameters: {} },
        model: 'm',
        timeoutMs: 60_000,
      },
      ...{ signal: new AbortController().signal, onDelta: () => undefined },
    });
    await expect(call).rejects.toMatchObject({ notNow: 'refused_connection' });
  });
});

describe('a stream without a word', () => {
  it.each<[string, string]>([
    ['nothing at all', ''],
    ['only [DONE]', sse('[DONE]')],
    ['only pings', ': ping\n\n: ping\n\n'],
    ['only a role', sse(ROLE)],
    ['no choices', sse({ choices: [] }, '[DONE]')],
  ])('is followed by one whole call: %s', async (_what, text) => {
    const raw = await start((response, { body }) => {
      if (body['stream'] === true) sendEvents(response, text);
      else sendJson(response, { ...whole('there'), usage: { prompt_tokens: 1, completion_tokens: 1 } });
    });
    const { answer, pieces, usage } = await raw.ask();
    expect([answer.content, pieces, usage?.completion_tokens]).toEqual(['there', [{ content: 'there' }], 1]);
    expect(raw.calls.map(({ body }) => body['stream'])).toEqual([true, undefined]);
  });

  it('has its error told by the whole call', async () => {
    const raw = await start((response, { body }) => {
      if (body['stream'] === true) sendEvents(response);
      else sendJson(response, { error: { message: 'too long', code: 'context_length_exceeded' } }, 400);
    });
    expect(await raw.fail()).toMatchObject({
      error: { status: 400, retryable: false },
      remote: { code: 'context_length_exceeded' },
    });
  });

  it('that ended for a reason is the answer', async () => {
    const raw = await start((response) =>
      sendEvents(response, sse(ROLE, say('', 'content_filter'), '[DONE]')),
    );
    expect(await raw.ask()).toMatchObject({ answer: { content: '' }, finishReason: 'content_filter' });
    expect(raw.calls).toHaveLength(1);
  });
});

describe('an endpoint that refuses the way it is asked', () => {
  const refusing =
    (word: string, status: number, error: unknown): Answering =>
    (response, { body }) => {
      if (word in body) sendJson(response, error, status);
      else if (body['stream'] === true) sendEvents(response, sse(say('ok', 'stop'), '[DONE]'));
      else sendJson(response, whole('ok'));
    };

  it.each<[string, string, number, unknown]>([
    [
      'stream_options',
      'by its name',
      400,
      { error: { message: 'Unknown parameter', param: 'stream_options' } },
    ],
    [
      'stream_options',
      'by words',
      400,
      { error: { message: 'Unrecognized request argument supplied: stream_options' } },
    ],
    [
      'stream_options',
      'as FastAPI does',
      422,
      { detail: [{ loc: ['body', 'stream_options'], msg: 'Extra inputs are not permitted' }] },
    ],
    ['stream', 'by its name', 400, { error: { message: 'no', param: 'stream', code: 'unsupported_value' } }],
    ['stream', 'by words', 422, { error: { message: 'Streaming is not supported for this model.' } }],
  ])('%s (%s) is asked without, and remembered so', async (word, _how, status, error) => {
    const raw = await start(refusing(word, status, error));
    expect((await raw.ask()).answer.content).toBe('ok');
    expect((await raw.ask()).answer.content).toBe('ok');
    expect(raw.calls.map(({ body }) => word in body)).toEqual([true, false, false]);
  });

  it('is not asked again for what else it refuses, nor remembered for what did not help', async () => {
    const other = await start((response) =>
      sendJson(response, { error: { message: 'Unknown parameter', param: 'tools' } }, 400),
    );
    expect((await other.fail()).remote?.param).toBe('tools');
    expect(other.calls).toHaveLength(1);
    const stubborn = await start((response) =>
      sendJson(response, { error: { message: 'stream is not supported' } }, 400),
    );
    await stubborn.fail();
    await stubborn.fail();
    expect(stubborn.calls.map(({ body }) => body['stream'])).toEqual([true, undefined, true, undefined]);
  });

  it('may be configured so', async () => {
    const raw = await start((response) => sendEvents(response, sse(say('ok', 'stop'))), {
      includeUsage: 'never',
    });
    await raw.ask();
    expect(raw.calls[0]!.body).toEqual({
      model: 'm',
      messages: [{ role: 'user', content: 'x' }],
      stream: true,
    });
  });
});

describe('what is asked', () => {
  it('goes on behind a text, with what vLLM wants where answers look like its own', async () => {
    const raw = await start((response) =>
      sendEvents(
        response,
        sse({ choices: [{ index: 0, delta: { content: 'ok' }, finish_reason: 'stop', stop_reason: null }] }),
      ),
    );
    await raw.ask({ prefill: 'One, ' });
    await raw.ask({ prefill: 'One, ' });
    const messages = [
      { role: 'user', content: 'x' },
      { role: 'assistant', content: 'One, ' },
    ];
    expect(
      raw.calls.map(({ body }) => [
        body['messages'],
        body['continue_final_message'],
        body['add_generation_prompt'],
      ]),
    ).toEqual([
      [messages, undefined, undefined],
      [messages, true, false],
    ]);
  });

  it('is a completion, streamed or whole', async () => {
    const raw = await start((response, { body }) => {
      const text = (part: string, finish_reason: string | null = null) => ({
        choices: [
          { index: 0, text: part, finish_reason, logprobs: { tokens: [part], token_logprobs: [-1] } },
        ],
      });
      if (body['stream'] === true)
        sendEvents(response, sse(text('upon '), text('a time', 'length'), '[DONE]'));
      else sendJson(response, text('upon a time', 'length'));
    });
    const once = { prompt: 'Once ', max_tokens: 3 };
    const streamed = await raw.ask(asking(once, { kind: 'completion' }));
    expect(streamed).toMatchObject({
      answer: { content: 'upon a time' },
      finishReason: 'length',
      extra: { choices: [{ index: 0, logprobs: { tokens: ['upon ', 'a time'] } }] },
    });
    expect(streamed.pieces.map(({ content }) => content)).toEqual(['upon ', 'a time']);
    const best = await raw.ask(asking({ ...once, best_of: 2 }, { kind: 'completion' }));
    expect(best).toMatchObject({ answer: { content: 'upon a time' }, finishReason: 'length' });
    expect(
      raw.calls.map(({ path, body }) => [path, body['prompt'], body['messages'], body['stream']]),
    ).toEqual([
      ['/v1/completions', 'Once ', undefined, true],
      ['/v1/completions', 'Once ', undefined, undefined],
    ]);
  });

  it('is embeddings, whose list is the answer', async () => {
    const data = [
      { object: 'embedding', index: 0, embedding: 'AACAPw==' },
      { object: 'embedding', index: 1, embedding: [1, 0.5] },
    ];
    const raw = await start((response) =>
      sendJson(response, {
        object: 'list',
        data,
        model: 'e-1',
        usage: { prompt_tokens: 4, total_tokens: 4 },
      }),
    );
    const input = ['a', 'b'];
    expect(await raw.ask(asking({ input, encoding_format: 'base64' }, { kind: 'embeddings' }))).toMatchObject(
      {
        answer: { content: null, object: 'list', data },
        ...{ model: 'e-1', usage: { prompt_tokens: 4, completion_tokens: 0, total_tokens: 4 }, pieces: [] },
      },
    );
    expect(raw.calls[0]).toMatchObject({
      path: '/v1/embeddings',
      body: { model: 'm', input, encoding_format: 'base64' },
    });
  });

  it('carries the headers of the configuration, and of ours none that an endpoint could refuse', async () => {
    const headers = { 'X-Team': 'blue', 'api-key': 'azure-secret-1', 'Content-Length': '3' };
    const raw = await start((response) => sendEvents(response, sse(say('ok', 'stop'))), { headers });
    await raw.ask(
      asking({ routing: { fallbacks: ['b'] }, service_tier: 'flex', priority: 'high', user: 'ann' }),
    );
    expect(raw.calls[0]!.headers).toMatchObject({
      'x-team': 'blue',
      'api-key': 'azure-secret-1',
      'content-type': 'application/json',
    });
    expect(Object.keys(raw.calls[0]!.body).sort()).toEqual([
      'messages',
      'model',
      'stream',
      'stream_options',
      'user',
    ]);
  });
});

describe('a refusal', () => {
  it.each<[string, number, Fields, unknown, string | null, number | null]>([
    [
      'too many',
      429,
      {},
      { error: { message: 'slow down', code: 'rate_limit_exceeded' } },
      'rate_limited',
      null,
    ],
    ['too many, with a time', 429, { 'retry-after-ms': '1500' }, {}, 'rate_limited', 1_500],
    [
      'too many, with a limit that begins anew',
      429,
      { 'x-ratelimit-reset-requests': '2s' },
      {},
      'rate_limited',
      2_000,
    ],
    [
      'used up',
      429,
      {},
      { error: { message: 'You exceeded your current quota', code: 'insufficient_quota' } },
      'quota_exceeded',
      null,
    ],
    ['to be paid', 402, {}, { error: { message: 'Insufficient credits' } }, 'quota_exceeded', null],
    [
      'to be paid, forbidden',
      403,
      {},
      { error: { message: 'Billing is not active' } },
      'quota_exceeded',
      null,
    ],
    ['forbidden', 403, {}, { error: { message: 'Not for you' } }, null, null],
    [
      'loading',
      503,
      {},
      { error: { message: 'Loading model', type: 'unavailable_error', code: 503 } },
      'unavailable',
      null,
    ],
    ['overloaded', 503, { 'retry-after': '7' }, 'busy', 'unavailable', 7_000],
    ["overloaded, in Anthropic's words", 529, {}, {}, 'unavailable', null],
    ['a failure', 500, {}, {}, null, null],
    ['wrong', 400, {}, { error: { message: 'bad' } }, null, null],
  ])('that says %s', async (_what, status, headers, body, notNow, retryAfterMs) => {
    const raw = await start((response) => {
      response.writeHead(status, headers as Record<string, string>);
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    });
    const failure = await raw.fail();
    expect(failure).toMatchObject({
      notNow,
      retryAfterMs,
      stalled: false,
      error: { status },
      remote: { status },
    });
    if (notNow !== null) expect(failure.error.retryable).toBe(true);
  });

  it('of the connection says that the call was not taken', async () => {
    const raw = await start(() => undefined, { baseUrl: `http://127.0.0.1:${await freePort()}/v1` });
    expect(await raw.fail()).toMatchObject({
      notNow: 'refused_connection',
      error: { code: 'endpoint_unreachable' },
    });
    const nowhere = await start(() => undefined, { baseUrl: 'http://no-such-host.invalid/v1' });
    const failure = await nowhere.fail();
    expect(failure).toMatchObject({ notNow: 'refused_connection' });
    expect(failure.error.message).not.toContain('no-such-host');
  });

  it('that closes the connection was a call that was taken', async () => {
    const server = createServer((socket) => socket.once('data', () => socket.destroy()));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const raw = await start(() => undefined, { baseUrl: `http://127.0.0.1:${port}/v1` });
    expect(await raw.fail()).toMatchObject({ notNow: null, error: { code: 'connection_lost' } });
    server.close();
  });

  it.each<[string, string, string, string]>([
    ["the endpoint's code", 'no', 'own_code', 'own_code'],
    ["llama.cpp's length", 'the request exceeds the available context size', '', 'context_length_exceeded'],
    [
      "OpenAI's policy",
      'Your request was rejected as a result of our safety system',
      'content_policy_violation',
      'content_policy_violation',
    ],
    [
      "Azure's policy",
      "The response was filtered due to the prompt triggering Azure OpenAI's content management policy",
      '',
      'content_filter',
    ],
  ])('keeps or finds the code that clients know: %s', async (_what, message, code, expected) => {
    const raw = await start((response) =>
      sendJson(response, { error: { message, code, type: 't', param: 'p' } }, 400),
    );
    expect((await raw.fail()).remote).toMatchObject({ code: expected, type: 't', param: 'p', status: 400 });
  });
});

describe('what would cost too much', () => {
  const many = (count: number, text: string) => Array.from({ length: count }, () => text).join(',');
  const deep = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
  it.each<[string, () => string]>([
    ['events of nothing', () => sse({ choices: [] }).repeat(600_000)],
    [
      'empty tool calls in one event',
      () => `data: {"choices":[{"index":0,"delta":{"tool_calls":[${many(2_500_000, '{}')}]}}]}\n\n`,
    ],
    [
      'empty tool calls in many events',
      () => sse({ choices: [{ index: 0, delta: { tool_calls: [{}] } }] }).repeat(600_000),
    ],
    [
      'tool calls',
      () =>
        sse({
          choices: [{ index: 0, delta: { tool_calls: [{ function: { name: 'f', arguments: '{}' } }] } }],
        }).repeat(5_000),
    ],
    ['levels in a piece', () => `data: {"choices":[{"index":0,"delta":{"thought":${deep(4_125)}}}]}\n\n`],
    [
      'levels in the usage of all',
      () => `data: {"choices":[{"index":0,"delta":{"content":"x"}}],"x":${deep(4_125)}}\n\n`,
    ],
    [
      'levels in arguments',
      () =>
        `data: {"choices":[{"index":0,"delta":{"tool_calls":[{"function":{"name":"f","arguments":${deep(4_125)}}}]}}]}\n\n`,
    ],
    ['levels of brackets', () => `data: ${deep(3_000_000)}\n\n`],
    ['choices', () => `data: {"choices":[${many(1_000, '{"delta":{}}')}]}\n\n`],
    [
      'names',
      () => Array.from({ length: 400_000 }, (_, at) => sse({ choices: [], [`name_${at}`]: 'xxxx' })).join(''),
    ],
  ])(
    'is a failure that is not tried again: %s',
    async (_what, text) => {
      const raw = await start((response) => sendEvents(response, text()), { firstTokenTimeoutMs: 280_000 });
      const before = process.cpuUsage();
      expect((await raw.fail({ timeoutMs: 280_000 })).error).toMatchObject({
        ...{ code: 'answer_too_large', retryable: false },
      });
      expect(process.cpuUsage(before).user / 1_000).toBeLessThan(40_000);
    },
    300_000,
  );

  it.each<[string, () => string, number]>([
    [
      'lists of one',
      () => sse({ choices: [{ index: 0, delta: { annotations: [1] } }] }).repeat(60_000),
      60_000,
    ],
    [
      'repeated sources',
      () =>
        sse({
          choices: [{ index: 0, delta: { content: 'x' } }],
          citations: Array.from({ length: 50 }, (_, at) => `https://example.com/${at}`),
        }).repeat(2_000),
      0,
    ],
  ])(
    'is read in a time that grows with the text alone: %s',
    async (_what, text, annotations) => {
      const raw = await start((response) => sendEvents(response, text(), sse(say('', 'stop'), '[DONE]')), {
        firstTokenTimeoutMs: 280_000,
      });
      const before = process.cpuUsage();
      const { answer, extra } = await raw.ask({ timeoutMs: 280_000 });
      expect(((answer['annotations'] as unknown[]) ?? []).length).toBe(annotations);
      if (annotations === 0) expect(extra!['citations']).toHaveLength(50);
      expect(process.cpuUsage(before).user / 1_000).toBeLessThan(20_000);
    },
    300_000,
  );
});

describe('integers beyond 2^53', () => {
  it('are sent as they were written', async () => {
    const raw = await start((response) => sendEvents(response, sse(say('ok', 'stop'))));
    const parameters = { seed: 9007199254740992, tools: [{ maximum: 2 ** 64 }] };
    const exact = { '/seed': '9007199254740993', '/tools/0/maximum': '18446744073709551615' };
    await raw.ask(asking(parameters, { exact }));
    expect(raw.calls[0]!.raw).toContain('"seed":9007199254740993,"tools":[{"maximum":18446744073709551615}]');
  });
});
