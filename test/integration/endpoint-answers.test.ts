import { setTimeout as sleep } from 'node:timers/promises';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import type { ModelCall } from '../../src/dispatch/endpoints/model-endpoint.port.js';
import type { Oddity, OpenAiEndpointOptions } from '../../src/dispatch/endpoints/openai/openai-endpoint.js';
import { type Answering, RawEndpoint, sendEvents, sendJson, sse } from '../support/raw-endpoint.js';

const closing: RawEndpoint[] = [];
afterEach(async () => {
  for (const raw of closing.splice(0)) await raw.close();
});

async function start(
  answering: Answering,
  options: Partial<OpenAiEndpointOptions> = {},
): Promise<RawEndpoint> {
  const raw = await RawEndpoint.start(answering, options);
  closing.push(raw);
  return raw;
}
const streaming = (...texts: string[]) => start((response) => sendEvents(response, ...texts));
const answering = (body: unknown, status = 200) => start((response) => sendJson(response, body, status));

type Fields = Record<string, unknown>;
const delta = (fields: Fields, finish_reason: unknown = null, more: Fields = {}) => ({
  choices: [{ index: 0, delta: fields, finish_reason, ...more }],
});
const say = (content: unknown, finish_reason: unknown = null) => delta({ content }, finish_reason);
const whole = (message: Fields, more: Fields = {}) => ({
  object: 'chat.completion',
  choices: [{ index: 0, message: { role: 'assistant', ...message }, finish_reason: 'stop' }],
  ...more,
});
const request = (parameters: Fields, more: Fields = {}): Partial<ModelCall> => ({
  request: { content: 'x', model: null, parameters, ...more },
});

describe('the form of an answer is told by its first bytes', () => {
  const events = sse(say('Hel'), say('lo', 'stop'), '[DONE]');
  const json = JSON.stringify(whole({ content: 'Hello' }));
  it.each<[string, string, string | Buffer, Fields?]>([
    ['events, called JSON', 'application/json', events],
    ['events, called text', 'text/plain', events],
    ['JSON, called events', 'text/event-stream', json],
    ['JSON behind blank lines', 'application/json', `\n\n  \n${json}`],
    ['JSON with a BOM', 'application/json', `\ufeff${json}`],
    ['events with a BOM', 'text/event-stream', `\ufeff${events}`],
    ['events behind comments', 'text/event-stream', `: hi\n\n: PROCESSING\n\n${events}`],
    ['events without a space behind the colon', 'text/event-stream', events.replaceAll('data: ', 'data:')],
    ['events without a last blank line', 'text/event-stream', sse(say('Hello', 'stop')).trimEnd()],
    ['gzip', 'text/event-stream', gzipSync(events), { 'content-encoding': 'gzip' }],
    ['deflate', 'text/event-stream', deflateSync(events), { 'content-encoding': 'deflate' }],
    ['brotli', 'application/json', brotliCompressSync(json), { 'content-encoding': 'br' }],
    ['two encodings', 'application/json', gzipSync(gzipSync(json)), { 'content-encoding': 'gzip, gzip' }],
  ])('%s', async (_what, type, body, headers = {}) => {
    const raw = await start((response) => {
      response.writeHead(200, { 'content-type': type, ...headers }).end(body);
    });
    const { answer, finishReason } = await raw.ask();
    expect({ content: answer.content, finishReason }).toEqual({ content: 'Hello', finishReason: 'stop' });
    expect(raw.calls[0]!.headers['accept-encoding']).toBe('identity');
  });

  it.each<[string, string | Buffer, string, string]>([
    ['an encoding that is not known', 'x', 'zstandard', 'malformed_answer'],
    ['a broken encoding', gzipSync(events).subarray(0, 20), 'gzip', 'broken_stream'],
    ['another encoding than it says', events, 'gzip', 'broken_stream'],
    ['very much in a small body', gzipSync(Buffer.alloc(64 * 1024 * 1024, 'x')), 'gzip', 'answer_too_large'],
  ])('and what can not be decoded is a failure: %s', async (_what, body, encoding, code) => {
    const raw = await start((response) => {
      response
        .writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': encoding })
        .end(body);
    });
    expect((await raw.fail()).error.code).toBe(code);
  });
});

describe('events', () => {
  const ok = [say('Hel'), say('lo', 'stop'), '[DONE]'] as const;
  it.each<[string, string]>([
    ['pings', `${sse(ok[0])}event: ping\ndata: x\n\n${sse({ type: 'ping' }, ok[1], '[DONE]')}`],
    ['no choices', sse({ id: 'x' }, ok[0], { choices: [] }, { choices: null }, ok[1], '[DONE]')],
    ['values that are no objects', sse('null', ok[0], '1', '"x"', '[]', ok[1], '[DONE]')],
    ['an empty one', `data:\n\n${sse(...ok)}data: \n\n`],
    ['one that is malformed', sse(ok[0], '{"choices":[{"del', ok[1], '[DONE]')],
    [
      'empty finish reasons',
      sse(delta({ content: 'Hel' }, ''), delta({ content: 'lo' }, ''), say('', 'stop')),
    ],
    ['stop on each of them', sse(say('Hel', 'stop'), say('lo', 'stop'), '[DONE]')],
    ['a reason that nobody knows', sse(say('Hel', 'going_on'), say('lo', 'stop'), '[DONE]')],
    ['the whole message at the end', sse(...ok.slice(0, 2), whole({ content: 'Hello' }), '[DONE]')],
    [
      'contents in parts',
      sse(
        say(
          [
            { type: 'text', text: 'Hel' },
            { type: 'text', text: 'lo' },
          ],
          'stop',
        ),
      ),
    ],
    ['contents as one part', sse(say({ type: 'text', text: { value: 'Hello' } }, 'stop'))],
    ['choices without an index', sse({ choices: [{ delta: { content: 'Hello' }, finish_reason: 'stop' }] })],
    [
      'texts, as completions have',
      sse({ choices: [{ text: 'Hel' }] }, { choices: [{ text: 'lo', finish_reason: 'stop' }] }),
    ],
    ['other words for the end', sse(say('Hello'), say('', 'EOS_TOKEN'))],
  ])('that carry %s are read', async (_what, text) => {
    const { answer, finishReason, pieces } = await (await streaming(text)).ask();
    expect({ content: answer.content, finishReason }).toEqual({ content: 'Hello', finishReason: 'stop' });
    expect(pieces.map(({ content }) => content).join('')).toBe('Hello');
  });

  it.each<[string, string, string]>([
    [
      'with two malformed events',
      sse(say('a'), '{', say('b'), '}{', say('', 'stop'), '[DONE]'),
      'malformed_answer',
    ],
    ['with a malformed event and no end', sse(say('a'), '{'), 'malformed_answer'],
    ['with an empty finish reason on each', sse(say('Hel', ''), say('lo', '')), 'broken_stream'],
    ['with an end that nobody knows', sse(say('Hello', 'going_on')), 'broken_stream'],
    ['with finish reason error', sse(say('Hel'), say('', 'error')), 'endpoint_error'],
    ['of HTML', '<html>Bad gateway</html>', 'malformed_answer'],
    ['of a choice that there can not be', sse({ choices: [{ index: 1e9, delta: {} }] }), 'malformed_answer'],
  ])('%s are a failure', async (_what, text, code) => {
    expect((await (await streaming(text)).fail()).error).toMatchObject({ code, retryable: true });
  });

  it('that all say stop are broken where the connection breaks', async () => {
    const raw = await start(async (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(sse(say('one ', 'stop'), say('two', 'stop')));
      await sleep(100);
      response.destroy();
    });
    expect((await raw.fail()).error.code).toBe('broken_stream');
  });

  it('that are odd are told', async () => {
    const odd: Oddity[] = [];
    const raw = await start(
      (response) => sendEvents(response, sse(say('a'), '{', say('b', 'stop'), '[DONE]')),
      { onOddity: (oddity) => odd.push(oddity) },
    );
    expect((await raw.ask()).answer.content).toBe('ab');
    expect(odd).toEqual([
      {
        endpoint: expect.any(String),
        model: expect.any(String),
        messageId: expect.any(String),
        trace: {},
        what: expect.stringContaining('not JSON'),
      },
    ]);
  });
});

describe('tool calls', () => {
  const calls = (...tool_calls: Fields[]) => delta({ tool_calls });
  const named = (name: string, args: unknown, more: Fields = {}) => ({
    ...more,
    function: { name, arguments: args },
  });
  const more = (args: string, fields: Fields = {}) => ({ ...fields, function: { arguments: args } });
  const END = delta({}, 'tool_calls');
  const two = [
    { id: 'a', type: 'function', function: { name: 'one', arguments: '{"x":1}' } },
    { id: 'b', type: 'function', function: { name: 'two', arguments: '{}' } },
  ];

  it.each<[string, object[], unknown]>([
    [
      'as OpenAI sends them',
      [
        calls(named('one', '', { index: 0, id: 'a', type: 'function' })),
        calls(more('{"x"', { index: 0 })),
        calls(more(':1}', { index: 0 })),
        calls(named('two', '{}', { index: 1, id: 'b' })),
        END,
      ],
      two,
    ],
    [
      'with the same index',
      [
        calls(named('one', '{"x":1}', { index: 0, id: 'a' })),
        calls(named('two', '{}', { index: 0, id: 'b' })),
        END,
      ],
      two,
    ],
    [
      'with the same index in one event',
      [calls(named('one', '{"x":1}', { index: 0, id: 'a' }), named('two', '{}', { index: 0, id: 'b' })), END],
      two,
    ],
    [
      'without an index',
      [
        calls(named('one', '{"x"', { id: 'a' })),
        calls(more(':1}')),
        calls(named('two', '{}', { id: 'b' })),
        END,
      ],
      two,
    ],
    [
      'numbered from 1',
      [
        calls(named('one', '{"x":1}', { index: 1, id: 'a' })),
        calls(named('two', '{}', { index: 2, id: 'b' })),
        END,
      ],
      two,
    ],
    [
      'numbered only where they go on',
      [
        calls(named('one', '{"x"', { id: 'a' })),
        calls(more(':1}', { index: 0 })),
        calls(named('two', '{}', { id: 'b' })),
        END,
      ],
      two,
    ],
    [
      'with the name again on each',
      [
        calls(named('one', '{"x"', { index: 0, id: 'a' })),
        calls(named('one', ':1}', { index: 0, id: 'a' })),
        calls(named('two', '{}', { index: 1, id: 'b' })),
        END,
      ],
      two,
    ],
    [
      'with arguments as an object',
      [
        calls(named('one', { x: 1 }, { index: 0, id: 'a' })),
        calls(named('two', {}, { index: 1, id: 'b' })),
        END,
      ],
      two,
    ],
    [
      'with numbers as ids',
      [calls(named('one', '{}', { index: 0, id: 7 })), END],
      [{ id: '7', type: 'function', function: { name: 'one', arguments: '{}' } }],
    ],
    [
      'without a function around them',
      [
        calls({ id: 'a', name: 'one', arguments: '{"x":1}' }),
        calls({ id: 'b', name: 'two', arguments: {} }),
        END,
      ],
      two,
    ],
    [
      'as one object',
      [
        delta({ tool_calls: named('one', '{"x":1}', { id: 'a' }) }),
        delta({ tool_calls: named('two', '{}', { id: 'b' }) }),
        END,
      ],
      two,
    ],
    [
      'with empty ones between',
      [
        calls({}, { index: 3 }),
        calls(named('one', '{"x":1}', { index: 0, id: 'a' })),
        calls({ id: '', function: {} }),
        calls(named('two', '{}', { index: 1, id: 'b' })),
        END,
      ],
      two,
    ],
    [
      'with fields of their own',
      [
        calls(
          named('one', '{}', { index: 0, id: 'a', extra_content: { google: { thought_signature: 's' } } }),
        ),
        END,
      ],
      [
        {
          id: 'a',
          type: 'function',
          function: { name: 'one', arguments: '{}' },
          extra_content: { google: { thought_signature: 's' } },
        },
      ],
    ],
    [
      "of OpenAI's other kind",
      [
        calls({ index: 0, id: 'a', type: 'custom', custom: { name: 'sh', input: 'ls' } }),
        calls({ index: 0, custom: { input: ' -l' } }),
        END,
      ],
      [{ id: 'a', type: 'custom', custom: { name: 'sh', input: 'ls -l' } }],
    ],
  ])('%s', async (_what, events, expected) => {
    const { answer, finishReason, pieces } = await (await streaming(sse(...events, '[DONE]'))).ask();
    expect(answer['tool_calls']).toEqual(expected);
    expect(finishReason).toBe('tool_calls');
    const sent = pieces.flatMap((piece) => piece['tool_calls'] as Fields[]);
    expect(sent.every(({ index }) => Number.isInteger(index))).toBe(true);
    expect(sent.filter(({ id }) => id !== undefined)).toHaveLength((expected as unknown[]).length);
  });

  it.each<[string, unknown]>([
    ['null', null],
    ['empty', ''],
    ['absent', undefined],
  ])(
    'whose id is %s get one, different for each, and the same when they are given again',
    async (_what, id) => {
      const raw = await streaming(
        sse(
          calls(named('f', '{"c":"A"}', { index: 0, id })),
          calls(named('f', '{"c":"B"}', { index: 0, id })),
          '[DONE]',
        ),
      );
      const { answer, finishReason } = await raw.ask();
      const ids = (answer['tool_calls'] as { id: string; function: { arguments: string } }[]).map(
        (call) => call.id,
      );
      expect(new Set(ids).size).toBe(2);
      for (const each of ids) expect(each).toMatch(/^call_[A-Za-z0-9_]+$/);
      // No finish reason was sent.
      expect(finishReason).toBe('tool_calls');
      expect((await raw.ask()).answer).toEqual(answer);
    },
  );

  it('that share one id are told apart', async () => {
    const raw = await streaming(
      sse(calls(named('one', '{}', { index: 0, id: 'x' }), named('two', '{}', { index: 1, id: 'x' })), END),
    );
    const called = (await raw.ask()).answer['tool_calls'] as { id: string }[];
    expect(new Set(called.map(({ id }) => id)).size).toBe(2);
  });

  it('of a whole message are numbered by their places', async () => {
    const { index: _, ...first } = named('one', { x: 1 }, { id: 'a', index: 0 }) as Fields;
    const raw = await answering(
      whole({ content: null, tool_calls: [first, named('two', '{}', { id: 'b' })] }),
    );
    const { answer, pieces } = await raw.ask();
    expect(answer['tool_calls']).toEqual(two);
    expect(pieces[0]!['tool_calls']).toMatchObject([{ index: 0 }, { index: 1 }]);
  });

  it('of the older kind are joined', async () => {
    const part = (name: string | undefined, args: unknown) =>
      delta({ function_call: { name, arguments: args } });
    const raw = await streaming(
      sse(part('f', ''), part('f', '{"a"'), part(undefined, ':1}'), delta({}, 'function_call')),
    );
    expect(await raw.ask()).toMatchObject({
      answer: { function_call: { name: 'f', arguments: '{"a":1}' } },
      finishReason: 'function_call',
    });
  });
});

describe('what else an answer has', () => {
  it.each<[string, unknown]>([
    [
      'in a stream',
      sse(
        delta({ role: 'assistant', content: '' }),
        delta({ reasoning_content: 'Hm' }),
        delta({ reasoning_content: 'm.' }),
        delta({ content: 'Hi', annotations: [{ url: 'u' }] }, null, {
          logprobs: { content: [{ token: 'Hi' }] },
        }),
        delta({ refusal: 'No' }, 'stop', { stop_reason: 42 }),
        {
          choices: [],
          system_fingerprint: 'fp',
          citations: ['c'],
          usage: {
            prompt_tokens: 3,
            completion_tokens: 4,
            total_tokens: 7,
            prompt_tokens_details: { cached_tokens: 2 },
            completion_tokens_details: { reasoning_tokens: 1 },
          },
        },
        '[DONE]',
      ),
    ],
    [
      'whole',
      {
        choices: [
          {
            index: 0,
            finish_reason: 'stop',
            stop_reason: 42,
            logprobs: { content: [{ token: 'Hi' }] },
            message: {
              role: 'assistant',
              content: 'Hi',
              reasoning_content: 'Hmm.',
              refusal: 'No',
              annotations: [{ url: 'u' }],
            },
          },
        ],
        system_fingerprint: 'fp',
        citations: ['c'],
        usage: {
          prompt_tokens: 3,
          completion_tokens: 4,
          total_tokens: 7,
          prompt_tokens_details: { cached_tokens: 2 },
          completion_tokens_details: { reasoning_tokens: 1 },
        },
      },
    ],
  ])('is kept: %s', async (_what, body) => {
    const raw = typeof body === 'string' ? await streaming(body) : await answering(body);
    expect(await raw.ask()).toMatchObject({
      answer: {
        role: 'assistant',
        content: 'Hi',
        reasoning_content: 'Hmm.',
        refusal: 'No',
        annotations: [{ url: 'u' }],
      },
      usage: {
        prompt_tokens: 3,
        completion_tokens: 4,
        total_tokens: 7,
        prompt_tokens_details: { cached_tokens: 2 },
        completion_tokens_details: { reasoning_tokens: 1 },
      },
      extra: {
        system_fingerprint: 'fp',
        citations: ['c'],
        choices: [{ index: 0, logprobs: { content: [{ token: 'Hi' }] }, stop_reason: 42 }],
      },
    });
  });

  it.each<[string, object[]]>([
    ['with a piece', [{ ...say('x', 'stop'), usage: { prompt_tokens: 1, completion_tokens: 2 } }]],
    [
      'growing with each piece',
      [
        { ...say('x'), usage: { prompt_tokens: 1, completion_tokens: 1 } },
        { ...say('', 'stop'), usage: { prompt_tokens: 1, completion_tokens: 2 } },
      ],
    ],
    [
      'in the choice',
      [delta({ content: 'x' }, 'stop', { usage: { prompt_tokens: 1, completion_tokens: 2 } })],
    ],
    ['in x_groq', [{ ...say('x', 'stop'), x_groq: { usage: { prompt_tokens: 1, completion_tokens: 2 } } }]],
    ['in other words', [say('x', 'stop'), { choices: [], usage: { input_tokens: 1, output_tokens: 2 } }]],
  ])('is the usage, wherever it stands: %s', async (_what, events) => {
    const { usage } = await (await streaming(sse(...events, '[DONE]'))).ask();
    expect(usage).toMatchObject({ prompt_tokens: 1, completion_tokens: 2 });
  });

  it('is all choices, whole and in pieces', async () => {
    const chunk = (index: number, content: string, finish_reason: string | null = null) => ({
      choices: [{ index, delta: { content }, finish_reason }],
    });
    const raw = await start((response, _call, count) => {
      if (count === 1)
        return sendEvents(
          response,
          sse(chunk(0, 'a'), chunk(1, 'b'), chunk(0, 'c', 'stop'), chunk(1, 'd', 'length'), '[DONE]'),
        );
      const choice = (index: number, content: string, finish_reason: string) => ({
        index,
        message: { content },
        finish_reason,
      });
      sendJson(response, { choices: [choice(0, 'ac', 'stop'), choice(1, 'bd', 'length')] });
    });
    const expected = {
      answer: { content: 'ac' },
      finishReason: 'stop',
      extra: {
        choices: [{ index: 1, message: { role: 'assistant', content: 'bd' }, finish_reason: 'length' }],
      },
    };
    const streamed = await raw.ask(request({ n: 2 }));
    expect(streamed).toMatchObject(expected);
    expect(streamed.pieces).toEqual([
      { content: 'a' },
      { content: 'b', index: 1 },
      { content: 'c' },
      { content: 'd', index: 1 },
    ]);
    expect(await raw.ask(request({ n: 2 }))).toMatchObject(expected);
  });

  it('is thoughts in parts of a content', async () => {
    const parts = [
      { type: 'thinking', thinking: [{ type: 'text', text: 'Hm' }] },
      { type: 'text', text: 'Hi' },
    ];
    const { answer } = await (await streaming(sse(say(parts, 'stop')))).ask();
    expect(answer).toMatchObject({ content: 'Hi', reasoning_content: 'Hm' });
  });
});

describe('an error inside a 200', () => {
  const openai = {
    message: 'too long',
    type: 'invalid_request_error',
    param: 'messages',
    code: 'context_length_exceeded',
  };
  const known = {
    code: 'context_length_exceeded',
    param: 'messages',
    type: 'invalid_request_error',
    status: 400,
  };
  it.each<[string, unknown, Fields, boolean]>([
    ["OpenAI's", { error: openai }, known, false],
    [
      "vLLM's",
      {
        object: 'error',
        message: "This model's maximum context length is 4096 tokens.",
        type: 'BadRequestError',
        param: null,
        code: 400,
      },
      { code: 'context_length_exceeded', status: 400, type: 'BadRequestError' },
      false,
    ],
    [
      "vLLM's newer",
      { error: { message: 'bad', type: 'BadRequestError', param: null, code: 400 } },
      { code: '400', status: 400 },
      false,
    ],
    ['a text', { error: 'overloaded' }, { status: null, message: 'overloaded' }, true],
    [
      'in a list',
      [{ error: { code: 429, status: 'RESOURCE_EXHAUSTED', message: 'slow down' } }],
      { status: 429 },
      true,
    ],
    [
      "Anthropic's",
      { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } },
      { type: 'overloaded_error', status: 503 },
      true,
    ],
    [
      'of a gateway',
      { code: 'InvalidParameter', message: 'bad', request_id: 'r' },
      { code: 'InvalidParameter', status: 400 },
      false,
    ],
    ['with a status of its own', { error: { message: 'x', status_code: 422 } }, { status: 422 }, false],
    [
      'of the quota',
      { error: { message: 'You exceeded your current quota', code: 'insufficient_quota' } },
      { code: 'insufficient_quota', status: 429 },
      true,
    ],
  ])('is told with its status and code: %s', async (_what, body, remote, retryable) => {
    for (const raw of [
      await answering(body),
      await streaming(sse(body as object)),
      await streaming(sse(say('Hel'), body as object)),
    ]) {
      const failure = await raw.fail();
      expect(failure.remote).toMatchObject(remote);
      expect(failure.error).toMatchObject({ status: failure.remote!.status, retryable });
    }
  });

  it.each<[string, string, Fields]>([
    [
      'an event named error',
      `${sse(say('x'))}event: error\ndata: {"message":"gone","code":503}\n\n`,
      { status: 503, message: 'gone' },
    ],
    [
      'an event named error with words',
      `event: error\ndata: it burns\n\n`,
      { status: null, message: 'it burns' },
    ],
    [
      'in a choice',
      sse({
        choices: [{ index: 0, delta: {}, finish_reason: 'error', error: { code: 502, message: 'provider' } }],
      }),
      { status: 502, message: 'provider' },
    ],
  ])('may be %s', async (_what, text, remote) => {
    expect((await (await streaming(text)).fail()).remote).toMatchObject(remote);
  });

  it('says that the call was not taken, unless some of the answer was there', async () => {
    const limited = { error: { code: 429, message: 'slow down' } };
    expect((await (await streaming(sse(limited))).fail()).notNow).toBe('rate_limited');
    expect((await (await streaming(sse(say('x'), limited))).fail()).notNow).toBeNull();
  });
});
