import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { StoredEvent } from '../../src/log/event-log.port.js';
import { eventually } from '../support/eventually.js';
import { inOneOf } from '../support/in-one-of.js';
import { type Gateway, MODEL, request, type Servers, startGateway, startServers } from './gateway.rig.js';

let servers: Servers;
let gateway: Gateway;
let url: string;

beforeAll(async () => {
  servers = await startServers();
  gateway = await startGateway(servers);
  url = `${gateway.baseUrl}/api/v1/messages`;
});
afterAll(async () => {
  await gateway?.close();
  await servers?.stop();
});

const post = (body: unknown, headers: Record<string, string> = {}) => request('POST', url, body, headers);
const get = (path: string, headers: Record<string, string> = {}) =>
  request('GET', `${url}${path}`, undefined, headers);
const hello = (more: Record<string, unknown> = {}) => ({ user_id: 'user123', content: 'Hello', ...more });

async function conversation(): Promise<string> {
  return (await request('POST', `${gateway.baseUrl}/api/v1/conversations`, { user_id: 'user123' })).json.id;
}

async function eventsAfter(sequence: number): Promise<StoredEvent[]> {
  const events: StoredEvent[] = [];
  const last = await gateway.log.lastSequence();
  for (let at = sequence + 1; at <= last; at += 1) {
    const stored = await gateway.log.get(at);
    if (stored !== null) events.push(stored);
  }
  return events;
}

describe('submitting', () => {
  it('answers 202 with the place of the message, once both its events are in the log', async () => {
    const before = await gateway.log.lastSequence();
    const accepted = await post(hello({ priority: 'high', metadata: { team: 'a' } }));
    expect(accepted.status).toBe(202);
    expect(accepted.headers.get('location')).toBe(`/api/v1/messages/${accepted.json.id}`);
    expect(accepted.json).toMatchObject({
      ...{ status: 'pending', priority: 'high', priority_reason: 'explicit', user_id: 'user123' },
      ...{ conversation_id: null, model: null },
    });
    expect((await eventsAfter(before)).map(({ event }) => event)).toMatchObject([
      {
        type: 'llmq.message.received.v1',
        subject: accepted.json.id,
        tenant: 'default',
        lane: 'high',
        data: { user_id: 'user123', request: { content: 'Hello' }, source: 'rest', max_retries: 3 },
      },
      { type: 'llmq.message.prioritized.v1', subject: accepted.json.id, lane: 'high' },
    ]);
  });

  it('reads its own write, field by field', async () => {
    const conversation_id = await conversation();
    const repeated = await post(hello({ priority: 'high' }));
    const replay_of = repeated.json.id;
    const submitted = hello({
      conversation_id,
      metadata: { n: [1, null] },
      max_retries: 0,
      model: MODEL,
      replay_of,
    });
    const { id } = (await post(submitted)).json;
    const { status, json } = await get(`/${id}`);
    expect(status).toBe(200);
    expect(json).toEqual({
      ...{ id, replay_of, user_id: 'user123', conversation_id, content: 'Hello', priority: 'normal' },
      ...{ priority_reason: 'default', status: 'pending', attempts: 0, max_retries: 0, model: MODEL },
      ...{ position: 1, eta_seconds: null, waiting_for: 'slot' },
      ...{ created_at: expect.any(String), updated_at: expect.any(String), scheduled_at: null },
      ...{ deadline: null, position: 1, eta_seconds: null, waiting_for: 'slot' },
      ...{ started_at: null, completed_at: null, metadata: { n: [1, null] }, result: null, error: null },
      ...{ deadline: null, position: 1, waiting_for: 'slot', eta_seconds: null },
      analysis: { tokens: 1, words: 1, language: null, question: false, sentiment: 0, score: 0 },
    });
    const listed = (await get(`?conversation_id=${conversation_id}`)).json.data;
    expect(listed).toMatchObject([{ id, replay_of }]);
    expect(new Date(json.created_at).toISOString()).toBe(json.created_at);
  });

  it('takes a chat in place of content', async () => {
    const messages = [
      { role: 'system', content: 'Be short.' },
      { role: 'user', content: [{ type: 'text', text: 'Hi' }] },
    ];
    const { id } = (await post({ user_id: 'u', messages })).json;
    expect((await get(`/${id}`)).json).toMatchObject({ content: null, messages });
  });

  it('carries the caller’s trace into the events, and ignores a broken one', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const before = await gateway.log.lastSequence();
    await post(hello(), { traceparent });
    await post(hello(), { traceparent: '00-00000000000000000000000000000000-b7ad6b7169203331-01' });
    const traces = (await eventsAfter(before)).map(({ event }) => event.traceparent);
    expect(traces).toEqual([traceparent, traceparent, undefined, undefined]);
  });

  it.each([
    ['NUL', 'a\u0000b'],
    ['lone surrogates', '\ud800 and \udfff'],
    ['every control character', String.fromCharCode(...Array.from({ length: 32 }, (_, code) => code))],
    ['astral characters, joiners and marks', '👩‍👩‍👧‍👦 ½ é́ \u2028\u2029\ufeff'],
    ['what looks like markup and SQL', `'; DROP TABLE messages; -- {"__proto__": 1} \\u0000`],
    ['nothing but spaces', '  \n '],
    ['the most that is accepted', 'ü'.repeat(512 * 1024)],
    ['the most of what JSON must escape', '\u0001'.repeat(1024 * 1024)],
  ])('gives content back as it was: %s', async (_, content) => {
    const { status, json } = await post(hello({ content }));
    expect(status).toBe(202);
    const read = await get(`/${json.id}`);
    expect(read.json.content === content).toBe(true);
  });
});

describe('bad input', () => {
  const refusals: [what: string, body: unknown, status: number, code: string, field: string | undefined][] = [
    ['no user', { content: 'x' }, 422, 'invalid_fields', 'user_id'],
    ['an empty user', hello({ user_id: '' }), 422, 'invalid_fields', 'user_id'],
    ['a user of the wrong type', hello({ user_id: 5 }), 422, 'invalid_fields', 'user_id'],
    ['a user with NUL', hello({ user_id: 'a\u0000' }), 422, 'invalid_fields', 'user_id'],
    ['a user with a lone surrogate', hello({ user_id: '\udc00' }), 422, 'invalid_fields', 'user_id'],
    ['a user too long', hello({ user_id: 'x'.repeat(257) }), 422, 'invalid_fields', 'user_id'],
    ['no content', { user_id: 'u' }, 422, 'invalid_fields', 'content'],
    ['empty content', hello({ content: '' }), 422, 'invalid_fields', 'content'],
    ['content of the wrong type', hello({ content: ['x'] }), 422, 'invalid_fields', 'content'],
    ['content and a chat', hello({ messages: [{ role: 'user' }] }), 422, 'invalid_fields', 'messages'],
    ['a chat without roles', { user_id: 'u', messages: [{}] }, 422, 'invalid_fields', 'messages'],
    ['an unknown priority', hello({ priority: 'urgent' }), 422, 'invalid_fields', 'priority'],
    ['a priority in capitals', hello({ priority: 'HIGH' }), 422, 'invalid_fields', 'priority'],
    ['an unknown model', hello({ model: 'nope' }), 422, 'unknown_model', 'model'],
    ['a model with control characters', hello({ model: 'a\nb' }), 422, 'invalid_fields', 'model'],
    ['an unknown field', hello({ prioritty: 'high' }), 422, 'invalid_fields', 'prioritty'],
    ['a field of all objects', hello({ toString: 'x' }), 422, 'invalid_fields', 'toString'],
    ['metadata that is a list', hello({ metadata: [] }), 422, 'invalid_fields', 'metadata'],
    ['a metadata key with NUL', hello({ metadata: { '\u0000': 1 } }), 422, 'invalid_fields', 'metadata'],
    ['metadata too deep', hello({ metadata: nest(50) }), 422, 'invalid_fields', 'metadata'],
    ['metadata too large', hello({ metadata: { a: 'x'.repeat(20_000) } }), 422, 'invalid_fields', 'metadata'],
    ['retries that are text', hello({ max_retries: '3' }), 422, 'invalid_fields', 'max_retries'],
    ['retries below none', hello({ max_retries: -1 }), 422, 'invalid_fields', 'max_retries'],
    ['no time at all', hello({ timeout_ms: 0 }), 422, 'invalid_fields', 'timeout_ms'],
    ['a parameter of ours', hello({ parameters: { stream: true } }), 422, 'invalid_fields', 'parameters'],
    [
      'content too large',
      hello({ content: 'x'.repeat(1024 * 1024 + 1) }),
      413,
      'content_too_large',
      'content',
    ],
    [
      'content too large in UTF-8',
      hello({ content: 'ü'.repeat(600 * 1024) }),
      413,
      'content_too_large',
      'content',
    ],
    ['a body too large', hello({ content: 'x'.repeat(8 * 1024 * 1024) }), 413, 'body_too_large', undefined],
    ['broken JSON', '{"user_id": "u", ', 400, 'invalid_json', undefined],
    ['an empty body', '', 400, 'invalid_json', undefined],
    ['a list', '[]', 422, 'invalid_fields', 'body'],
    ['null', 'null', 422, 'invalid_fields', 'body'],
    ['__proto__', '{"user_id":"u","content":"x","__proto__":{"a":1}}', 422, 'invalid_fields', '__proto__'],
    [
      '__proto__ within',
      '{"user_id":"u","content":"x","metadata":{"__proto__":{}}}',
      422,
      'invalid_fields',
      'metadata.__proto__',
    ],
    [
      'a million brackets',
      `{"user_id":"u","content":${'['.repeat(1e6)}${']'.repeat(1e6)}}`,
      400,
      'invalid_json',
      undefined,
    ],
  ];

  it.each(refusals)('refuses %s and stores nothing', async (_, body, status, code, field) => {
    const before = await gateway.log.lastSequence();
    const refused = await post(body);
    expect(refused.status).toBe(status);
    expect(refused.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(refused.json).toMatchObject({
      status,
      code,
      detail: expect.any(String),
      title: expect.any(String),
    });
    expect(refused.json.field).toBe(field);
    if (field !== undefined) expect(refused.json.errors[0]).toEqual({ field, reason: expect.any(String) });
    expect(await gateway.log.lastSequence()).toBe(before);
  });

  it.each([
    ['DELETE', ''],
    ['POST', '/cancel'],
  ])('takes a %s without a body from clients that name its type all the same', async (method, action) => {
    const { json } = await post(hello({ delay: '1h' }));
    const headers = { 'content-type': 'application/json' };
    const cancelled = await fetch(`${url}/${json.id}${action}`, { method, headers });
    expect(cancelled.status).toBe(200);
    expect(await cancelled.json()).toMatchObject({ status: 'cancelled' });
  });

  it('refuses bytes that are not UTF-8', async () => {
    const body = Buffer.concat([
      Buffer.from('{"user_id":"u","content":"'),
      Buffer.from([0xed, 0xa0, 0x80]),
      Buffer.from('"}'),
    ]);
    const response = await fetch(url, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json' },
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: 'invalid_json' });
  });

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/xml',
  ])('refuses a body of type %s, which a web page may send anywhere', async (type) => {
    const refused = await post(JSON.stringify(hello()), { 'content-type': type });
    expect(refused.status).toBe(415);
    expect(refused.json.code).toBe('unsupported_media_type');
    expect(refused.json.detail).toContain('content-type: application/json');
  });

  it('tells all that is wrong at once', async () => {
    const refused = await post({ content: 1, priority: 2, extra: 3 });
    const fields = refused.json.errors.map(({ field }: { field: string }) => field);
    expect(fields.sort()).toEqual(['content', 'extra', 'priority', 'user_id']);
  });
});

describe('addresses', () => {
  it.each([
    ['/abc', 400, 'malformed_id'],
    ['/01890000-0000-7000-8000-00000000000g', 400, 'malformed_id'],
    ['/%00', 400, 'malformed_id'],
    ['/01890000-0000-7000-8000-000000000000', 404, 'not_found'],
    ['/01890000-0000-7000-8000-000000000000?wait=100ms', 404, 'not_found'],
    ['/01890000-0000-7000-8000-000000000000?wait=2m', 422, 'invalid_fields'],
    ['/01890000-0000-7000-8000-000000000000?wait=soon', 422, 'invalid_fields'],
    ['/01890000-0000-7000-8000-000000000000?wiat=1s', 422, 'invalid_fields'],
    ['?limit=0', 422, 'invalid_fields'],
    ['?limit=201', 422, 'invalid_fields'],
    ['?limit=1&limit=2', 422, 'invalid_fields'],
    ['?status=done', 422, 'invalid_fields'],
    ['?priority=urgent', 422, 'invalid_fields'],
    ['?created_after=yesterday', 422, 'invalid_fields'],
    ['?user=x', 422, 'invalid_fields'],
    ['?cursor=zzz', 400, 'invalid_cursor'],
    ['/../../nothing', 404, 'not_found'],
  ])('GET %s is told %i %s', async (path, status, code) => {
    const refused = await get(path);
    expect({ status: refused.status, code: refused.json.code }).toEqual({ status, code });
    expect(refused.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  });

  it('takes an id in capitals for the same id', async () => {
    const { id } = (await post(hello())).json;
    expect((await get(`/${id.toUpperCase()}`)).json.id).toBe(id);
  });

  it('tells an address that cannot be decoded in the same form', async () => {
    const response = await fetch(`${gateway.baseUrl}/api/v1/%zz`);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: 'bad_request' });
  });
});

describe('waiting for a message', () => {
  it('is woken by the completion', async () => {
    // A machine that is held up for half a minute is as slow as who is not woken.
    await inOneOf(3, async () => {
      const before = await gateway.log.lastSequence();
      const { id } = (await post(hello({ priority: 'realtime' }))).json;
      const waiting = get(`/${id}?wait=60s`);
      const message = await gateway.worker.received(before);
      await gateway.worker.complete(message, { role: 'assistant', content: 'Hi there\u0000' });
      const started = Date.now();
      const { status, json } = await waiting;
      expect(status).toBe(200);
      expect(Date.now() - started).toBeLessThan(30_000);
      expect(json).toMatchObject({
        ...{ id, status: 'completed', attempts: 1, error: null, completed_at: expect.any(String) },
        result: {
          ...{ content: 'Hi there\u0000', finish_reason: 'stop', model: 'test-model-1', endpoint: 'test' },
          usage: { prompt_tokens: 3, completion_tokens: 5 },
        },
      });
      expect(Object.keys(json.result)).toEqual([
        'content',
        'finish_reason',
        'model',
        'endpoint',
        'usage',
        'cost',
      ]);
    });
  });

  it('answers at once for what has ended already', async () => {
    // As above.
    await inOneOf(3, async () => {
      const before = await gateway.log.lastSequence();
      const { id } = (await post(hello())).json;
      await gateway.worker.deadLetter(await gateway.worker.received(before), {
        ...{
          code: 'endpoint_rejected',
          message: 'The endpoint answered 400.',
          retryable: false,
          status: 400,
        },
      });
      await eventually(async () => expect((await get(`/${id}`)).json.status).toBe('failed'));
      const started = Date.now();
      const { json } = await get(`/${id}?wait=60s`);
      expect(Date.now() - started).toBeLessThan(30_000);
      expect(json.error).toEqual({ code: 'endpoint_rejected', message: 'The endpoint answered 400.' });
    });
  });

  it('answers with the state as it is when the time is over', async () => {
    const { id } = (await post(hello())).json;
    const started = Date.now();
    const { json } = await get(`/${id}?wait=300ms`);
    expect(json.status).toBe('pending');
    expect(Date.now() - started).toBeGreaterThanOrEqual(295);
  });

  it('wakes everyone who waits for the same message', async () => {
    const before = await gateway.log.lastSequence();
    const { id } = (await post(hello())).json;
    const waiting = Array.from({ length: 20 }, () => get(`/${id}?wait=60s`));
    await gateway.worker.complete(await gateway.worker.received(before), { content: 'x' });
    const statuses = (await Promise.all(waiting)).map(({ json }) => json.status);
    expect(new Set(statuses)).toEqual(new Set(['completed']));
  });
});

describe('lists', () => {
  it('pages through everything once, the newest first', async () => {
    const ids: string[] = [];
    for (let at = 0; at < 7; at += 1) ids.push((await post(hello({ user_id: 'pages' }))).json.id);
    await get(`/${ids.at(-1)}`);
    const seen: string[] = [];
    let query = '?user_id=pages&limit=3';
    for (;;) {
      const { json } = await get(query);
      seen.push(...json.data.map(({ id }: { id: string }) => id));
      if (json.next_cursor === null) break;
      query = `?user_id=pages&limit=3&cursor=${json.next_cursor}`;
    }
    expect(seen).toHaveLength(7);
    expect(new Set(seen)).toEqual(new Set(ids));
    expect(await get('?user_id=nobody')).toMatchObject({
      status: 200,
      json: { data: [], next_cursor: null },
    });
  });

  it('filters', async () => {
    const conversation_id = await conversation();
    const mine = { user_id: 'filters', conversation_id };
    const low = (await post(hello({ ...mine, priority: 'low' }))).json;
    const high = (await post(hello({ ...mine, priority: 'high' }))).json;
    await get(`/${high.id}`);
    const ids = async (query: string) =>
      (await get(`?user_id=filters&${query}`)).json.data.map(({ id }: { id: string }) => id);
    expect(await ids('priority=low')).toEqual([low.id]);
    expect(await ids(`priority=high&status=pending&conversation_id=${conversation_id}`)).toEqual([high.id]);
    expect(await ids('status=completed')).toEqual([]);
    expect(await ids('conversation_id=other')).toEqual([]);
    expect(await ids(`created_before=${low.created_at}`)).toEqual([]);
    expect(await ids('created_after=2020-01-01T00:00:00+02:00')).toHaveLength(2);
    expect(await ids('created_after=2999-01-01')).toEqual([]);
  });
});

/** `{ a: { a: ... } }` */
function nest(levels: number): object {
  return levels === 0 ? {} : { a: nest(levels - 1) };
}
