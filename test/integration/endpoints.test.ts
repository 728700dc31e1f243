import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { createServer as createTcpServer } from 'node:net';
import { demoAnswer, demoTokens } from '../../src/demo-model/demo-answer.policy.js';
import { type DemoModelServer, startDemoModel } from '../../src/demo-model/demo-server.js';
import { type ModelCall, ModelCallError } from '../../src/dispatch/endpoints/model-endpoint.port.js';
import {
  OpenAiEndpoint,
  type OpenAiEndpointOptions,
} from '../../src/dispatch/endpoints/openai/openai-endpoint.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { inOneOf } from '../support/in-one-of.js';

const closing: (() => Promise<unknown>)[] = [];
let demo: DemoModelServer;

beforeAll(async () => {
  demo = await startDemoModel({ port: 0, tokensPerSecond: 5_000, recordTexts: true });
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});
afterAll(() => demo.close());

function endpointAt(baseUrl: string, options: Partial<OpenAiEndpointOptions> = {}): OpenAiEndpoint {
  const endpoint = new OpenAiEndpoint({
    name: 'test',
    baseUrl,
    models: ['demo'],
    maxConcurrency: 4,
    apiKey: null,
    connectTimeoutMs: 60_000,
    firstTokenTimeoutMs: 60_000,
    ...options,
  });
  closing.unshift(() => endpoint.close());
  return endpoint;
}

function asked(content: string, change: Partial<ModelCall> = {}): ModelCall {
  return {
    messageId: '0197-test',
    request: { content, model: null, parameters: {} },
    model: 'demo',
    timeoutMs: 60_000,
    signal: new AbortController().signal,
    onDelta: () => {},
    ...change,
  };
}

async function failureOf(answer: Promise<unknown>): Promise<ModelCallError> {
  try {
    await answer;
  } catch (error) {
    if (error instanceof ModelCallError) return error;
    throw error;
  }
  throw new Error('The call succeeded.');
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** An endpoint whose every byte is the test's. */
async function rawEndpoint(
  handler: Handler,
  options: Partial<OpenAiEndpointOptions> = {},
): Promise<OpenAiEndpoint> {
  const server = createServer(handler);
  await listen(server);
  const endpoint = endpointAt(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, options);
  closing.push(async () => {
    server.closeAllConnections();
    server.close();
  });
  return endpoint;
}

async function listen(server: Server): Promise<void> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
}

function sse(...data: (object | string)[]): string {
  return data.map((each) => `data: ${typeof each === 'string' ? each : JSON.stringify(each)}\n\n`).join('');
}

const say = (content: string, finish_reason: string | null = null) => ({
  model: 'raw-model',
  choices: [{ index: 0, delta: { content }, finish_reason }],
});
const streaming =
  (...texts: string[]): Handler =>
  (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end(texts.join(''));
  };

describe('an answer', () => {
  it('is assembled from the stream, whose deltas come in order', async () => {
    const deltas: Record<string, unknown>[] = [];
    const content = 'Hello 🌍, 你好';
    const answer = await endpointAt(demo.url).call(
      asked(content, { onDelta: (delta) => deltas.push(delta) }),
    );
    const expected = demoAnswer([{ role: 'user', content }]);
    expect(answer).toMatchObject({
      answer: { role: 'assistant', content: expected },
      finishReason: 'stop',
      model: 'demo',
      usage: { completion_tokens: demoTokens(expected).length },
    });
    expect(answer.firstTokenMs).toBeGreaterThanOrEqual(0);
    expect(deltas.map((delta) => delta.content)).toEqual(demoTokens(expected));
  });

  it('comes over connections that are used again', async () => {
    const ports = new Set<number | undefined>();
    const endpoint = await rawEndpoint((request, response) => {
      ports.add(request.socket.remotePort);
      streaming(sse(say('ok', 'stop'), '[DONE]'))(request, response);
    });
    // An idle connection is closed after some seconds, which a machine that is held up lets pass.
    await inOneOf(5, async () => {
      ports.clear();
      for (let call = 0; call < 20; call += 1) await endpoint.call(asked('x'));
      // Two, since an answer is given at [DONE], a moment before its connection is free again.
      expect(ports.size).toBeLessThanOrEqual(2);
    });
  });

  it('may come as one JSON text although a stream was asked for', async () => {
    const deltas: Record<string, unknown>[] = [];
    const content = '[[demo:json]] in one piece';
    const answer = await endpointAt(demo.url).call(
      asked(content, { onDelta: (delta) => deltas.push(delta) }),
    );
    expect(answer).toMatchObject({
      answer: { content: demoAnswer([{ role: 'user', content }]) },
      finishReason: 'stop',
      usage: { completion_tokens: expect.any(Number) },
    });
    expect(deltas).toHaveLength(1);
  });

  it.each(['[[demo:tool get_weather]]', '[[demo:tool get_weather]] [[demo:json]]'])(
    'may be a tool call: %s',
    async (content) => {
      const { answer, finishReason } = await endpointAt(demo.url).call(asked(content));
      expect(finishReason).toBe('tool_calls');
      expect(answer.content).toBeNull();
      expect(answer['tool_calls']).toEqual([
        {
          id: expect.stringMatching(/^call_/),
          type: 'function',
          function: { name: 'get_weather', arguments: '{"demo":true}' },
        },
      ]);
    },
  );

  it('keeps reasoning, a refusal and several tool calls apart', async () => {
    const delta = (fields: object, finish_reason: string | null = null) => ({
      choices: [{ delta: fields, finish_reason }],
    });
    const call = (index: number, fields: object) => delta({ tool_calls: [{ index, ...fields }] });
    const endpoint = await rawEndpoint(
      streaming(
        sse(
          delta({ role: 'assistant', content: null, refusal: null }),
          delta({ reasoning_content: 'Let me ' }),
          delta({ reasoning_content: 'think.' }),
          call(0, { id: 'a', type: 'function', function: { name: 'one', arguments: '' } }),
          call(1, { id: 'b', type: 'function', function: { name: 'two', arguments: '{' } }),
          call(0, { function: { arguments: '{"x":1}' } }),
          call(1, { function: { arguments: '}' } }),
          delta({ refusal: 'I will ' }),
          delta({ refusal: 'not.' }, 'tool_calls'),
          '[DONE]',
        ),
      ),
    );
    expect((await endpoint.call(asked('x'))).answer).toEqual({
      role: 'assistant',
      content: null,
      reasoning_content: 'Let me think.',
      refusal: 'I will not.',
      tool_calls: [
        { id: 'a', type: 'function', function: { name: 'one', arguments: '{"x":1}' } },
        { id: 'b', type: 'function', function: { name: 'two', arguments: '{}' } },
      ],
    });
  });

  it('is whole without [DONE] and without usage', async () => {
    const answer = await endpointAt(demo.url).call(asked('[[demo:no_done]] [[demo:no_usage]] bye'));
    expect(answer).toMatchObject({ finishReason: 'stop', usage: null });
  });

  it('is given although the endpoint never ends the response after it', async () => {
    const endpoint = await rawEndpoint((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(
        sse(
          say('all there', 'stop'),
          { choices: [], usage: { prompt_tokens: 3, completion_tokens: 2 } },
          '[DONE]',
        ),
      );
    });
    const answer = await endpoint.call(asked('x', { timeoutMs: 200_000 }));
    expect(answer).toMatchObject({
      answer: { content: 'all there' },
      usage: { prompt_tokens: 3, completion_tokens: 2 },
    });
  });

  it('survives that characters, lines and keep-alive comments are cut anywhere', async () => {
    const text = `: OPENROUTER PROCESSING\n\n${sse(say('你好 '), say('🌍\u0000\n'), say('é', 'stop'), '[DONE]').replaceAll('\n', '\r\n')}`;
    const endpoint = await rawEndpoint(async (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const byte of Buffer.from(text)) {
        response.write(Buffer.of(byte));
        await new Promise(setImmediate);
      }
      response.end();
    });
    expect((await endpoint.call(asked('x'))).answer.content).toBe('你好 🌍\u0000\né');
  });

  it('has the model that the endpoint says, and no usage where the numbers are none', async () => {
    const usage = { prompt_tokens: -1, completion_tokens: 2.5 };
    const endpoint = await rawEndpoint(streaming(sse(say('x', 'stop'), { choices: [], usage }, '[DONE]')));
    expect(await endpoint.call(asked('x'))).toMatchObject({ model: 'raw-model', usage: null });
  });
});

describe('a request', () => {
  it("carries the parameters and the trace, and none of the queue's own fields", async () => {
    const content = 'what was asked';
    const parameters = {
      temperature: 0.1,
      priority: 'high',
      service_tier: 'flex',
      user_id: 'u',
    };
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const endpoint = endpointAt(demo.url, { apiKey: 'sk-test' });
    await endpoint.call(asked(content, { request: { content, model: null, parameters }, traceparent }));
    expect(demo.calls().calls.find((call) => call.text === content)).toMatchObject({
      traceparent,
      authorized: true,
      body: {
        temperature: 0.1,
        model: 'demo',
        messages: [{ role: 'user', content }],
        stream: true,
        stream_options: { include_usage: true },
      },
    });
  });

  it('goes to the path below the base URL, with the key', async () => {
    const seen: unknown[] = [];
    const server = createServer((request, response) => {
      seen.push([request.method, request.url, request.headers.authorization]);
      streaming(sse(say('ok', 'stop')))(request, response);
    });
    await listen(server);
    closing.push(async () => server.close());
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/gateway/v1/`;
    await endpointAt(base, { apiKey: 'sk-test' }).call(asked('x'));
    expect(seen).toEqual([['POST', '/gateway/v1/chat/completions', 'Bearer sk-test']]);
  });
});

describe('a failure', () => {
  it.each([
    ['[[demo:fail 500]]', 'endpoint_error', true, 500],
    ['[[demo:fail 408]]', 'endpoint_error', true, 408],
    ['[[demo:fail 422]]', 'endpoint_rejected', false, 422],
    ['[[demo:fail 401]]', 'endpoint_unauthorized', false, 401],
    ['[[demo:break]]', 'connection_lost', true, null],
    ['[[demo:break after=3]]', 'broken_stream', true, null],
    ['[[demo:error after=3]]', 'endpoint_error', true, null],
    ['[[demo:garbage after=3]]', 'malformed_answer', true, null],
  ])('%s is %s, retryable: %s', async (content, code, retryable, status) => {
    const { error, retryAfterMs } = await failureOf(endpointAt(demo.url).call(asked(content)));
    expect(error).toMatchObject({ code, retryable, status });
    expect(retryAfterMs).toBeNull();
  });

  it('tells how long the endpoint wants to be left alone', async () => {
    const failure = await failureOf(endpointAt(demo.url).call(asked('[[demo:429 retry_after=3]]')));
    expect(failure).toMatchObject({
      error: { code: 'rate_limited', retryable: true, status: 429 },
      retryAfterMs: 3_000,
    });
  });

  it("tells the endpoint's own words", async () => {
    const { error } = await failureOf(endpointAt(demo.url).call(asked('x', { model: 'gpt-0' })));
    expect(error).toEqual({
      code: 'endpoint_rejected',
      message: 'The endpoint answered 404: The model `gpt-0` does not exist.',
      retryable: false,
      status: 404,
    });
  });

  it('never tells the key, nor more than is fit to read', async () => {
    const key = 'sk-very-secret-key';
    const body = JSON.stringify({ error: { message: `Bad key ${key}\u0000 ${'\ud83d\ude00'.repeat(400)}` } });
    const endpoint = await rawEndpoint((_, response) => response.writeHead(401).end(body), { apiKey: key });
    const { error } = await failureOf(endpoint.call(asked('x')));
    expect(error.message).toMatch(/^The endpoint answered 401: Bad key \[key\]/);
    expect(error.message.length).toBeLessThan(600);
    expect(error.message).not.toMatch(/\p{Surrogate}|\p{Cc}/u);
  });

  it.each([
    ['an HTML page', 'text/html', '<html>Bad gateway</html>', 'malformed_answer'],
    ['nothing', 'text/event-stream', '', 'malformed_answer'],
    ['only [DONE]', 'text/event-stream', sse('[DONE]'), 'malformed_answer'],
    ['JSON without an answer', 'application/json', '{"ok":true}', 'malformed_answer'],
    ['JSON that is cut', 'application/json', '{"choices":[', 'malformed_answer'],
    ['a stream that ends early', 'text/event-stream', sse(say('Hel')), 'broken_stream'],
  ])('of an endpoint that sends %s is told', async (_what, type, text, code) => {
    const endpoint = await rawEndpoint((_, response) =>
      response.writeHead(200, { 'content-type': type }).end(text),
    );
    expect((await failureOf(endpoint.call(asked('x')))).error).toMatchObject({ code, retryable: true });
  });

  it('inside a stream is not retried where the request was wrong', async () => {
    const error = { message: 'too long', type: 'BadRequestError', code: 400 };
    const endpoint = await rawEndpoint(streaming(sse(say('Hel'), { error })));
    expect((await failureOf(endpoint.call(asked('x')))).error).toMatchObject({
      code: 'endpoint_rejected',
      retryable: false,
      message: expect.stringContaining('too long'),
    });
  });

  it('is a redirect, which is not followed', async () => {
    const endpoint = await rawEndpoint((_, response) =>
      response.writeHead(307, { location: demo.url }).end(),
    );
    expect((await failureOf(endpoint.call(asked('x')))).error).toMatchObject({
      retryable: false,
      status: 307,
    });
  });

  it('is an answer that no event could hold', async () => {
    const piece = 'x'.repeat(1024 * 1024);
    const endpoint = await rawEndpoint(
      streaming(sse(...Array.from({ length: 5 }, () => say(piece)), say('', 'stop'))),
    );
    expect((await failureOf(endpoint.call(asked('x')))).error).toMatchObject({
      code: 'answer_too_large',
      retryable: false,
    });
  });

  it('is an answer that grows too large once it is written as JSON', async () => {
    const piece = '\u0000'.repeat(256 * 1024);
    const pieces = Array.from({ length: 4 }, () => say(piece));
    const endpoint = await rawEndpoint(streaming(sse(...pieces, say('', 'stop'), '[DONE]')));
    expect((await failureOf(endpoint.call(asked('x')))).error).toMatchObject({ code: 'answer_too_large' });
  });

  it('is a server that is not there', async () => {
    const endpoint = endpointAt(`http://127.0.0.1:${await freePort()}/v1`);
    expect((await failureOf(endpoint.call(asked('x')))).error).toMatchObject({
      code: 'endpoint_unreachable',
      retryable: true,
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });

  it('is a server that never takes the connection', async () => {
    // TEST-NET-1 (RFC 5737): no route, or packets that nobody answers; either way no connection.
    const endpoint = endpointAt('http://192.0.2.1:9/v1', { connectTimeoutMs: 500 });
    const { error } = await failureOf(endpoint.call(asked('x')));
    expect(['connect_timeout', 'endpoint_unreachable']).toContain(error.code);
    expect(error.retryable).toBe(true);
  });

  it('is a server that speaks something else', async () => {
    const server = createTcpServer((socket) => socket.resume().end('220 smtp.example.com ESMTP\r\n'));
    await listen(server);
    closing.push(async () => server.close());
    const endpoint = endpointAt(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`);
    expect((await failureOf(endpoint.call(asked('x')))).error).toMatchObject({
      code: 'malformed_answer',
      retryable: true,
    });
  });
});

describe('a time limit', () => {
  it('strikes an endpoint that sends nothing', async () => {
    const endpoint = endpointAt(demo.url, { firstTokenTimeoutMs: 200 });
    expect((await failureOf(endpoint.call(asked('[[demo:hang]]')))).error).toMatchObject({
      code: 'first_token_timeout',
      retryable: true,
    });
  });

  it('strikes an endpoint that sends headers only', async () => {
    const endpoint = await rawEndpoint(
      (_, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.flushHeaders();
      },
      { firstTokenTimeoutMs: 200 },
    );
    expect((await failureOf(endpoint.call(asked('x')))).error.code).toBe('first_token_timeout');
  });

  it('does not strike a slow answer whose first token came in time', async () => {
    const endpoint = endpointAt(demo.url, { firstTokenTimeoutMs: 1_500 });
    // On a machine that is held up it does not come in time.
    await inOneOf(5, async () => {
      const { answer } = await endpoint.call(asked('[[demo:tokens 20]] [[demo:rate 10]]'));
      expect(answer.content).toMatch(/word20$/);
    });
  });

  it('strikes an endpoint that goes silent in the middle, and frees its connection', async () => {
    const content = '[[demo:hang after=2]] over';
    const failure = await failureOf(endpointAt(demo.url).call(asked(content, { timeoutMs: 5_000 })));
    expect(failure.error).toMatchObject({ code: 'call_timeout', retryable: true });
    await left(content);
  });

  it('lets an error status through although its body never ends', async () => {
    const endpoint = await rawEndpoint((_, response) => {
      response.writeHead(503, { 'retry-after': '1' });
      response.write('overload');
    });
    const failure = await failureOf(endpoint.call(asked('x')));
    expect(failure).toMatchObject({
      error: { status: 503, message: expect.stringContaining('overload') },
      retryAfterMs: 1_000,
    });
  });
});

/** Resolves once the demo model has noticed that nobody listens to its answer any more. */
function left(text: string): Promise<void> {
  return eventually(() =>
    expect(demo.calls().calls.find((call) => call.text === text)?.outcome).toBe('left'),
  );
}

describe('an abort', () => {
  it.each(['[[demo:hang]] abort 1', '[[demo:tokens 5000]] [[demo:rate 10]] abort 2'])(
    'rejects at once with its reason and closes the connection: %s',
    async (content) => {
      const abort = new AbortController();
      // No time limit ends it meanwhile.
      const endpoint = endpointAt(demo.url, { firstTokenTimeoutMs: 280_000 });
      const call = endpoint.call(asked(content, { signal: abort.signal, timeoutMs: 280_000 }));
      await eventually(() => expect(demo.calls().calls.some((each) => each.text === content)).toBe(true));
      const reason = new Error('cancelled by the user');
      abort.abort(reason);
      const abortedMs = performance.now();
      await expect(call).rejects.toBe(reason);
      await left(content);
      expect(performance.now() - abortedMs).toBeLessThan(100_000);
    },
  );

  it('before the call sends nothing', async () => {
    const reason = new Error('too late');
    const { total } = demo.calls();
    await expect(endpointAt(demo.url).call(asked('x', { signal: AbortSignal.abort(reason) }))).rejects.toBe(
      reason,
    );
    expect(demo.calls().total).toBe(total);
  });

  it('while it connects does not wait for the connection', async () => {
    const abort = new AbortController();
    const call = endpointAt('http://192.0.2.1:9/v1').call(asked('x', { signal: abort.signal }));
    abort.abort(new Error('gone'));
    await expect(call).rejects.toThrow('gone');
  });

  it('leaves the endpoint fit for the next call', async () => {
    const endpoint = endpointAt(demo.url, { maxConcurrency: 1 });
    const first = endpoint.call(asked('[[demo:hang]] x', { signal: AbortSignal.timeout(100) }));
    await expect(first).rejects.toThrow();
    expect((await endpoint.call(asked('next'))).finishReason).toBe('stop');
  });
});

describe('closing', () => {
  it('fails what runs', async () => {
    const endpoint = endpointAt(demo.url);
    const call = failureOf(endpoint.call(asked('[[demo:hang]] close')));
    await eventually(() =>
      expect(demo.calls().calls.some((each) => each.text?.endsWith('close'))).toBe(true),
    );
    await endpoint.close();
    expect((await call).error.retryable).toBe(true);
  });
});
