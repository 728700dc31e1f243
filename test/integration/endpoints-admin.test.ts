import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DispatcherModule } from '../../src/dispatch/worker/dispatcher.module.js';
import { eventually } from '../support/eventually.js';
import { inOneOf } from '../support/in-one-of.js';
import { type MeteredModel, startMeteredModel } from '../support/metered-model.js';
import {
  type Answer,
  type Gateway,
  request,
  type Servers,
  startGateway,
  startServers,
} from './gateway.rig.js';

const SECRET = 'a-value-that-nobody-is-shown';

let servers: Servers;
let quick: MeteredModel;
let slow: MeteredModel;
let overrides: Record<string, unknown>;
/** Takes requests in, and calls nothing. */
let api: Gateway;
/** Another process, which calls the endpoints. */
let worker: Gateway;

const startWorker = () =>
  startGateway(servers, overrides, { modules: [DispatcherModule], roles: ['api', 'worker'] });

beforeAll(async () => {
  process.env['FILE_KEY'] = SECRET;
  process.env['OTHER_KEY'] = SECRET;
  [servers, quick, slow] = await Promise.all([startServers(), startMeteredModel(0), startMeteredModel(0)]);
  overrides = {
    endpoints: [
      {
        ...{ name: 'file', base_url: quick.url, models: ['file-model'], max_concurrency: 4, rpm: 600 },
        ...{ headers: { 'X-Team': SECRET }, api_key_env: 'FILE_KEY' },
      },
    ],
    // Some calls are held until all of a test is seen.
    loadbalancer: { affinity: 'user', first_token_timeout_ms: 300_000 },
    security: {
      egress: { allow: ['127.0.0.0/8'] },
      endpoint_keys: [{ env: 'OTHER_KEY', origins: ['https://api.example.com'] }],
    },
  };
  api = await startGateway(servers, overrides);
  worker = await startWorker();
});
afterAll(async () => {
  delete process.env['FILE_KEY'];
  delete process.env['OTHER_KEY'];
  await Promise.all([api?.close(), worker?.close()]);
  await Promise.all([servers?.stop(), quick?.close(), slow?.close()]);
});

const call = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
): Promise<Answer> => request(method, `${api.baseUrl}/api/v1/endpoints${path}`, body, headers);
const register = (body: Record<string, unknown>, headers?: Record<string, string>) =>
  call('POST', '', { base_url: quick.url, ...body }, headers);
const submit = (model: string, content = 'Hello') =>
  request('POST', `${api.baseUrl}/api/v1/messages`, { user_id: 'u', content, model });
const message = async (id: string) => (await request('GET', `${api.baseUrl}/api/v1/messages/${id}`)).json;
const completed = (id: string) =>
  eventually(async () => {
    const json = await message(id);
    expect(json.status).toBe('completed');
    return json;
  });
const seenByWorker = (name: string, drained: boolean) =>
  eventually(async () => {
    const { status, json } = await request('GET', `${worker.baseUrl}/api/v1/endpoints/${name}`);
    expect([status, json.drained !== null]).toEqual([200, drained]);
    return json;
  });
/** The slow endpoint has the question, and has not answered it. */
const underWay = (question: string) =>
  eventually(() => expect([slow.asked.includes(question), slow.running]).toEqual([true, 1]));

describe('an endpoint that is registered', () => {
  it('is shown without its secrets, and served by another process', async () => {
    const made = await register({
      ...{ name: 'one', headers: { 'X-Tier': 'gold' } },
      models: ['one-model', { name: 'alias', upstream: 'maker/real-7b', capabilities: ['tools'] }],
    });
    expect(made).toMatchObject({
      status: 201,
      json: {
        ...{ name: 'one', source: 'api', base_url: quick.url, max_concurrency: 8, weight: 1, rpm: null },
        ...{ group: 'primary', headers: { 'X-Tier': '***' }, api_key_env: null, drained: null, at_most: {} },
        models: [
          { name: 'one-model', upstream: 'one-model', context_tokens: null, capabilities: [], price: null },
          { name: 'alias', upstream: 'maker/real-7b', capabilities: ['tools'] },
        ],
        updated_by: expect.any(String),
      },
    });
    expect(made.json.changeable).toContain('base_url');
    const there = await seenByWorker('one', false);
    expect(there).toEqual(made.json);
    const { json } = await submit('alias');
    const { result } = await completed(json.id);
    expect(result).toMatchObject({ content: 're: Hello', endpoint: 'one', model: 'alias' });
    expect(quick.models).toEqual(['maker/real-7b']);
  });

  it('is known to another process within a second', async () => {
    await inOneOf(5, async () => {
      await register({ name: 'timed', models: ['timed-model'] });
      const startedMs = performance.now();
      try {
        await seenByWorker('timed', false);
        expect(performance.now() - startedMs).toBeLessThan(1_000);
      } finally {
        await call('DELETE', '/timed');
        await eventually(async () =>
          expect((await request('GET', `${worker.baseUrl}/api/v1/endpoints/timed`)).status).toBe(404),
        );
      }
    });
  });

  it('is in the list behind those of the configuration, of which headers are masked as well', async () => {
    const { json } = await call('GET', '');
    expect(json.data.map(({ name }: { name: string }) => name)).toEqual(['file', 'one']);
    expect(json.data[0]).toMatchObject({
      ...{ source: 'configuration', headers: { 'X-Team': '***' }, api_key_env: 'FILE_KEY' },
      ...{ changeable: ['weight', 'max_concurrency', 'rpm', 'tpm'], updated_by: null },
      at_most: { max_concurrency: 4, rpm: 600 },
    });
    expect(JSON.stringify(json)).not.toContain(SECRET);
  });

  it('is made once for an Idempotency-Key', async () => {
    const key = { 'idempotency-key': 'register-twice' };
    const body = { name: 'twice', models: ['twice-model'] };
    const first = await register(body, key);
    const again = await register(body, key);
    expect([first.status, again.status, again.json]).toEqual([201, 201, first.json]);
    expect((await register(body)).json).toMatchObject({ code: 'already_exists', status: 409 });
    expect((await call('DELETE', '/twice')).status).toBe(204);
  });

  it('is changed in parts, and by null goes back to what it is by default', async () => {
    const changed = await call('PATCH', '/one', { weight: 3, rpm: 100, models: ['one-model', 'new'] });
    expect(changed.json).toMatchObject({
      weight: 3,
      rpm: 100,
      base_url: quick.url,
      headers: { 'X-Tier': '***' },
    });
    await completed((await submit('new')).json.id);
    expect((await submit('alias')).json).toMatchObject({ code: 'unknown_model' });
    expect((await call('PATCH', '/one', { weight: null, rpm: null, base_url: null })).json).toMatchObject({
      ...{ weight: 1, rpm: null, base_url: quick.url },
    });
  });

  it('is asked by another API', async () => {
    expect((await call('PATCH', '/one', { api: 'smoke signals' })).json).toMatchObject({
      ...{ code: 'invalid_fields', field: 'api' },
    });
    expect((await call('PATCH', '/one', { api: 'responses' })).json.api).toBe('responses');
    expect((await call('PATCH', '/one', { api: null })).json.api).toBe('chat_completions');
  });

  it('moves to another address while its calls run', async () => {
    slow.hold();
    await register({ name: 'moving', base_url: slow.url, models: ['moving-model'] });
    const { json } = await submit('moving-model', 'at the old one');
    await underWay('at the old one');
    expect((await call('PATCH', '/moving', { base_url: quick.url })).status).toBe(200);
    await eventually(async () => expect((await seenByWorker('moving', false)).base_url).toBe(quick.url));
    const next = await submit('moving-model', 'at the new one');
    slow.release();
    await Promise.all([completed(json.id), completed(next.json.id)]);
    expect([slow.asked.includes('at the old one'), slow.cut]).toEqual([true, 0]);
    expect(quick.asked).toContain('at the new one');
  });

  it('gets no calls while it is drained, over restarts too, and its messages wait', async () => {
    const drained = await call('POST', '/one/drain', { reason: 'new disks' });
    expect(drained.json.drained).toMatchObject({ reason: 'new disks', by: expect.any(String) });
    expect((await call('POST', '/one/drain')).json).toEqual(drained.json);
    await seenByWorker('one', true);
    await worker.close();
    worker = await startWorker();
    const { json } = await submit('one-model', 'while drained');
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect([(await message(json.id)).status, quick.asked.includes('while drained')]).toEqual([
      ...[expect.stringMatching(/^(pending|queued)$/), false],
    ]);
    const undrained = await call('POST', '/one/undrain');
    expect(undrained.json.drained).toBeNull();
    await completed(json.id);
  });

  it('that is removed ends its calls, serves nothing more, and leaves its name', async () => {
    slow.hold();
    await register({ name: 'leaving', base_url: slow.url, models: ['leaving-model'] });
    const { json } = await submit('leaving-model', 'under way');
    await underWay('under way');
    expect((await call('DELETE', '/leaving')).status).toBe(204);
    expect((await call('GET', '/leaving')).json).toMatchObject({ status: 404, code: 'not_found' });
    expect((await submit('leaving-model')).json).toMatchObject({ status: 422, code: 'unknown_model' });
    // In the worker the name is taken until the call has ended; then the new one serves.
    expect((await register({ name: 'leaving', models: ['leaving-model'] })).status).toBe(201);
    const next = await submit('leaving-model', 'behind it');
    slow.release();
    await Promise.all([completed(json.id), completed(next.json.id)]);
    expect([slow.cut, quick.asked.includes('behind it')]).toEqual([0, true]);
  });

  it('tells how it does, from what another process saw', async () => {
    slow.hold();
    await register({ name: 'counted', base_url: slow.url, models: ['counted-model'], max_concurrency: 3 });
    const submittedMs = performance.now();
    const { json } = await submit('counted-model', 'to be counted');
    await underWay('to be counted');
    const beganMs = performance.now();
    const running = await eventually(async () => {
      const stats = (await call('GET', '/counted/stats')).json;
      expect(stats.taken).toBe(1);
      return stats;
    });
    expect(running).toMatchObject({ name: 'counted', places: 3, calls: 0, models: [{ taken: 1 }] });
    await eventually(async () => {
      const busy = (await request('GET', `${api.baseUrl}/api/v1/resources`)).json;
      expect(busy.models.find(({ model }: { model: string }) => model === 'counted-model')).toEqual({
        ...{ model: 'counted-model', endpoints: 1, capacity: 3, in_use: 1, free: 2 },
      });
    });
    await eventually(() => expect(performance.now() - beganMs).toBeGreaterThan(1_500));
    const heldMs = performance.now() - beganMs;
    slow.release();
    await completed(json.id);
    const tookMs = performance.now() - submittedMs;
    const stats = await eventually(async () => {
      const told = (await call('GET', '/counted/stats')).json;
      expect([told.taken, told.calls]).toEqual([0, 1]);
      return told;
    });
    expect(stats).toMatchObject({
      ...{ calls: 1, answered: 1, failed: 0, refused: 0, rejected: 0, cancelled: 0 },
      models: [{ model: 'counted-model', calls: 1, share: 1 }],
    });
    // As exact as it is told.
    expect(stats.total_ms.p50).toBeGreaterThanOrEqual(0.9 * heldMs);
    expect(stats.total_ms.p50).toBeLessThan(1.2 * tookMs);
    await call('POST', '/counted/drain');
    await eventually(async () => expect((await call('GET', '/counted/stats')).json.state).toBe('draining'));
    await eventually(async () => {
      const drained = (await request('GET', `${api.baseUrl}/api/v1/resources`)).json;
      expect(drained.models.find(({ model }: { model: string }) => model === 'counted-model')).toMatchObject({
        ...{ capacity: 0, in_use: 0, free: 0 },
      });
    });
    expect((await call('GET', '/none/stats')).json.code).toBe('not_found');
  });

  it('keeps the messages of one user, where affinity says so', async () => {
    await register({ name: 'twin-1', models: ['twin-model'] });
    await register({ name: 'twin-2', models: ['twin-model'] });
    // Else the first go to whichever the worker knows.
    for (const name of ['twin-1', 'twin-2']) await seenByWorker(name, false);
    const users = Array.from({ length: 8 }, (_, n) => `user-${n}`);
    const seen = new Map(users.map((user) => [user, new Set<string>()]));
    for (let round = 0; round < 3; round += 1) {
      for (const user of users) {
        const body = { user_id: user, content: 'Hello', model: 'twin-model' };
        const { json } = await request('POST', `${api.baseUrl}/api/v1/messages`, body);
        seen.get(user)!.add((await completed(json.id)).result.endpoint);
      }
    }
    expect([...seen.values()].map(({ size }) => size)).toEqual(users.map(() => 1));
    expect(new Set([...seen.values()].flatMap((endpoints) => [...endpoints])).size).toBe(2);
  });

  it('puts its models into the list of OpenAI clients, whatever is in their names', async () => {
    const odd = ['maker/deep/model-7b', 'qwen3:32b-q4', 'acme/a:b%c d'];
    const models = [odd[0], odd[1], { name: odd[2], upstream: 'x' }];
    await register({ name: 'odd', models });
    const { data } = (await request('GET', `${api.baseUrl}/v1/models`)).json;
    const ids = data.map(({ id }: { id: string }) => id);
    expect(ids).toEqual(expect.arrayContaining(['file-model', 'one-model', ...odd]));
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of odd) {
      const escaped = await request('GET', `${api.baseUrl}/v1/models/${encodeURIComponent(id!)}`);
      expect([escaped.status, escaped.json.id]).toEqual([200, id]);
    }
    for (const id of odd.slice(0, 2)) {
      const plain = await request('GET', `${api.baseUrl}/v1/models/${id}`);
      expect([plain.status, plain.json.id]).toEqual([200, id]);
    }
    await call('DELETE', '/odd');
    expect((await request('GET', `${api.baseUrl}/v1/models/${odd[0]}`)).status).toBe(404);
  });

  it('is told in the audit with who did what, and never with a key', async () => {
    await api.projected();
    const url = `${api.baseUrl}/api/v1/audit/events?type=endpoint-set,endpoint-drained,endpoint-removed`;
    const text = (await request('GET', url)).json as string;
    const events = text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line).event);
    const told = events.filter(Boolean).map(({ type, subject }) => `${type} ${subject}`);
    expect(told).toEqual(
      expect.arrayContaining([
        'llmq.admin.endpoint-set.v1 one',
        'llmq.admin.endpoint-drained.v1 one',
        'llmq.admin.endpoint-removed.v1 leaving',
      ]),
    );
    expect(events.filter(Boolean).every(({ data }) => data.by !== undefined)).toBe(true);
    expect(text).not.toContain(SECRET);
  });
});

describe('what is refused', () => {
  const new_ = { name: 'new', models: ['m'] };

  it.each([
    ['a name with a space', { name: 'a b' }, 'name', 'must be 1 to 64 letters'],
    ['no models', { models: undefined }, 'models', 'is missing'],
    ['no address', { base_url: undefined }, 'base_url', 'is missing'],
    ['an address with a key', { base_url: 'http://me:pw@127.0.0.1/v1' }, 'base_url', 'no password'],
    [
      'an address with a query',
      { base_url: 'http://127.0.0.1/v1?key=x' },
      'base_url',
      'nothing behind its path',
    ],
    ['another protocol', { base_url: 'file:///etc/passwd' }, 'base_url', 'http or https'],
    ['a private address', { base_url: 'http://10.1.2.3/v1' }, 'base_url', 'is refused'],
    ['the address of metadata', { base_url: 'http://169.254.169.254/v1' }, 'base_url', 'is refused'],
    ['a header with a secret', { headers: { 'X-Api-Key': 'x' } }, 'headers', 'api_key_env'],
    ['a header with a key in it', { headers: { 'X-Team': 'Bearer abc' } }, 'headers', 'looks like a key'],
    ['a header of each call', { headers: { Host: 'x' } }, 'headers', 'which each call sets itself'],
    ['a model twice', { models: ['m', { name: 'm' }] }, 'models', '"m" twice'],
    ['a model without a name', { models: [{ upstream: 'x' }] }, 'models', 'index 0 that has no name'],
    [
      'a wrong part of a model',
      { models: ['a', { name: 'b', context_tokens: -1 }] },
      'models',
      'index 1 whose context_tokens must be',
    ],
    ['an unknown field', { colour: 'red' }, 'colour', 'is not a known field'],
    ['too many places', { max_concurrency: 1e12 }, 'max_concurrency', 'from 1 to 1000000'],
    ['too many requests', { rpm: 1e12 }, 'rpm', 'from 1 to 1000000000'],
    ['too many tokens', { tpm: 1e12 }, 'tpm', 'from 1 to 1000000000'],
    ['no place', { max_concurrency: 0 }, 'max_concurrency', 'whole number from 1'],
    ['any variable of the environment', { api_key_env: 'PATH' }, 'api_key_env', 'security.endpoint_keys'],
    ['a key of another address', { api_key_env: 'OTHER_KEY' }, 'api_key_env', 'security.endpoint_keys'],
  ])('%s', async (_what, wrong, field, reason) => {
    const { status, json } = await register({ ...new_, ...wrong });
    expect([status, json.code, json.field]).toEqual([422, 'invalid_fields', field]);
    expect(json.detail).toContain(reason);
    expect(JSON.stringify(json)).not.toContain(SECRET);
  });

  it('a key that would move with its endpoint to another address', async () => {
    const keyed = { name: 'keyed', models: ['keyed-model'], api_key_env: 'FILE_KEY' };
    expect((await register(keyed)).status).toBe(201);
    const moved = await call('PATCH', '/keyed', { base_url: slow.url });
    expect(moved.json).toMatchObject({ status: 422, field: 'api_key_env' });
    expect((await call('PATCH', '/keyed', { base_url: slow.url, api_key_env: null })).status).toBe(200);
    await call('DELETE', '/keyed');
  });

  it('what the configuration sets', async () => {
    const fixed = await call('PATCH', '/file', { base_url: slow.url });
    expect(fixed.json).toMatchObject({ status: 409, code: 'set_by_configuration' });
    expect(fixed.json.detail).toContain('weight, max_concurrency, rpm, tpm can be changed');
    expect((await call('DELETE', '/file')).json).toMatchObject({ status: 409, code: 'set_by_configuration' });
    const more = await call('PATCH', '/file', { max_concurrency: 5 });
    expect(more.json).toMatchObject({ status: 422, field: 'max_concurrency' });
    expect(more.json.detail).toContain('at most 4');
    const less = await call('PATCH', '/file', { max_concurrency: 2, weight: 7 });
    expect(less.json).toMatchObject({ max_concurrency: 2, weight: 7, rpm: 600 });
    expect((await call('PATCH', '/file', { rpm: 60 })).json).toMatchObject({ max_concurrency: 2, rpm: 60 });
    expect((await call('PATCH', '/file', { max_concurrency: null, rpm: null })).json).toMatchObject({
      ...{ max_concurrency: 4, rpm: 600, weight: 7 },
    });
    expect((await register({ name: 'file', models: ['m'] })).json).toMatchObject({ code: 'already_exists' });
  });

  it('what is not there', async () => {
    for (const [method, path] of [
      ['GET', '/none'],
      ['PATCH', '/none'],
      ['DELETE', '/none'],
      ['POST', '/none/drain'],
      ['POST', '/none/undrain'],
    ] as const) {
      const { json } = await call(method, path, method === 'PATCH' ? { weight: 2 } : undefined);
      expect(json).toMatchObject({ status: 404, code: 'not_found', detail: 'There is no endpoint none.' });
    }
  });
});
