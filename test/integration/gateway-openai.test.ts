import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import OpenAI from 'openai';
import type { MessageReceived } from '../../src/domain/message/message.events.js';
import { eventually } from '../support/eventually.js';
import {
  begun,
  type Gateway,
  MODEL,
  request,
  type Servers,
  startGateway,
  startServers,
} from './gateway.rig.js';

type Chunk = OpenAI.Chat.Completions.ChatCompletionChunk;

let servers: Servers;
let gateway: Gateway;
let client: OpenAI;

beforeAll(async () => {
  servers = await startServers();
  gateway = await startGateway(servers);
  client = new OpenAI({ baseURL: `${gateway.baseUrl}/v1`, apiKey: 'none', maxRetries: 0 });
});
afterAll(async () => {
  await gateway?.close();
  await servers?.stop();
});

const question = { model: MODEL, messages: [{ role: 'user' as const, content: 'Hi' }] };

const begin = <T>(ask: () => Promise<T>) => begun(gateway, ask);

async function textOf(stream: AsyncIterable<Chunk>): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
  return text;
}

const post = (body: unknown, headers: Record<string, string> = {}) =>
  request('POST', `${gateway.baseUrl}/v1/chat/completions`, body, headers);

/** The events of a raw stream, as text. */
async function rawStream(body: object): Promise<{ answer: Promise<string>; message: MessageReceived }> {
  return begin(async () => {
    const response = await fetch(`${gateway.baseUrl}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ ...question, stream: true, ...body }),
      headers: { 'content-type': 'application/json' },
    });
    return response.text();
  });
}

const dataOf = (events: string) =>
  events
    .split('\n\n')
    .flatMap((event) => event.split('\n').filter((line) => line.startsWith('data: ')))
    .map((line) => line.slice(6));

describe('a whole completion', () => {
  it('is durable first, and answered from its terminal event', async () => {
    const { answer, message } = await begin(() =>
      client.chat.completions
        .create({ ...question, temperature: 0.5, user: 'alice', metadata: { a: 'b' } })
        .withResponse(),
    );
    expect(message).toMatchObject({
      tenant: 'default',
      lane: 'normal',
      data: {
        request: {
          messages: question.messages,
          model: MODEL,
          parameters: { temperature: 0.5, user: 'alice' },
        },
        ...{ user_id: 'alice', metadata: { a: 'b' }, stream: false, source: 'openai' },
      },
    });
    await gateway.worker.complete(message, { role: 'assistant', content: 'Hello \u0000' });
    const { data, response } = await answer;
    expect(response.headers.get('x-llmq-message-id')).toBe(message.subject);
    expect(data).toEqual({
      ...{ id: `chatcmpl-${message.subject}`, object: 'chat.completion', created: expect.any(Number) },
      ...{ model: 'test-model-1', service_tier: 'default' },
      choices: [
        {
          ...{ index: 0, logprobs: null, finish_reason: 'stop' },
          message: { role: 'assistant', content: 'Hello \u0000', refusal: null },
        },
      ],
      usage: { prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 },
    });
    const read = await request('GET', `${gateway.baseUrl}/api/v1/messages/${message.subject}?wait=60s`);
    expect(read.json).toMatchObject({ status: 'completed', user_id: 'alice', messages: question.messages });
  });

  it('keeps integers that JavaScript rounds, in parameters and tool schemas, as they were written', async () => {
    const tools =
      '[{"type":"function","function":{"name":"f","parameters":{"maximum":18446744073709551615}}}]';
    const written = `{"model":"${MODEL}","messages":[{"role":"user","content":"Hi"}],"seed":9007199254740993,"tools":${tools}}`;
    const { answer, message } = await begin(() =>
      fetch(`${gateway.baseUrl}/v1/chat/completions`, {
        ...{ method: 'POST', body: written, headers: { 'content-type': 'application/json' } },
      }),
    );
    const { exact, parameters } = message.data.request;
    expect(exact).toEqual({
      '/seed': '9007199254740993',
      '/tools/0/function/parameters/maximum': '18446744073709551615',
    });
    expect(Object.keys(parameters)).toEqual(['seed', 'tools']);
    await gateway.worker.complete(message, { content: 'x' });
    await answer;
  });

  it.each([
    ['priority', 'high', 'priority'],
    ['default', 'normal', 'default'],
    ['flex', 'low', 'flex'],
    ['auto', 'normal', 'default'],
  ] as const)('with service_tier %s goes into the lane %s', async (service_tier, lane, told) => {
    const { answer, message } = await begin(() =>
      client.chat.completions.create({ ...question, service_tier }),
    );
    expect(message.lane).toBe(lane);
    expect(message.data.request.parameters).toEqual({});
    await gateway.worker.complete(message, { content: 'x' });
    expect((await answer).service_tier).toBe(told);
  });

  it('takes what only this queue knows from headers', async () => {
    const made = await request('POST', `${gateway.baseUrl}/api/v1/conversations`, { user_id: 'bob' });
    const headers = {
      ...{ 'x-llmq-priority': 'realtime', 'x-llmq-user-id': 'bob', 'x-llmq-conversation-id': made.json.id },
      ...{ 'x-llmq-max-retries': '0', 'x-llmq-timeout-ms': '5000' },
    };
    const { answer, message } = await begin(() => client.chat.completions.create(question, { headers }));
    expect(message).toMatchObject({
      lane: 'realtime',
      data: {
        user_id: 'bob',
        conversation_id: made.json.id,
        max_retries: 0,
        timeout_ms: 5000,
        requested_priority: 'realtime',
      },
    });
    await gateway.worker.complete(message, { content: 'x' });
    await answer;
  });

  it("is a turn of the conversation's user where it names none", async () => {
    const made = await request('POST', `${gateway.baseUrl}/api/v1/conversations`, { user_id: 'carla' });
    const headers = { 'x-llmq-conversation-id': made.json.id };
    const { answer, message } = await begin(() => client.chat.completions.create(question, { headers }));
    expect(message.data).toMatchObject({ user_id: 'carla', conversation_id: made.json.id });
    await gateway.worker.complete(message, { content: 'x' });
    await answer;
  });

  it('carries tools to the model and its calls back', async () => {
    const tools = [{ type: 'function' as const, function: { name: 'look', parameters: { type: 'object' } } }];
    const { answer, message } = await begin(() => client.chat.completions.create({ ...question, tools }));
    expect(message.data.request.parameters).toEqual({ tools });
    const tool_calls = [{ id: 'c1', type: 'function', function: { name: 'look', arguments: '{}' } }];
    await gateway.worker.complete(message, { content: null, tool_calls });
    expect((await answer).choices[0]?.message.tool_calls).toEqual(tool_calls);
  });

  it.each([
    [
      { code: 'endpoint_rejected', message: 'The endpoint answered 400.', retryable: false, status: 400 },
      400,
    ],
    [{ code: 'endpoint_error', message: 'The endpoint answered 500.', retryable: true, status: 500 }, 502],
    [{ code: 'call_timeout', message: 'Not in time.', retryable: true, status: null }, 504],
    [{ code: 'rate_limited', message: 'Slow down.', retryable: true, status: 429 }, 429],
  ])('that failed with %j is told with status %i, and not to try again', async (error, status) => {
    const { answer, message } = await begin(() => client.chat.completions.create(question));
    await gateway.worker.deadLetter(message, error);
    const failed = (await answer.catch((thrown: unknown) => thrown)) as InstanceType<typeof OpenAI.APIError>;
    expect(failed).toMatchObject({ status, code: error.code, error: { message_id: message.subject } });
    expect(failed.headers?.get('x-should-retry')).toBe('false');
  });

  it('goes on without its client', async () => {
    const leaving = new AbortController();
    const { answer, message } = await begin(() =>
      client.chat.completions.create(question, { signal: leaving.signal }),
    );
    leaving.abort();
    await expect(answer).rejects.toThrow('aborted');
    await gateway.worker.complete(message, { content: 'for nobody' });
    const read = await request('GET', `${gateway.baseUrl}/api/v1/messages/${message.subject}?wait=60s`);
    expect(read.json).toMatchObject({ status: 'completed', result: { content: 'for nobody' } });
  });
});

describe('a streamed completion', () => {
  it('sends the pieces as they come, numbered, and ends as OpenAI does', async () => {
    const { answer, message } = await rawStream({ stream_options: { include_usage: true } });
    gateway.worker.piece(message.subject, 1, { role: 'assistant', content: '' });
    gateway.worker.piece(message.subject, 2, { content: 'Hel' });
    gateway.worker.piece(message.subject, 3, { content: 'lo' });
    await gateway.worker.complete(message, { role: 'assistant', content: 'Hello' });
    const events = await answer;
    expect(events.match(/^id: \d+$/gm)).toEqual(['id: 1', 'id: 2', 'id: 3']);
    const data = dataOf(events);
    expect(data.pop()).toBe('[DONE]');
    const chunks = data.map((text) => JSON.parse(text) as Chunk);
    expect(chunks.map(({ choices }) => choices[0]?.delta)).toEqual([
      ...[{ role: 'assistant', content: '' }, { content: 'Hel' }, { content: 'lo' }],
      ...[{}, undefined],
    ]);
    expect(chunks.map(({ choices }) => choices[0]?.finish_reason)).toEqual([
      null,
      null,
      null,
      'stop',
      undefined,
    ]);
    expect(chunks.map(({ usage }) => usage)).toEqual([
      ...[null, null, null, null],
      { prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 },
    ]);
    for (const chunk of chunks) {
      expect(chunk).toMatchObject({
        id: `chatcmpl-${message.subject}`,
        object: 'chat.completion.chunk',
        model: MODEL,
      });
    }
  });

  it('reaches the client piece by piece', async () => {
    const { answer, message } = await begin(() =>
      client.chat.completions.create({ ...question, stream: true }),
    );
    gateway.worker.piece(message.subject, 1, { content: 'first' });
    const pieces = (await answer)[Symbol.asyncIterator]();
    expect((await pieces.next()).value.choices[0].delta).toEqual({ role: 'assistant', content: 'first' });
    gateway.worker.piece(message.subject, 2, { content: ' second' });
    expect((await pieces.next()).value.choices[0].delta).toEqual({ content: ' second' });
    await gateway.worker.complete(message, { content: 'first second third' });
    expect((await pieces.next()).value.choices[0].delta).toEqual({ content: ' third' });
    expect((await pieces.next()).value.choices[0].finish_reason).toBe('stop');
    expect((await pieces.next()).done).toBe(true);
  });

  it('is whole without a single piece', async () => {
    const { answer, message } = await begin(() =>
      client.chat.completions.create({ ...question, stream: true }),
    );
    await gateway.worker.complete(message, { content: 'all at once' });
    expect(await textOf(await answer)).toBe('all at once');
  });

  it('goes on when the next attempt repeats what was sent', async () => {
    const { answer, message } = await begin(() =>
      client.chat.completions.create({ ...question, stream: true }),
    );
    gateway.worker.piece(message.subject, 1, { content: 'The quick' });
    const stream = await answer;
    gateway.worker.piece(message.subject, 1, { content: 'The qu' }, 2);
    gateway.worker.piece(message.subject, 2, { content: 'ick brown fox' }, 2);
    await gateway.worker.complete(message, { content: 'The quick brown fox' });
    expect(await textOf(stream)).toBe('The quick brown fox');
  });

  it('breaks off, naming the message, when the next attempt says something else', async () => {
    const { answer, message } = await begin(() =>
      client.chat.completions.create({ ...question, stream: true }),
    );
    gateway.worker.piece(message.subject, 1, { content: 'The quick' });
    const stream = await answer;
    let text = '';
    const reading = (async () => {
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
    })();
    reading.catch(() => undefined);
    await eventually(() => expect(text).toBe('The quick'));
    gateway.worker.piece(message.subject, 1, { content: 'A slow' }, 2);
    await expect(reading).rejects.toMatchObject({
      code: 'stream_interrupted',
      error: { message_id: message.subject },
    });
    expect(text).toBe('The quick');
  });

  it('tells a failure before the first piece by its status', async () => {
    const { answer, message } = await begin(() =>
      client.chat.completions.create({ ...question, stream: true }),
    );
    const error = { code: 'endpoint_error', message: 'Down.', retryable: true, status: 503 };
    await gateway.worker.deadLetter(message, error);
    await expect(answer).rejects.toMatchObject({ status: 503, code: 'endpoint_error' });
  });

  it('tells a failure behind the first piece by an event', async () => {
    const { answer, message } = await begin(() =>
      client.chat.completions.create({ ...question, stream: true }),
    );
    gateway.worker.piece(message.subject, 1, { content: 'Half' });
    const pieces = (await answer)[Symbol.asyncIterator]();
    expect((await pieces.next()).value.choices[0].delta.content).toBe('Half');
    const error = { code: 'broken_stream', message: 'Broke off.', retryable: true, status: null };
    await gateway.worker.deadLetter(message, error);
    await expect(pieces.next()).rejects.toMatchObject({
      code: 'broken_stream',
      error: { message: 'Broke off.', type: 'server_error', message_id: message.subject },
    });
  });

  it('goes on without its client', async () => {
    const { answer, message } = await begin(() =>
      client.chat.completions.create({ ...question, stream: true }),
    );
    gateway.worker.piece(message.subject, 1, { content: 'Half' });
    (await answer).controller.abort();
    await gateway.worker.complete(message, { content: 'Half of it' });
    const read = await request('GET', `${gateway.baseUrl}/api/v1/messages/${message.subject}?wait=60s`);
    expect(read.json.result.content).toBe('Half of it');
  });
});

describe('a lost notice', () => {
  it('costs nothing: what the broker could not tell is looked up when it is back', async () => {
    const { answer, message } = await begin(() => client.chat.completions.create(question));
    await gateway.worker.completeInSilence(message, 'found');
    await servers.nats.kill();
    await servers.nats.restart();
    expect((await answer).choices[0]?.message.content).toBe('found');
  });
});

describe('refusals', () => {
  const refusals: [what: string, body: unknown, status: number, code: string, param: string | null][] = [
    ['no model', { messages: question.messages }, 400, 'invalid_fields', 'model'],
    ['an unknown model', { ...question, model: 'gpt-none' }, 404, 'model_not_found', 'model'],
    ['no messages', { model: MODEL }, 400, 'invalid_fields', 'messages'],
    ['empty messages', { model: MODEL, messages: [] }, 400, 'invalid_fields', 'messages'],

    ['a tier that is no text', { ...question, service_tier: 5 }, 400, 'invalid_fields', 'service_tier'],
    ['stream as text', { ...question, stream: 'yes' }, 400, 'invalid_fields', 'stream'],
    ['a user with NUL', { ...question, user: '\u0000' }, 400, 'invalid_fields', 'user'],
    ['metadata as a list', { ...question, metadata: [1] }, 400, 'invalid_fields', 'metadata'],
    [
      'a chat too large',
      { model: MODEL, messages: [{ role: 'user', content: 'x'.repeat(1_100_000) }] },
      413,
      'content_too_large',
      'messages',
    ],
    ['broken JSON', '{', 400, 'invalid_json', null],
    ['a list', '[]', 400, 'invalid_fields', 'body'],
  ];

  it.each(refusals)('tells %s in OpenAI’s form and stores nothing', async (_, body, status, code, param) => {
    const before = await gateway.log.lastSequence();
    const refused = await post(body);
    expect(refused.status).toBe(status);
    expect(refused.json).toEqual({
      error: { message: expect.any(String), type: 'invalid_request_error', param, code },
    });
    expect(await gateway.log.lastSequence()).toBe(before);
  });

  it.each([
    ['x-llmq-priority', 'urgent'],
    ['x-llmq-max-retries', 'many'],
    ['x-llmq-timeout-ms', '-1'],
  ])('tells of a wrong header %s', async (name, value) => {
    const refused = await post(question, { [name]: value });
    expect(refused).toMatchObject({ status: 400, json: { error: { param: name } } });
  });
});

describe('models', () => {
  it('are listed, and found by name, with slashes or without', async () => {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    expect(ids).toEqual([MODEL, 'maker/other-model']);
    expect(await client.models.retrieve('maker/other-model')).toMatchObject({
      id: 'maker/other-model',
      object: 'model',
    });
    const plain = await request('GET', `${gateway.baseUrl}/v1/models/maker/other-model`);
    expect(plain.json.id).toBe('maker/other-model');
    await expect(client.models.retrieve('none')).rejects.toMatchObject({
      status: 404,
      code: 'model_not_found',
    });
  });
});

describe('what is not served', () => {
  const ask = (method: string, path: string, headers: Record<string, string> = {}, body?: unknown) =>
    request(method, gateway.baseUrl + path, body, headers);

  it.each([
    ['POST', '/v1/messages', /Chat completions serve the same purpose.*POST \/v1\/chat\/completions/],
    ['GET', '/v1/threads', /\/api\/v1\/conversations.*GET \/v1\/models, GET \/v1\/models\/\{model\}, /],
    ['POST', '/chat/completions', /ends in \/v1, and asks for \/v1\/chat\/completions/],
    ['GET', '/models', /ends in \/v1/],
    ['POST', '/v1/v1/embeddings', /ends in \/v1/],
    ['POST', '/api/v1/chat/completions', /ends in \/v1/],
  ])('is told in OpenAI’s form, with what is served: %s %s', async (method, path, message) => {
    const refused = await ask(method, path, {}, method === 'POST' ? question : undefined);
    expect(refused).toMatchObject({
      status: 404,
      json: { error: { type: 'invalid_request_error', param: null, code: 'not_found' } },
    });
    expect(refused.json.error.message).toMatch(message);
  });

  it('is a method of a route that has others', async () => {
    const refused = await ask('GET', '/v1/chat/completions');
    expect(refused).toMatchObject({
      status: 405,
      json: { error: { type: 'invalid_request_error', param: null, code: 'method_not_allowed' } },
    });
    expect(refused.json.error.message).toContain('with POST');
    expect(refused.headers.get('allow')).toBe('POST');
  });

  it('is a body of another type, and the type is told', async () => {
    for (const [path, told] of [
      ['/v1/chat/completions', (json: { error: { message: string } }) => json.error.message],
      ['/api/v1/messages', (json: { detail: string }) => json.detail],
    ] as const) {
      const refused = await ask('POST', path, { 'content-type': 'text/plain; charset=x' }, 'Hi');
      expect(refused.status).toBe(415);
      expect(told(refused.json)).toContain(
        '`content-type: application/json`. It came with "text/plain; charset=x".',
      );
    }
  });
});

describe('fields of a call', () => {
  it('that are the queue’s by REST’s names are refused by name', async () => {
    const refused = await post({ ...question, max_retries: 2 });
    expect(refused).toMatchObject({ status: 400, json: { error: { param: 'max_retries' } } });
    expect(refused.json.error.message).toContain('x-llmq-max-retries');
    const body = { user_id: 'u', content: 'x', parameters: { delay: '5m' } };
    const overRest = await request('POST', `${gateway.baseUrl}/api/v1/messages`, body);
    expect(overRest).toMatchObject({ status: 422, json: { field: 'parameters' } });
    expect(overRest.json.detail).toContain('delay');
  });

  it('go to the model with the message, store and metadata among them', async () => {
    const fields = { store: true, metadata: { a: 'b' }, prompt_cache_key: 'k', guided_choice: ['x'] };
    const { answer, message } = await begin(() => post({ ...question, ...fields }));
    expect(message.data.request.parameters).toEqual(fields);
    expect(message.data.metadata).toEqual({ a: 'b' });
    await gateway.worker.complete(message, { content: 'x' });
    expect((await answer).status).toBe(200);
  });
});
