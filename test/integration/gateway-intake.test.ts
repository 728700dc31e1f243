import { brotliCompressSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { MessageReceived } from '../../src/domain/message/message.events.js';
import { verifyLog } from '../../src/operations/verify/verify-log.js';
import { EventIndex } from '../../src/projection/read/event-index.js';
import { ProjectedMessages } from '../../src/projection/read/projected-messages.js';
import { longestStallMs, slowness } from '../support/main-thread-probe.js';
import {
  type Answer,
  type Gateway,
  MODEL,
  request,
  type Servers,
  startGateway,
  startServers,
} from './gateway.rig.js';

let servers: Servers;
let gateway: Gateway;

beforeAll(async () => {
  servers = await startServers();
  gateway = await startGateway(servers);
});
afterAll(async () => {
  await gateway?.close();
  await servers?.stop();
});

const CHAT = '/v1/chat/completions';
const MESSAGES = '/api/v1/messages';
const send = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
  request(method, `${gateway.baseUrl}${path}`, body, headers);
const post = (path: string, body: unknown, headers?: Record<string, string>) =>
  send('POST', path, body, headers);
const question = (more: object = {}) => ({
  model: MODEL,
  messages: [{ role: 'user', content: 'Hi' }],
  ...more,
});
const hello = (more: object = {}) => ({ user_id: 'u', content: 'Hello', ...more });
/** The bytes of UTF-8 as a header carries them, which `fetch` takes as Latin-1. */
const inUtf8 = (text: string) => Buffer.from(text).toString('latin1');

/** What the log has of a chat, which is then answered. */
async function received(
  body: unknown,
  headers: Record<string, string> = {},
  path = CHAT,
): Promise<MessageReceived> {
  const before = await gateway.log.lastSequence();
  const answer = post(path, body, headers);
  const message = await Promise.race([gateway.worker.received(before), answer]);
  if (!('data' in message)) throw new Error(JSON.stringify(message.json));
  await gateway.worker.complete(message, { content: 'x' });
  expect((await answer).status).toBe(200);
  return message;
}

async function refusedWith(answer: Answer, status: number, code: string): Promise<Answer> {
  const told = answer.json?.error?.code ?? answer.json?.code;
  expect({ status: answer.status, code: told }).toEqual({ status, code });
  return answer;
}

describe('a name in a header', () => {
  it.each(['José', '张三', '\u{1F600}'])('is the same user as in a body: %s', async (name) => {
    const inHeader = await received(question(), { 'x-llmq-user-id': inUtf8(name) });
    const inBody = await received(question({ user: name }));
    expect([inHeader.data.user_id, inBody.data.user_id]).toEqual([name, name]);
  });

  it('is refused like one in a body, and where its bytes are no text', async () => {
    const user = 'a\u0085b';
    await refusedWith(await post(CHAT, question({ user })), 400, 'invalid_fields');
    await refusedWith(
      await post(CHAT, question(), { 'x-llmq-user-id': inUtf8(user) }),
      400,
      'invalid_fields',
    );
    const latin1 = await post(CHAT, question(), { 'x-llmq-user-id': 'Jos\u00e9' });
    await refusedWith(latin1, 400, 'invalid_fields');
    expect(latin1.json.error).toMatchObject({
      param: 'x-llmq-user-id',
      message: expect.stringContaining('UTF-8'),
    });
  });

  it('is text in every header of ours', async () => {
    const message = await received(question(), { 'x-llmq-session': inUtf8('séance') });
    expect(message.data.request.routing).toMatchObject({ session: 'séance' });
  });
});

describe('a service tier', () => {
  it.each(['scale', 'fast', 'ultrafast', 'auto', 'constructor', 'of tomorrow'])(
    'that has no lane here leaves the lane to the service: %s',
    async (tier) => {
      const { data } = await received(question({ service_tier: tier }));
      expect(data.requested_priority).toBeNull();
    },
  );
});

describe('a number that JavaScript changes', () => {
  it('goes on as it was sent in parameters and schemas', async () => {
    const schema =
      '{"type":"object","properties":{"a":{"maximum":18446744073709551615,"multipleOf":1.00000000000000001}}}';
    const json = `{"model":"${MODEL}","messages":[{"role":"user","content":"Hi"}],"seed":9007199254740993,"x":1e999,"tools":[{"type":"function","function":{"name":"f","parameters":${schema}}}]}`;
    const message = await received(json);
    expect(message.data.request.exact).toEqual({
      '/seed': '9007199254740993',
      '/x': '1e999',
      '/tools/0/function/parameters/properties/a/maximum': '18446744073709551615',
      '/tools/0/function/parameters/properties/a/multipleOf': '1.00000000000000001',
    });
  });

  const rest = (more: string) => `{"user_id":"u","content":"x",${more}}`;
  const chat = (more: string, part = '') =>
    `{"model":"${MODEL}","messages":[{"role":"user","content":"Hi"${part}}]${more}}`;
  const conversations = '/api/v1/conversations';
  it.each([
    [MESSAGES, rest('"metadata":{"order":12345678901234567890}'), 'metadata.order'],
    [MESSAGES, rest('"metadata":{"order":[1,{"a":1e999}]}'), 'metadata.order[1].a'],
    [MESSAGES, rest('"max_retries":1.00000000000000001'), 'max_retries'],
    [MESSAGES, `{"user_id":"u","prompt":[9007199254740993]}`, 'prompt[0]'],
    [
      MESSAGES,
      `{"user_id":"u","messages":[{"role":"user","content":[{"n":9007199254740993}]}]}`,
      'messages[0].content[0].n',
    ],
    [conversations, `{"user_id":"u","metadata":{"a":1e999}}`, 'metadata.a'],
    [CHAT, chat(',"metadata":{"order":12345678901234567890}'), 'metadata.order'],
    [CHAT, chat('', ',"n":12345678901234567890'), 'messages[0].n'],
  ])('is refused with its name where it could not go on, at %s: %s', async (path, body, field) => {
    const before = await gateway.log.lastSequence();
    const { status, json } = await post(path, body);
    expect({ status, field: json.error?.param ?? json.field }).toEqual({
      status: path === CHAT ? 400 : 422,
      field,
    });
    expect(json.error?.message ?? json.detail).toContain('string');
    expect(await gateway.log.lastSequence()).toBe(before);
  });

  it('of one message of a batch keeps the others in', async () => {
    const { json } = await post(
      `${MESSAGES}/batch`,
      `{"messages":[${rest('"metadata":{"a":1e999}')},${rest('"parameters":{"seed":9007199254740993}')}]}`,
    );
    expect(json).toMatchObject({
      accepted: 1,
      rejected: 1,
      results: [{ status: 422, error: { field: 'metadata.a' } }, {}],
    });
    const { data } = await gateway.worker.receivedAs(json.results[1].id);
    expect(data.request.exact).toEqual({ '/seed': '9007199254740993' });
  });

  it('is one of a thousand at most', async () => {
    const body = chat(`,"x":[${Array(1_001).fill('1e999').join(',')}]`);
    const { json } = await refusedWith(await post(CHAT, body), 400, 'invalid_fields');
    expect(json.error.param).toBe('x[1000]');
  });
});

describe('an encoded body', () => {
  const body = JSON.stringify(question({ user: 'packed' }));
  it.each([
    ['gzip', gzipSync(body)],
    ['GZIP', gzipSync(body)],
    ['br', brotliCompressSync(body)],
    ['identity', Buffer.from(body)],
  ])('is read as what it was: %s', async (encoding, bytes) => {
    const message = await received(bytes, { 'content-encoding': encoding });
    expect(message.data.user_id).toBe('packed');
  });

  const raw = async (bytes: Buffer, encoding: string, path = MESSAGES): Promise<Answer> => {
    const response = await fetch(`${gateway.baseUrl}${path}`, {
      ...{ method: 'POST', body: bytes },
      headers: { 'content-type': 'application/json', 'content-encoding': encoding },
    });
    return { status: response.status, headers: response.headers, json: await response.json() };
  };

  it.each(['compress', 'deflate', 'gzip, gzip', 'constructor'])(
    'is refused in %s, with what is read',
    async (encoding) => {
      for (const path of [MESSAGES, CHAT]) {
        const { headers } = await refusedWith(
          await raw(gzipSync(body), encoding, path),
          415,
          'unsupported_encoding',
        );
        expect(headers.get('accept-encoding')).toMatch(/^gzip, br(, zstd)?$/);
      }
    },
  );

  it('is refused where it is not what its header says', async () => {
    await refusedWith(await raw(Buffer.from(body), 'gzip'), 400, 'invalid_json');
    await refusedWith(await raw(gzipSync(body).subarray(0, 20), 'gzip'), 400, 'invalid_json');
  });

  it('has the size of what is in it', async () => {
    const bomb = gzipSync(JSON.stringify(hello({ content: 'x'.repeat(32 * 1024 * 1024) })));
    expect(bomb.length).toBeLessThan(100_000);
    await refusedWith(await raw(bomb, 'gzip'), 413, 'body_too_large');
    const large = gzipSync(JSON.stringify(hello({ content: 'x'.repeat(2 * 1024 * 1024) })));
    await refusedWith(await raw(large, 'gzip'), 413, 'content_too_large');
  });
});

describe('an encoded address', () => {
  const [once, again] = ['/v1/ch%61t/completions', '/%761/chat/completions'];

  it('is that of its route: a request with a key does not wait for itself', async () => {
    const before = await gateway.log.lastSequence();
    const key = { 'idempotency-key': 'encoded' };
    const answers = [once, CHAT].map((path) => post(path, question(), key));
    const message = await gateway.worker.received(before);
    await gateway.worker.complete(message, { content: 'once' });
    const [one, other] = await Promise.all(answers);
    expect(one!.json.choices[0].message.content).toBe('once');
    expect(other!.json).toEqual(one!.json);
    expect((await post(again, question(), key)).json).toEqual(one!.json);
  });

  it('is answered in the form of its route', async () => {
    expect((await post(once, {})).json.error.param).toBe('model');
    expect((await send('GET', '/%761/nothing')).json.error.code).toBe('not_found');
  });
});

describe('a user that is empty', () => {
  it.each([
    [{ user: '' }, {}],
    [{}, { 'x-llmq-user-id': '' }],
  ])('counts as none: %j %j', async (body, headers) => {
    const { data } = await received(question(body), headers as Record<string, string>);
    expect(data.user_id).toBe('local');
  });

  it('leaves the name to the other place', async () => {
    const { data } = await received(question({ user: 'ann' }), { 'x-llmq-user-id': '' });
    expect(data.user_id).toBe('ann');
  });
});

interface Operation {
  readonly method: string;
  readonly path: string;
  readonly queries: readonly string[];
  readonly hasBody: boolean;
}

/** Every route of the API, with an id or a name that nothing has. */
async function operations(): Promise<Operation[]> {
  const { paths } = (await send('GET', '/api/docs-json')).json;
  return Object.entries<
    Record<string, { parameters?: { in: string; name: string }[]; requestBody?: object }>
  >(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { parameters = [], requestBody }]) => ({
      method: method.toUpperCase(),
      path: path
        .replaceAll(/\{(id|messageId)\}/g, '01890000-0000-7000-8000-000000000000')
        .replaceAll(/\{\w+\}/g, 'none'),
      queries: parameters.filter((parameter) => parameter.in === 'query').map(({ name }) => name),
      hasBody: requestBody !== undefined,
    })),
  );
}

const NAMES = ['constructor', '__proto__', 'toString', 'prototype', 'hasOwnProperty', 'valueOf', 'then'];

describe('a name that every object has', () => {
  it('is an unknown one in every body, query and header', async () => {
    const bodies: string[] = [];
    for (const { method, path, queries, hasBody } of await operations()) {
      for (const name of NAMES) {
        const at = `${method} ${path} ${name}`;
        if (hasBody) {
          const { status, json } = await send(method, path, `{"${name}":{"${name}":1}}`);
          expect({ at, failed: status >= 500 }).toEqual({ at, failed: false });
          if (status === 422)
            bodies.push(...(json.errors ?? []).map(({ field }: { field: string }) => field));
        }
        const asked = await send(method, `${path}?${name}=1`, hasBody ? '[]' : undefined, { [name]: '1' });
        expect({ at, failed: asked.status >= 500 }).toEqual({ at, failed: false });
        if (method === 'GET' && path.startsWith('/v1/')) {
          // OpenAI passes over what it does not know in a query, and so do we there.
          const { status } = await send(method, path);
          expect({ at, status: asked.status }).toEqual({ at, status });
        } else if (method === 'GET' && queries.length > 0) {
          expect({ at, status: asked.status, field: asked.json.field }).toEqual({
            at,
            status: 422,
            field: name,
          });
        }
      }
    }
    expect(new Set(bodies)).toEqual(new Set([...bodies, ...NAMES]));
  });

  it.each(NAMES)('is refused in a message, and in a batch for its item alone: %s', async (name) => {
    const item = `{"user_id":"u","content":"x","${name}":{"a":1}}`;
    const { json } = await refusedWith(await post(MESSAGES, item), 422, 'invalid_fields');
    expect(json.field).toBe(name);
    const batch = await post(`${MESSAGES}/batch`, `{"messages":[${item},{"user_id":"u","content":"x"}]}`);
    expect(batch.json).toMatchObject({
      accepted: 1,
      results: [{ status: 422, error: { field: name } }, { status: 202 }],
    });
  });

  it('is one like any other in metadata, parameters and schemas', async () => {
    const properties = { constructor: { type: 'object' }, toString: { prototype: 1 } };
    const { data } = await received(
      question({ tools: [{ properties }], metadata: { valueOf: 1 }, hasOwnProperty: 2 }),
    );
    expect(data.request.parameters).toEqual({
      ...{ tools: [{ properties }], hasOwnProperty: 2, metadata: { valueOf: 1 } },
    });
    expect(data.metadata).toEqual({ valueOf: 1 });
  });

  it.each([
    [
      MESSAGES,
      '{"user_id":"u","content":"x","parameters":{"a":[{"__proto__":1}]}}',
      'parameters.a[0].__proto__',
    ],
    [CHAT, `{"model":"${MODEL}","messages":[{"role":"user","content":"x"}],"__proto__":1}`, '__proto__'],
    [CHAT, `{"model":"${MODEL}","messages":[{"role":"user","__proto__":1}]}`, 'messages[0].__proto__'],
  ])('is told where it would not be kept, at %s: %s', async (path, body, field) => {
    const { json } = await post(path, body);
    expect(json.error?.param ?? json.field).toBe(field);
  });
});

describe('a cursor that no page has given out', () => {
  const ID = '01890000-0000-7000-8000-000000000000';
  const packed = (text: string) => Buffer.from(text).toString('base64url');
  const cursors = [
    ...['', 'x', '%00', 'null', '[]', '{}', 'a'.repeat(2_000)],
    ...[8.64e15, -8.64e15, -62_135_596_800_001, 9e14].map((at) => packed(`${at.toString(36)}.${ID}`)),
    ...[`0.${ID}x`, '0.', `zzzzzzzzzz.${ID}`, `0.${ID}\u0000`].map(packed),
    ...['t.0', 't.-1', 't.9007199254740993', 't.1e3', `t.${'9'.repeat(16)}`].map(packed),
    ...['["\\u0000"]', '["\\ud800"]', '[1]', '[]', '["a","b"]', `["${'x'.repeat(500)}"]`].map(packed),
    ...[`${packed(`0.${ID}`)}=`, `${packed(`0.${ID}`)}AA`, packed('["2026-01-01"]').slice(0, -1)],
  ];

  it('is refused in every list', async () => {
    const conversation = (await post('/api/v1/conversations', { user_id: 'u' })).json.id;
    const lists = (await operations()).filter(({ queries }) => queries.includes('cursor'));
    expect(lists.length).toBeGreaterThanOrEqual(5);
    for (const { method, path } of lists) {
      for (const cursor of cursors) {
        const { status, json } = await send(method, `${path.replace(ID, conversation)}?cursor=${cursor}`);
        expect({ path, cursor, status, code: json.code }).toEqual({
          path,
          cursor,
          status: 400,
          code: 'invalid_cursor',
        });
      }
    }
  });
});

describe('lines of events', () => {
  it('are cut nowhere else by readers that know all line ends of Unicode', async () => {
    const content = 'a\u2028b\u2029c\u0085d';
    const { id } = (await post(MESSAGES, hello({ content }))).json;
    await gateway.projected();
    const lines = await (await fetch(`${gateway.baseUrl}/api/v1/audit/events?message_id=${id}`)).text();
    expect(lines).not.toMatch(/[\u0085\u2028\u2029]/);
    const first = JSON.parse(lines.split('\n')[0]!);
    expect(first.event.data.request.content).toBe(content);
  });
});

describe('a body of many fields', () => {
  const fields = (count: number) => Array.from({ length: count }, (_, at) => `"f${at}":1`).join(',');

  it.each([MESSAGES, CHAT, '/v1/embeddings', '/api/v1/conversations'])(
    'is refused at once at %s',
    async (path) => {
      const { headers, json } = await refusedWith(
        await post(path, `{${fields(400_000)}}`),
        413,
        'content_too_large',
      );
      expect(JSON.stringify(json)).toContain('10000');
      expect(Number(headers.get('content-length'))).toBeLessThan(1_000);
    },
  );

  it('is told the first twenty problems, and how many more there are', async () => {
    const { json } = await refusedWith(await post(MESSAGES, `{${fields(5_000)}}`), 422, 'invalid_fields');
    expect(json.errors).toHaveLength(20);
    expect(json.more_errors).toBe(5_001 - 20);
    expect(json.detail).toContain('5000 more problems');
  });

  it('may have ten times as many in a batch of whole messages', async () => {
    const metadata = Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`key${at}`, at]));
    const { json } = await post(`${MESSAGES}/batch`, { messages: Array(1_000).fill(hello({ metadata })) });
    expect(json).toMatchObject({ accepted: 1_000 });
  });

  it('may be long otherwise', async () => {
    const messages = Array(4_000).fill({ role: 'user', content: 'x' });
    await received({
      model: MODEL,
      messages,
      logit_bias: Object.fromEntries(NAMES.slice(2).map((name) => [name, 1])),
    });
  });
});

describe('a page', () => {
  const size = ({ json }: Answer) => Buffer.byteLength(JSON.stringify(json));
  const LIMIT = 8 * 1024 * 1024;

  /** Every page of a list, each of them short enough, as the ids that are in them. */
  async function pages(path: string): Promise<string[][]> {
    const found: string[][] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: Answer = await send('GET', `${path}${cursor === '' ? '' : `&cursor=${cursor}`}`);
      expect(page.status).toBe(200);
      expect(size(page)).toBeLessThan(LIMIT + 64 * 1024);
      found.push(page.json.data.map(({ id }: { id: string }) => id));
      cursor = page.json.next_cursor;
    }
    return found;
  }

  it('of messages ends early where they are large, and the next one goes on there', async () => {
    const { id: conversation } = (await post('/api/v1/conversations', { user_id: 'large' })).json;
    const ids: string[] = [];
    for (let at = 0; at < 12; at += 1) {
      // Each text is small enough to stay in the log.
      const messages = Array(4).fill({ role: 'user', content: 'x'.repeat(250_000) });
      const body = { user_id: 'large', messages, conversation_id: conversation };
      ids.push((await post(MESSAGES, body)).json.id);
    }
    await gateway.projected();
    const newestFirst = [...ids].reverse();
    for (const path of [
      `${MESSAGES}?user_id=large`,
      `/api/v1/conversations/${conversation}/messages?order=newest_first`,
    ]) {
      const found = await pages(`${path}&limit=200`);
      expect(found.map((page) => page.length)).toEqual([8, 4]);
      expect(found.flat()).toEqual(newestFirst);
    }
    const sequences: number[] = [];
    for (let after: number | null = 0; after !== null; ) {
      const page: Answer = await send('GET', `/api/v1/conversations/${conversation}/events?after=${after}`);
      expect(size(page)).toBeLessThan(LIMIT + 64 * 1024);
      sequences.push(...page.json.data.map(({ sequence }: { sequence: number }) => sequence));
      after = page.json.next_after;
    }
    expect(sequences).toEqual([...new Set(sequences)].sort((one, other) => one - other));
    expect(sequences.length).toBeGreaterThanOrEqual(24);
  });

  it('of conversations does, too', async () => {
    for (let at = 0; at < 10; at += 1) {
      const body = { user_id: 'talker', context: 'x'.repeat(1_000_000) };
      expect((await post('/api/v1/conversations', body)).status).toBe(201);
    }
    await gateway.projected();
    const found = await pages('/api/v1/conversations?user_id=talker&limit=100');
    expect(found.map((page) => page.length)).toEqual([8, 2]);
  });
});

describe('the check of the log', () => {
  it('knows how PostgreSQL keeps a name that it refuses', async () => {
    const before = await gateway.log.lastSequence();
    const answer = post(CHAT, question());
    const message = await gateway.worker.received(before);
    await gateway.worker.complete(message, { content: 'x' }, { model: 'a\u0000b\udc00' });
    await answer;
    await gateway.projected();
    const { log, dataSource } = gateway;
    const { counts } = await verifyLog({
      ...{ log, index: new EventIndex(dataSource), projected: new ProjectedMessages(dataSource) },
      ...{ signal: new AbortController().signal, onProgress: () => undefined, projectionWaitMs: 60_000 },
    });
    expect(counts).not.toHaveProperty('row_differs');
  });
});

describe('no request stalls the others', () => {
  /** On a machine as fast as those on which the service is measured; a slower one has so much more. */
  let mostMs = 0;
  /** Other work of the machine only ever makes a stall longer: the shortest of some tries is nearest to its own. */
  const TRIES = 5;
  const stallOf = async (during: () => Promise<unknown>): Promise<number> => {
    let least = Number.POSITIVE_INFINITY;
    for (let tries = 0; tries < TRIES && least >= mostMs; tries += 1) {
      // It may be slower now than it was a while ago.
      mostMs = Math.max(mostMs, 200 * slowness());
      least = Math.min(least, await longestStallMs(during));
    }
    return least;
  };
  const list = (count: number, item: string | ((at: number) => string)) =>
    Array.from({ length: count }, (_, at) => (typeof item === 'string' ? item : item(at))).join(',');
  const chat = (more: string) => `{"model":"${MODEL}","messages":[{"role":"user","content":"x"}],${more}}`;
  const item = (more: string) => `{"user_id":"u","content":"x"${more}}`;
  const nested = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
  const metadata = (count: number) => `,"metadata":{${list(count, (at) => `"k${at}":${at}`)}}`;
  const MILLION = 1_000_000;

  const attacks: [what: string, path: string, body: () => string][] = [
    ['400,000 fields', MESSAGES, () => `{${list(400_000, (at) => `"f${at}":1`)}}`],
    ['10,000 unknown fields', MESSAGES, () => item(`,${list(9_998, (at) => `"f${at}":1`)}`)],
    ['10,000 fields of a model', CHAT, () => chat(list(9_990, (at) => `"f${at}":1`))],
    ['a million brackets', MESSAGES, () => item(`,"x":${nested(MILLION)}`)],
    ['many lists', CHAT, () => chat(`"x":[${list(190_000, nested(2))}]`)],
    ['lists as deep as they may be', CHAT, () => chat(`"x":[${list(6_000, nested(60))}]`)],
    ['two million numbers', CHAT, () => chat(`"x":[${list(2 * MILLION, '1')}]`)],
    [
      'as many numbers as there may be',
      '/v1/embeddings',
      () => `{"model":"${MODEL}","input":[${list(390_000, '1')}]}`,
    ],
    ['numbers that are not kept', CHAT, () => chat(`"x":[${list(390_000, '1e999')}]`)],
    [
      'numbers that are kept, written oddly',
      CHAT,
      () => chat(`"x":[${list(300_000, '0.10000000000000000')}]`),
    ],
    ['one number of megabytes', CHAT, () => chat(`"x":1${'0'.repeat(6 * MILLION)}1`)],
    ['names that are not kept', CHAT, () => chat(`"x":[${list(9_000, '{"__proto__":1}')}]`)],
    ['a million escapes', MESSAGES, () => item(`,"x":"${'\\u0001'.repeat(MILLION)}"`)],
    ['a long text', MESSAGES, () => `{"user_id":"u","content":"${'urgent! '.repeat(130_000)}"}`],
    ['a long text without a space', MESSAGES, () => `{"user_id":"u","content":"${'a'.repeat(MILLION)}"}`],
    [
      'a chat of many messages',
      CHAT,
      () => `{"model":"${MODEL}","messages":[${list(4_900, '{"role":"user","content":""}')}]}`,
    ],
    [
      'a batch of wrong messages',
      `${MESSAGES}/batch`,
      () => `{"messages":[${list(1_000, `{${list(90, (at) => `"f${at}":1`)}}`)}]}`,
    ],
    ['a batch of right ones', `${MESSAGES}/batch`, () => `{"messages":[${list(1_000, item(metadata(90)))}]}`],
  ];

  it.each(attacks)('with %s, with a key or without', async (what, path, body) => {
    const bytes = Buffer.from(body());
    let request = 0;
    for (const keyed of [false, true]) {
      const stall = await stallOf(async () => {
        const asked = new AbortController();
        request += 1;
        const answer = fetch(`${gateway.baseUrl}${path}`, {
          ...{ method: 'POST', body: bytes, signal: asked.signal },
          headers: {
            'content-type': 'application/json',
            ...(keyed ? { 'idempotency-key': `${what} ${request}` } : {}),
          },
        }).then((response) => response.arrayBuffer());
        await Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 1_500))]);
        // A model's answer is not waited for.
        asked.abort();
        await answer.catch(() => undefined);
      });
      expect(stall).toBeLessThan(mostMs);
    }
  });

  it('for a page of large messages', async () => {
    const stall = await stallOf(() =>
      fetch(`${gateway.baseUrl}${MESSAGES}?limit=200`).then((page) => page.arrayBuffer()),
    );
    expect(stall).toBeLessThan(mostMs);
  });
});
