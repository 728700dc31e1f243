import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NatsConnection } from '@nats-io/transport-node';
import OpenAI from 'openai';
import { TRIES_SUBJECT } from '../../src/broker/streams.js';
import type { MessageReceived } from '../../src/domain/message/message.events.js';
import { NATS } from '../../src/platform/tokens.js';
import { eventually } from '../support/eventually.js';
import {
  connectTo,
  type Gateway,
  MODEL,
  request,
  type Servers,
  startGateway,
  startServers,
} from './gateway.rig.js';

const OTHER_MODEL = 'maker/other-model';

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

/** Begins a request, and waits until its message is in the log. */
async function begin<T>(
  ask: () => Promise<T>,
  at = gateway,
): Promise<{ answer: Promise<T>; message: MessageReceived }> {
  const before = await at.log.lastSequence();
  const answer = ask();
  answer.catch(() => undefined);
  return { answer, message: await at.worker.received(before) };
}

const post = (path: string, body: object, headers: Record<string, string> = {}, at = gateway) =>
  request('POST', `${at.baseUrl}${path}`, body, headers);

const chat = (headers: Record<string, string> = {}, more: object = {}, at = gateway) =>
  post('/v1/chat/completions', { ...question, ...more }, headers, at);

const read = (id: string, at = gateway) => request('GET', `${at.baseUrl}/api/v1/messages/${id}`);

/** The data of each event of a stream, without its end. */
function chunksIn(events: string) {
  const lines = events.split('\n').filter((line) => line.startsWith('data: '));
  expect(lines.at(-1)).toBe('data: [DONE]');
  // biome-ignore lint/suspicious/noExplicitAny: tests look into chunks of many shapes.
  return lines.slice(0, -1).map((line) => JSON.parse(line.slice(6)) as any);
}

describe('what only this queue knows', () => {
  it.each([
    ['the header x-llmq-ttl', { 'x-llmq-ttl': '30s' }, {}],
    ['the header x-llmq-ttl in seconds', { 'x-llmq-ttl': '30' }, {}],
    ['the field ttl', {}, { ttl: 30 }],
    ['the header rather than the field', { 'x-llmq-ttl': '30s' }, { deadline: '2099-01-01T00:00:00Z' }],
  ])('is a deadline, by %s, and does not reach the model', async (_, headers, fields) => {
    const { answer, message } = await begin(() => chat(headers, { ...fields, temperature: 0 }));
    expect(Date.parse(message.data.deadline!) - Date.parse(message.time)).toBe(30_000);
    expect(message.data.request.parameters).toEqual({ temperature: 0 });
    await gateway.worker.complete(message, { content: 'x' });
    await answer;
  });

  it('may be a time', async () => {
    const deadline = new Date(Date.now() + 3_600_000).toISOString();
    const { answer, message } = await begin(() => chat({ 'x-llmq-deadline': deadline }));
    expect(message.data.deadline).toBe(deadline);
    await gateway.worker.complete(message, { content: 'x' });
    await answer;
  });

  it('is where the message may be answered', async () => {
    const headers = {
      ...{ 'x-llmq-fallbacks': ` ${OTHER_MODEL} , ${MODEL}`, 'x-llmq-strategy': 'round_robin' },
      ...{ 'x-llmq-session': 'cart 7', 'x-llmq-failover': 'restart' },
    };
    const { answer, message } = await begin(() => chat(headers));
    expect(message.data.request.routing).toEqual({
      ...{ fallbacks: [OTHER_MODEL, MODEL], strategy: 'round_robin', session: 'cart 7', failover: 'restart' },
    });
    await gateway.worker.complete(message, { content: 'x' });
    await answer;
  });

  it('is told by fields over REST', async () => {
    const routing = { strategy: 'adaptive_load', session: 's' };
    const body = { user_id: 'ann', content: 'Hi', fallbacks: [OTHER_MODEL], failover: 'fail', routing };
    const { message } = await begin(() => post('/api/v1/messages', body));
    expect(message.data.request.routing).toEqual({ fallbacks: [OTHER_MODEL], failover: 'fail', ...routing });
    const unserved = await post('/api/v1/messages', { ...body, fallbacks: ['none'] });
    expect(unserved).toMatchObject({ status: 422, json: { code: 'unknown_model', field: 'fallbacks' } });
  });

  it.each([
    [{ 'x-llmq-ttl': 'soon' }, 'x-llmq-ttl'],
    [{ 'x-llmq-deadline': 'tomorrow' }, 'x-llmq-deadline'],
    [{ 'x-llmq-deadline': '2001-01-01T00:00:00Z' }, 'deadline'],
    [{ 'x-llmq-ttl': '5s', 'x-llmq-deadline': '2099-01-01T00:00:00Z' }, 'deadline'],
    [{ 'x-llmq-strategy': 'best' }, 'x-llmq-strategy'],
    [{ 'x-llmq-failover': 'maybe' }, 'x-llmq-failover'],
    [{ 'x-llmq-on-disconnect': 'stay' }, 'x-llmq-on-disconnect'],
  ])('is refused where it makes no sense: %j', async (headers, param) => {
    expect(await chat(headers)).toMatchObject({ status: 400, json: { error: { param } } });
  });

  it('names models that are served', async () => {
    expect(await chat({ 'x-llmq-fallbacks': 'none' })).toMatchObject({
      status: 404,
      json: { error: { code: 'model_not_found', param: 'fallbacks' } },
    });
  });

  it('leaves the time-out of an SDK alone, unless it is to be the deadline', async () => {
    const patient = await begin(() => chat({ 'x-stainless-timeout': '60' }));
    expect(patient.message.data.deadline).toBeNull();
    await gateway.worker.complete(patient.message, { content: 'x' });
    await patient.answer;
  });
});

describe('configured otherwise', () => {
  let other: Gateway;
  beforeAll(async () => {
    const openai = { client_timeout: 'deadline', on_disconnect: 'cancel', endpoint_errors: 'hide' };
    other = await startGateway(servers, { openai });
  });
  afterAll(async () => other?.close());

  it('takes the time-out of an SDK for the deadline, but not against what the client says', async () => {
    const sdk = new OpenAI({ baseURL: `${other.baseUrl}/v1`, apiKey: 'none', maxRetries: 0 });
    const first = await begin(() => sdk.chat.completions.create(question, { timeout: 45_000 }), other);
    expect(Date.parse(first.message.data.deadline!) - Date.parse(first.message.time)).toBe(45_000);
    await other.worker.complete(first.message, { content: 'x' });
    await first.answer;
    const headers = { 'x-stainless-timeout': '45', 'x-llmq-ttl': '10s' };
    const second = await begin(() => chat(headers, {}, other), other);
    expect(Date.parse(second.message.data.deadline!) - Date.parse(second.message.time)).toBe(10_000);
    await other.worker.complete(second.message, { content: 'x' });
    await second.answer;
    const odd = await begin(() => chat({ 'x-stainless-timeout': 'NaN' }, {}, other), other);
    expect(odd.message.data.deadline).toBeNull();
    await other.worker.complete(odd.message, { content: 'x' });
    await odd.answer;
  });

  it('cancels the message of a client that goes away, unless that asks for it to go on', async () => {
    for (const [headers, status] of [
      [{}, 'cancelled'],
      [{ 'x-llmq-on-disconnect': 'continue' }, 'pending'],
    ] as const) {
      const leaving = new AbortController();
      const { message } = await begin(
        () =>
          fetch(`${other.baseUrl}/v1/chat/completions`, {
            ...{ method: 'POST', signal: leaving.signal, body: JSON.stringify(question) },
            headers: { 'content-type': 'application/json', ...headers },
          }),
        other,
      );
      leaving.abort();
      await new Promise((resolve) => setTimeout(resolve, 300));
      await eventually(async () =>
        expect((await read(message.subject, other)).json).toMatchObject({ status }),
      );
    }
  });

  it("leaves out an endpoint's words, and tells its code", async () => {
    const { answer, message } = await begin(() => chat({}, {}, other), other);
    await other.worker.deadLetter(message, TOO_LONG);
    expect((await answer).json.error).toMatchObject({
      message: 'The endpoint answered 400.',
      code: 'context_length_exceeded',
    });
  });
});

const TOO_LONG = {
  ...{ code: 'context_length_exceeded', message: 'The endpoint answered 400: Too long.', retryable: false },
  status: 400,
  remote: { status: 400, code: 'context_length_exceeded', type: 'their_error', param: 'messages' },
};

describe('a client that goes away', () => {
  it('cancels its message where it said so', async () => {
    const leaving = new AbortController();
    const { answer, message } = await begin(() =>
      client.chat.completions.create(
        { ...question, stream: true },
        { signal: leaving.signal, headers: { 'x-llmq-on-disconnect': 'cancel' } },
      ),
    );
    gateway.worker.piece(message.subject, 1, { content: 'Half' });
    await answer;
    leaving.abort();
    await eventually(async () =>
      expect((await read(message.subject)).json).toMatchObject({ status: 'cancelled' }),
    );
    const events = await request('GET', `${gateway.baseUrl}/api/v1/messages/${message.subject}/events`);
    expect(JSON.stringify(events.json)).toContain('the client went away');
  });

  it('cancels nothing while another request waits for the same message', async () => {
    const leaving = new AbortController();
    const headers = {
      ...{ 'idempotency-key': 'both', 'x-llmq-on-disconnect': 'cancel' },
      'content-type': 'application/json',
    };
    const stream = (signal: AbortSignal | null) =>
      fetch(`${gateway.baseUrl}/v1/chat/completions`, {
        ...{ method: 'POST', headers, signal, body: JSON.stringify({ ...question, stream: true }) },
      });
    const first = await begin(() => stream(leaving.signal));
    gateway.worker.piece(first.message.subject, 1, { content: 'for ' });
    await first.answer;
    // It has its headers when it waits as the first one does.
    const second = stream(null);
    await eventually(async () => {
      gateway.worker.piece(first.message.subject, 1, { content: 'for ' });
      expect(await Promise.race([second, sleep(50, null)])).not.toBeNull();
    });
    leaving.abort();
    await sleep(500);
    await gateway.worker.complete(first.message, { content: 'for the other' });
    const text = await (await second).text();
    expect(
      chunksIn(text)
        .map(({ choices }) => choices[0].delta.content ?? '')
        .join(''),
    ).toBe('for the other');
  });
});

describe('what an endpoint said', () => {
  const usage = { prompt_tokens: 3, completion_tokens: 5, prompt_tokens_details: { cached_tokens: 2 } };
  const logprobs = { content: [{ token: 'a', logprob: -1, bytes: null, top_logprobs: [] }] };
  const extra = {
    ...{ system_fingerprint: 'fp_1', citations: ['https://example.com'] },
    choices: [
      { index: 0, logprobs, stop_reason: null },
      { index: 1, message: { role: 'assistant', content: 'two' }, finish_reason: 'length' },
    ],
  };

  it('is in the whole answer', async () => {
    const { answer, message } = await begin(() => chat({}, { n: 2 }));
    expect(message.data.request.parameters).toEqual({ n: 2 });
    await gateway.worker.complete(message, { content: 'one' }, { extra, usage });
    expect((await answer).json).toMatchObject({
      ...{ system_fingerprint: 'fp_1', citations: ['https://example.com'] },
      choices: [
        { index: 0, message: { content: 'one' }, finish_reason: 'stop', logprobs, stop_reason: null },
        { index: 1, message: { content: 'two', role: 'assistant' }, finish_reason: 'length', logprobs: null },
      ],
      usage: { ...usage, total_tokens: 8 },
    });
  });

  it('is in the stream, with each of several answers', async () => {
    const { answer, message } = await begin(() =>
      chat({}, { n: 2, stream: true, stream_options: { include_usage: true } }),
    );
    gateway.worker.piece(message.subject, 1, { content: 'o' });
    gateway.worker.piece(message.subject, 2, { index: 1, content: 'tw' });
    await gateway.worker.complete(message, { content: 'one' }, { extra, usage });
    const chunks = chunksIn(String((await answer).json));
    const of = (index: number) =>
      chunks.flatMap(({ choices }) => choices).filter((choice) => choice.index === index);
    const textOf = (index: number) =>
      of(index)
        .map(({ delta }) => delta.content ?? '')
        .join('');
    expect([textOf(0), textOf(1)]).toEqual(['one', 'two']);
    expect([of(0), of(1)].map((each) => each.map((choice) => choice.finish_reason))).toEqual([
      [null, null, 'stop'],
      [null, null, 'length'],
    ]);
    expect(of(0).find((choice) => choice.logprobs !== null).logprobs).toEqual(logprobs);
    expect(chunks.at(-2)).toMatchObject({ system_fingerprint: 'fp_1', citations: ['https://example.com'] });
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { ...usage, total_tokens: 8 } });
  });

  it('is all answers of a message that asked for several, over REST too', async () => {
    const { answer, message } = await begin(() => chat({}, { n: 2 }));
    await gateway.worker.complete(message, { content: 'one' }, { extra, usage });
    await answer;
    const { result } = await eventually(async () => {
      const { json } = await read(message.subject);
      expect(json.status).toBe('completed');
      return json;
    });
    expect(result).toMatchObject({ content: 'one', finish_reason: 'stop' });
    expect(result.choices).toEqual([
      { index: 0, content: 'one', finish_reason: 'stop' },
      { index: 1, content: 'two', finish_reason: 'length' },
    ]);
  });

  it('is counted where it said nothing of its usage, and told to be so', async () => {
    const accounting = {
      ...{ model: MODEL, estimated: true, input_tokens: 9, output_tokens: 4, cached_tokens: null },
      ...{ reasoning_tokens: null, price: null, cost_nanos: null },
    };
    const unsaid = { usage: null, accounting };
    const counted = {
      usage: { prompt_tokens: 9, completion_tokens: 4, total_tokens: 13 },
      llmq_usage: 'estimated',
    };
    const whole = await begin(() => chat());
    await gateway.worker.complete(whole.message, { content: 'one' }, unsaid);
    expect((await whole.answer).json).toMatchObject(counted);

    const asked = await begin(() => chat({}, { stream: true, stream_options: { include_usage: true } }));
    await gateway.worker.complete(asked.message, { content: 'one' }, unsaid);
    const chunks = chunksIn(String((await asked.answer).json));
    expect(chunks.at(-1)).toMatchObject({ choices: [], ...counted });
    for (const chunk of chunks.slice(0, -1)) expect(chunk.usage).toBeNull();

    const silent = await begin(() => chat({}, { stream: true }));
    await gateway.worker.complete(silent.message, { content: 'one' }, unsaid);
    for (const chunk of chunksIn(String((await silent.answer).json))) {
      expect(chunk).not.toHaveProperty('usage');
      expect(chunk).not.toHaveProperty('llmq_usage');
    }

    const vectors = await begin(() => post('/v1/embeddings', { model: MODEL, input: 'one' }));
    const none = { usage: null, accounting: { ...accounting, output_tokens: 0 } };
    await gateway.worker.complete(vectors.message, { content: null, object: 'list', data: [] }, none);
    expect((await vectors.answer).json).toMatchObject({
      usage: { prompt_tokens: 9 },
      llmq_usage: 'estimated',
    });

    const unknown = await begin(() => chat());
    await gateway.worker.complete(unknown.message, { content: 'one' }, { usage: null });
    expect((await unknown.answer).json).not.toHaveProperty('usage');
  });

  it('arrives whole at readers that cut lines at any line end of Unicode', async () => {
    const { answer, message } = await begin(() => chat({}, { stream: true }));
    const content = 'a\u2028b\u2029c\u0085d';
    await gateway.worker.complete(message, { content });
    const text = String((await answer).json);
    expect(text).not.toMatch(/[\u0085\u2028\u2029]/);
    expect(chunksIn(text)[0].choices[0].delta.content).toBe(content);
  });

  it('names the model that answers, in every piece', async () => {
    const { answer, message } = await begin(() => chat({}, { stream: true }));
    gateway.worker.piece(message.subject, 1, { content: 'He' }, 1, OTHER_MODEL);
    gateway.worker.piece(message.subject, 2, { content: 'llo' }, 1, OTHER_MODEL);
    await gateway.worker.complete(message, { content: 'Hello' }, { model: OTHER_MODEL });
    const models = chunksIn(String((await answer).json)).map(({ model }) => model);
    expect(models).toEqual([OTHER_MODEL, OTHER_MODEL, OTHER_MODEL]);
    const whole = await begin(() => chat({}, { stream: true }));
    await gateway.worker.complete(whole.message, { content: 'Hello' }, { model: OTHER_MODEL });
    const told = chunksIn(String((await whole.answer).json)).map(({ model }) => model);
    expect(new Set(told)).toEqual(new Set([OTHER_MODEL]));
  });

  it('of a failure is told with ours beside it', async () => {
    const { answer, message } = await begin(() => client.chat.completions.create(question));
    await gateway.worker.deadLetter(message, TOO_LONG);
    await expect(answer).rejects.toMatchObject({
      ...{ status: 400, code: 'context_length_exceeded', type: 'their_error', param: 'messages' },
      error: { message: TOO_LONG.message, llmq_code: 'context_length_exceeded' },
    });
  });

  it('of an overload is told with its status and its time', async () => {
    const { answer, message } = await begin(() => chat());
    const error = { code: 'endpoint_error', message: 'Busy.', retryable: true, status: 503 };
    await gateway.worker.deadLetter(message, { ...error, retry_after_ms: 1_500 });
    const { status, headers } = await answer;
    expect(status).toBe(503);
    expect(headers.get('retry-after')).toBe('2');
    expect(headers.get('x-should-retry')).toBe('false');
  });
});

describe('a completion', () => {
  it('is a message of its own kind', async () => {
    const { answer, message } = await begin(() =>
      client.completions.create(
        { model: MODEL, prompt: 'Once upon', max_tokens: 5, user: 'ann' },
        { headers: { 'x-llmq-priority': 'low' } },
      ),
    );
    expect(message).toMatchObject({ lane: 'low', data: { user_id: 'ann', stream: false } });
    expect(message.data.request).toEqual({
      ...{ kind: 'completion', model: MODEL },
      parameters: { prompt: 'Once upon', max_tokens: 5, user: 'ann' },
    });
    await gateway.worker.complete(message, { content: ' a time' });
    expect(await answer).toEqual({
      ...{ id: `cmpl-${message.subject}`, object: 'text_completion', created: expect.any(Number) },
      ...{ model: 'test-model-1', service_tier: 'low' === message.lane ? 'flex' : 'default' },
      choices: [{ index: 0, text: ' a time', logprobs: null, finish_reason: 'stop' }],
      usage: { prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 },
    });
  });

  it('streams', async () => {
    const { answer, message } = await begin(() =>
      client.completions.create({ model: MODEL, prompt: ['Once', 'Twice'], stream: true }),
    );
    gateway.worker.piece(message.subject, 1, { content: ' a' });
    const stream = await answer;
    gateway.worker.piece(message.subject, 2, { index: 1, content: ' as' });
    const choices = [{ index: 1, message: { content: ' as much' }, finish_reason: 'stop' }];
    await gateway.worker.complete(message, { content: ' a time' }, { extra: { choices } });
    const texts = ['', ''];
    const ends: (string | null)[][] = [[], []];
    for await (const { object, choices: told } of stream) {
      expect(object).toBe('text_completion');
      for (const { index, text, finish_reason } of told) {
        texts[index] += text;
        ends[index]!.push(finish_reason);
      }
    }
    expect(texts).toEqual([' a time', ' as much']);
    expect(ends).toEqual([
      [null, null, 'stop'],
      [null, null, 'stop'],
    ]);
  });

  it.each([
    [{ prompt: undefined }, {}, 'prompt'],
    [{ prompt: 7 }, {}, 'prompt'],
    [{ prompt: [] }, {}, 'prompt'],
    [{}, { 'x-llmq-conversation-id': 'c' }, 'x-llmq-conversation-id'],
  ])('is refused with %j %j', async (fields, headers, param) => {
    const body = { model: MODEL, prompt: 'x', ...fields };
    expect(await post('/v1/completions', body, headers)).toMatchObject({
      status: 400,
      json: { error: { param } },
    });
  });
});

describe('embeddings', () => {
  it('come as the endpoint sent them, in the form that an SDK asks for by itself', async () => {
    const vectors = [
      [0.5, -0.25, 1e-7],
      [1, 2, 3],
    ];
    const base64 = (floats: number[]) => Buffer.from(new Float32Array(floats).buffer).toString('base64');
    const { answer, message } = await begin(() =>
      client.embeddings.create({ model: MODEL, input: ['one', 'two'], dimensions: 3 }),
    );
    expect(message.data.request).toEqual({
      ...{ kind: 'embeddings', model: MODEL },
      parameters: { input: ['one', 'two'], dimensions: 3, encoding_format: 'base64' },
    });
    const data = vectors.map((each, index) => ({ object: 'embedding', index, embedding: base64(each) }));
    const usage = { prompt_tokens: 4, completion_tokens: 0, total_tokens: 4 };
    await gateway.worker.complete(message, { content: null, object: 'list', data }, { usage });
    const told = await answer;
    expect(told).toMatchObject({ object: 'list', model: 'test-model-1', usage: { total_tokens: 4 } });
    expect(told.usage).not.toHaveProperty('completion_tokens');
    expect(told.data.map(({ embedding }) => [...embedding])).toEqual(
      vectors.map((each) => [...new Float32Array(each)]),
    );
  });

  it('are passed on in floats as well', async () => {
    const body = { model: MODEL, input: [1, 2, 3], encoding_format: 'float' };
    const { answer, message } = await begin(() => post('/v1/embeddings', body));
    const data = [{ object: 'embedding', index: 0, embedding: [0.1, -1e-300, 5e-324] }];
    await gateway.worker.complete(message, { content: null, data });
    expect((await answer).json.data).toEqual(data);
  });

  it.each([
    [{ input: undefined }, 'input'],
    [{ input: '' }, 'input'],
    [{ input: [] }, 'input'],
    [{ input: 'x', stream: true }, 'stream'],
  ])('are refused with %j', async (fields, param) => {
    expect(await post('/v1/embeddings', { model: MODEL, ...fields })).toMatchObject({
      status: 400,
      json: { error: { param } },
    });
  });

  it('are repeated under the same key without another message', async () => {
    const body = { model: MODEL, input: 'once', encoding_format: 'float' };
    const headers = { 'idempotency-key': 'vectors' };
    const { answer, message } = await begin(() => post('/v1/embeddings', body, headers));
    await gateway.worker.complete(message, { content: null, data: [{ embedding: [1] }] });
    await answer;
    const again = await post('/v1/embeddings', body, headers);
    expect(again.headers.get('x-llmq-message-id')).toBe(message.subject);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
  });
});

describe('over REST', () => {
  it('a prompt is a completion, and an input asks for embeddings', async () => {
    const completion = { user_id: 'ann', prompt: 'URGENT: once upon', parameters: { n: 2 } };
    const first = await begin(() => post('/api/v1/messages', completion));
    expect(first.message.data.request).toEqual({
      ...{ kind: 'completion', model: null },
      parameters: { prompt: completion.prompt, n: 2 },
    });
    await gateway.worker.complete(first.message, { content: ' a time' });
    await gateway.projected();
    expect((await read(first.message.subject)).json).toMatchObject({
      ...{ kind: 'completion', content: null, prompt: completion.prompt, result: { content: ' a time' } },
      analysis: { words: 3, score: expect.any(Number) },
    });
    const second = await begin(() => post('/api/v1/messages', { user_id: 'ann', input: ['a', 'b'] }));
    const data = [{ object: 'embedding', index: 0, embedding: [1] }];
    await gateway.worker.complete(second.message, { content: null, object: 'list', data });
    await gateway.projected();
    expect((await read(second.message.subject)).json).toMatchObject({
      ...{ kind: 'embeddings', input: ['a', 'b'], result: { content: null, data } },
    });
  });

  it.each([
    [{ content: 'a', prompt: 'b' }, 'prompt'],
    [{ prompt: 'a', input: 'b' }, 'input'],
    [{ input: [] }, 'input'],
    [{ prompt: 'a', conversation_id: '0195f000-0000-7000-8000-000000000001' }, 'prompt'],
  ])('%j is refused', async (fields, field) => {
    const refused = await post('/api/v1/messages', { user_id: 'ann', ...fields });
    expect(refused).toMatchObject({ status: 422, json: { field } });
  });
});

describe('a request that an SDK repeats', () => {
  let other: Gateway;
  beforeAll(async () => {
    other = await startGateway(servers);
  });
  afterAll(async () => other?.close());

  const tries: string[] = [];
  let listening: NatsConnection;
  beforeAll(async () => {
    listening = await connectTo(servers.nats);
    listening.subscribe(TRIES_SUBJECT, { callback: (_, message) => void tries.push(message.string()) });
    await listening.flush();
  });
  afterAll(() => listening?.close());

  /** Waits until every process was told of the request that became this message. */
  async function told(messageId: string): Promise<void> {
    await eventually(() => expect(tries.some((each) => each.includes(messageId))).toBe(true));
    // What the broker sends to one, it has sent to all before it answers; and it keeps it for those that start later.
    await other.part<NatsConnection>(NATS as never).flush();
  }

  const hasJoined = { 'x-stainless-retry-count': '1' };
  const unique = () => ({ ...question, user: `${Math.random()}` });

  it('after its time-out joins the message of its first try', async () => {
    // Many, for a machine that is held up meanwhile.
    const sdk = new OpenAI({ baseURL: `${gateway.baseUrl}/v1`, apiKey: 'none', maxRetries: 20 });
    const { answer, message } = await begin(() =>
      sdk.chat.completions.create(unique(), { timeout: 1_500 }).withResponse(),
    );
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    await gateway.worker.complete(message, { content: 'for both' });
    const { data, response } = await answer;
    expect(data.choices[0]?.message.content).toBe('for both');
    expect(response.headers.get('x-llmq-message-id')).toBe(message.subject);
    expect(response.headers.get('idempotency-replayed')).toBe('true');
  });

  it('joins it at another process too, streamed, and where it was answered', async () => {
    const body = { ...unique(), stream: true };
    const leaving = new AbortController();
    const { message } = await begin(() =>
      fetch(`${gateway.baseUrl}/v1/chat/completions`, {
        ...{ method: 'POST', signal: leaving.signal, body: JSON.stringify(body) },
        headers: { 'content-type': 'application/json', 'x-stainless-retry-count': '0' },
      }),
    );
    leaving.abort();
    await told(message.subject);
    const second = post('/v1/chat/completions', body, hasJoined, other);
    await sleep(500);
    await gateway.worker.complete(message, { content: 'whole' });
    expect((await second).headers.get('x-llmq-message-id')).toBe(message.subject);
    const late = await post('/v1/chat/completions', body, hasJoined, other);
    expect(late.headers.get('x-llmq-message-id')).toBe(message.subject);
    expect(chunksIn(String(late.json))[0].choices[0].delta.content).toBe('whole');
  });

  it('is known to a process that starts later', async () => {
    const body = unique();
    const { answer, message } = await begin(() => post('/v1/chat/completions', body));
    await gateway.worker.complete(message, { content: 'x' });
    await answer;
    await told(message.subject);
    const late = await startGateway(servers);
    try {
      const again = await post('/v1/chat/completions', body, hasJoined, late);
      expect(again.headers.get('x-llmq-message-id')).toBe(message.subject);
    } finally {
      await late.close();
    }
  });

  it.each([
    ['it is no repetition', {}, {}],
    ['the body differs', hasJoined, { temperature: 0 }],
    ['a header differs', { ...hasJoined, 'x-llmq-priority': 'low' }, {}],
  ])('is a message of its own where %s', async (_, headers, more) => {
    const body = unique();
    const first = await begin(() => post('/v1/chat/completions', body));
    const second = await begin(() => post('/v1/chat/completions', { ...body, ...more }, headers));
    expect(second.message.subject).not.toBe(first.message.subject);
    for (const { message, answer } of [first, second]) {
      await gateway.worker.complete(message, { content: 'x' });
      await answer;
    }
  });

  it('is a message of its own where the first one was cancelled', async () => {
    const body = unique();
    const first = await begin(() => post('/v1/chat/completions', body));
    await request('DELETE', `${gateway.baseUrl}/api/v1/messages/${first.message.subject}`);
    await first.answer;
    const second = await begin(() => post('/v1/chat/completions', body, hasJoined));
    await gateway.worker.complete(second.message, { content: 'x' });
    expect((await second.answer).status).toBe(200);
  });
});

describe('whether an SDK tries again', () => {
  it('is told where a moment later makes no difference', async () => {
    const made = await post('/api/v1/conversations', { user_id: 'eve', double_texting: 'reject' });
    const headers = { 'x-llmq-conversation-id': made.json.id, 'x-llmq-user-id': 'eve' };
    const { answer, message } = await begin(() => chat(headers));
    const refused = await chat(headers);
    expect(refused).toMatchObject({ status: 409, json: { error: { code: 'turn_open' } } });
    expect(refused.headers.get('x-should-retry')).toBe('false');
    await gateway.worker.complete(message, { content: 'x' });
    await answer;
    expect((await chat({ 'x-llmq-ttl': 'x' })).headers.get('x-should-retry')).toBeNull();
  });
});
