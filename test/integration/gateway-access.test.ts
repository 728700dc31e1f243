import { once } from 'node:events';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { newApiKey } from '../../src/platform/security/api-key.js';
import { eventually } from '../support/eventually.js';
import {
  type Answer,
  type Gateway,
  MODEL,
  request,
  type Servers,
  startGateway,
  startServers,
} from './gateway.rig.js';

const red = newApiKey({ name: 'red-key', role: 'client', tenant: 'red' });
const blue = newApiKey({ name: 'blue-key', role: 'admin', tenant: 'blue' });
const reader = newApiKey({ name: 'reader', role: 'viewer', tenant: 'red' });
const root = newApiKey({ name: 'root', role: 'operator', tenant: 'ops' });
const capped = newApiKey({ name: 'capped', role: 'client', tenant: 'red', max_priority: 'low' });
const spent = newApiKey({
  ...{ name: 'spent', role: 'client', tenant: 'red', expires_at: '2020-01-01T00:00:00Z' },
});

let servers: Servers;
let gateway: Gateway | undefined;

beforeAll(async () => {
  servers = await startServers();
});
afterEach(async () => {
  await gateway?.close();
  gateway = undefined;
});
afterAll(async () => {
  await servers?.stop();
});

async function start(overrides: Record<string, unknown> = {}): Promise<Gateway> {
  gateway = await startGateway(servers, overrides);
  return gateway;
}

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const chat = { model: MODEL, messages: [{ role: 'user', content: 'Hi' }] };

/** `fetch` sets Host and Origin itself, and resolves dots in addresses. */
async function raw(
  url: string,
  headers: Record<string, string>,
  { body, path = new URL(url).pathname }: { body?: string; path?: string } = {},
): Promise<{ status: number; json: { code?: string }; headers: IncomingHttpHeaders }> {
  const sent = httpRequest(url, { path, method: body === undefined ? 'GET' : 'POST', headers });
  sent.end(body);
  const [response] = await once(sent, 'response');
  return { status: response.statusCode, headers: response.headers, json: JSON.parse(await text(response)) };
}

/** Of an address as it is written, dots included. */
async function rawStatus(url: string, path: string): Promise<number> {
  const sent = httpRequest(url, { path, method: 'GET' });
  sent.end();
  const [response] = await once(sent, 'response');
  response.resume();
  return response.statusCode;
}

describe('with API keys', () => {
  const keyed = { security: { api_keys: [red.config, blue.config] } };

  it('serves nobody without a key, on any route but health and the page at /', async () => {
    const { baseUrl, log } = await start({ ...keyed, server: { docs: 'keys' } });
    const before = await log.lastSequence();
    const routes = [
      ...['GET /api/v1/messages', 'POST /api/v1/messages', 'GET /v1/models', 'POST /v1/chat/completions'],
      ...['GET /api/docs', 'GET /api/docs-json', 'GET /api/docs/swagger-ui-bundle.js', 'GET /nothing'],
      ...[
        'GET /v1/files',
        'POST /v1/files',
        'GET /v1/batches',
        'POST /v1/batches',
        'GET /healthy',
        'GET //v1/models',
        'GET /metrics',
        'GET /api/v1/config',
        'POST /',
        'POST /api/docs',
      ],
    ];
    for (const route of routes) {
      const [method, path] = route.split(' ') as [string, string];
      const body = method === 'POST' ? { ...chat, user_id: 'u', content: 'x' } : undefined;
      for (const headers of [
        {},
        bearer('wrong'),
        { authorization: 'Basic eDp5' },
        bearer(red.config.sha256),
      ]) {
        const refused = await request(method, baseUrl + path, body, headers);
        expect({ route, status: refused.status }).toEqual({ route, status: 401 });
        expect(refused.headers.get('www-authenticate')).toMatch(/^Bearer/);
        expect((refused.json.error ?? refused.json).code).toMatch(/^(unauthorized|invalid_api_key)$/);
      }
    }
    expect(await log.lastSequence()).toBe(before);
  });

  it('opens its documentation to browsers, which send no key, and nothing behind it', async () => {
    const { baseUrl } = await start(keyed);
    for (const path of ['/api/docs', '/api/docs/swagger-ui-bundle.js', '/api/docs-json']) {
      const response = await fetch(baseUrl + path, { headers: { 'sec-fetch-site': 'none' } });
      expect([path, response.status]).toEqual([path, 200]);
      expectPageHeaders(response.headers);
      await response.body?.cancel();
    }
    for (const path of [
      '/api/docs/../v1/models',
      '/api/docs/%2e%2e/v1/models',
      '/api/docsx',
      '/api/docs-yaml',
      '/v1/models',
    ]) {
      expect([401, 403, 404]).toContain(await rawStatus(baseUrl, path));
    }
  });

  it('is not fooled by an address that only begins like health', async () => {
    const { baseUrl } = await start(keyed);
    for (const path of ['/health/../v1/models', '/health/%2e%2e/v1/models', '/health/live/../../v1/models']) {
      expect([401, 404]).toContain((await raw(baseUrl, {}, { path })).status);
    }
  });

  it('shows a tenant its own messages only', async () => {
    const { baseUrl, worker, log } = await start(keyed);
    const url = `${baseUrl}/api/v1/messages`;
    const before = await log.lastSequence();
    const submitted = await request('POST', url, { user_id: 'u', content: 'secret' }, bearer(red.key));
    expect(submitted.status).toBe(202);
    const message = await worker.received(before);
    expect(message.tenant).toBe('red');
    const { id } = submitted.json;
    expect((await request('GET', `${url}/${id}`, undefined, bearer(red.key))).json.content).toBe('secret');
    const foreign = await request('GET', `${url}/${id}`, undefined, bearer(blue.key));
    expect(foreign).toMatchObject({ status: 404, json: { code: 'not_found' } });
    const waited = request('GET', `${url}/${id}?wait=1s`, undefined, bearer(blue.key));
    await worker.complete(message, { content: 'answer' });
    expect((await waited).status).toBe(404);
    expect((await request('GET', url, undefined, bearer(blue.key))).json.data).toEqual([]);
    expect((await request('GET', url, undefined, bearer(red.key))).json.data).toHaveLength(1);
  });

  it('shows a tenant its own files and batches only', async () => {
    const { baseUrl } = await start(keyed);
    const form = new FormData();
    form.set('file', new Blob(['{}\n']), 'mine.jsonl');
    form.set('purpose', 'batch');
    const made = await fetch(`${baseUrl}/v1/files`, {
      ...{ method: 'POST', body: form, headers: bearer(red.key) },
    });
    expect(made.status).toBe(200);
    const { id } = (await made.json()) as { id: string };
    const wanted = { input_file_id: id, endpoint: '/v1/chat/completions', completion_window: '24h' };
    const foreign = await request('POST', `${baseUrl}/v1/batches`, wanted, bearer(blue.key));
    expect(foreign).toMatchObject({ status: 400, json: { error: { param: 'input_file_id' } } });
    const batch = await request('POST', `${baseUrl}/v1/batches`, wanted, bearer(red.key));
    expect(batch.status).toBe(200);
    for (const path of ['', '/results']) {
      const url = `${baseUrl}/api/v1/batches/${batch.json.id}${path}`;
      expect((await request('GET', url, undefined, bearer(blue.key))).status).toBe(404);
    }
    const others = await request('GET', `${baseUrl}/api/v1/batches`, undefined, bearer(blue.key));
    expect(others.json.data).toEqual([]);
    const paths = [`files/${id}`, `files/${id}/content`, `batches/${batch.json.id}`];
    for (const path of paths) {
      const answer = await request('GET', `${baseUrl}/v1/${path}`, undefined, bearer(blue.key));
      expect([path, answer.status, answer.json.error?.code]).toEqual([path, 404, 'not_found']);
    }
    const removed = await request('DELETE', `${baseUrl}/v1/files/${id}`, undefined, bearer(blue.key));
    const cancelPath = `${baseUrl}/v1/batches/${batch.json.id}/cancel`;
    const cancelled = await request('POST', cancelPath, undefined, bearer(blue.key));
    expect([removed.status, cancelled.status]).toEqual([404, 404]);
    for (const list of ['files', 'batches']) {
      const [own, others] = await Promise.all(
        [red, blue].map(({ key }) => request('GET', `${baseUrl}/v1/${list}`, undefined, bearer(key))),
      );
      expect([own!.json.data.length, others!.json.data.length]).toEqual([1, 0]);
    }
  });

  it('names the key as the user of chats that name none', async () => {
    const { baseUrl, worker, log } = await start(keyed);
    const before = await log.lastSequence();
    const answer = request('POST', `${baseUrl}/v1/chat/completions`, chat, bearer(blue.key));
    const message = await worker.received(before);
    expect(message).toMatchObject({ tenant: 'blue', data: { user_id: 'blue-key' } });
    await worker.complete(message, { content: 'x' });
    expect((await answer).status).toBe(200);
  });

  it('serves any host and origin: a web page does not have the key', async () => {
    const { baseUrl } = await start(keyed);
    const headers = { ...bearer(red.key), host: 'queue.example', origin: 'https://app.example' };
    expect((await raw(`${baseUrl}/v1/models`, headers)).status).toBe(200);
  });
});

describe('a key’s role', () => {
  const keys = [red, blue, reader, root, capped, spent].map(({ config }) => config);
  let shared: Gateway;
  const as = async (
    key: { key: string },
    route: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ) => {
    const [method, path] = route.split(' ') as [string, string];
    return await request(method, shared.baseUrl + path, body, { ...bearer(key.key), ...headers });
  };
  const statuses = async (key: { key: string }, routes: readonly (readonly [string, unknown?])[]) =>
    Object.fromEntries(
      await Promise.all(
        routes.map(async ([route, body]) => [route, (await as(key, route, body)).status] as const),
      ),
    );

  beforeAll(async () => {
    shared = await startGateway(servers, { security: { api_keys: keys } });
  });
  afterAll(async () => {
    await shared?.close();
  });

  const READS = ['GET /api/v1/messages', 'GET /api/v1/queues/status', 'GET /v1/models'] as const;
  const NOBODY = '019b0000-0000-7000-8000-000000000000';

  it('viewer: reads, and changes nothing', async () => {
    const writes = [
      ['POST /api/v1/messages', { user_id: 'u', content: 'x' }],
      ['POST /v1/chat/completions', chat],
      ['POST /v1/responses', { model: MODEL, input: 'Hi' }],
      [`POST /v1/responses/resp_${NOBODY}/cancel`],
      [`DELETE /v1/responses/resp_${NOBODY}`],
      ['POST /v1/conversations', {}],
      ['POST /api/v1/conversations', { user_id: 'u' }],
      ['POST /v1/files', {}],
      ['DELETE /v1/files/file-x'],
      ['POST /v1/batches', {}],
      ['POST /api/v1/batches', {}],
      ['POST /api/v1/batches/batch_x/cancel'],
      ['POST /api/v1/batches/batch_x/webhook/redeliver'],
      ['POST /v1/batches/batch_x/cancel'],
      [`DELETE /api/v1/messages/${NOBODY}`],
      [`PATCH /api/v1/conversations/${NOBODY}`, {}],
    ] as const;
    const before = await shared.log.lastSequence();
    expect(
      new Set(
        Object.values(
          await statuses(
            reader,
            READS.map((route) => [route]),
          ),
        ),
      ),
    ).toEqual(new Set([200]));
    expect(new Set(Object.values(await statuses(reader, writes)))).toEqual(new Set([403]));
    expect(await shared.log.lastSequence()).toBe(before);
  });

  it('admin: of its tenant alone; operator: of what all share', async () => {
    const ofTenants = ['GET /api/v1/admin/dead-letters', 'GET /api/v1/admin/preprocessor/rules'];
    const ofAll = [
      'GET /api/v1/config',
      'GET /api/v1/endpoints',
      'GET /api/v1/report',
      'GET /api/v1/scheduler',
      'GET /api/v1/scheduler/decisions',
      'POST /api/v1/admin/queues/low/resume',
      'POST /api/v1/endpoints',
      'PUT /api/v1/scheduler',
    ];
    const routes = [...ofTenants, ...ofAll].map((route) => [route] as const);
    const told = async (key: { key: string }) => Object.values(await statuses(key, routes));
    const nowhere = Array.from({ length: 10 }, () => 403);
    expect(await told(reader)).toEqual(nowhere);
    expect(await told(red)).toEqual(nowhere);
    expect(await told(blue)).toEqual([200, 200, ...nowhere.slice(2)]);
    expect(await told(root)).toEqual([200, 200, 200, 200, 200, 200, 200, 200, 400, 400]);
  });

  it('operator: in the tenant that it names, and nobody else in another’s', async () => {
    const sent = await as(
      root,
      'POST /api/v1/messages',
      { user_id: 'u', content: 'x' },
      { 'x-llmq-tenant': 'red' },
    );
    expect(sent.status).toBe(202);
    const route = `GET /api/v1/messages/${sent.json.id}`;
    expect((await as(red, route)).status).toBe(200);
    expect((await as(root, route)).status).toBe(404);
    expect((await as(root, route, undefined, { 'x-llmq-tenant': 'red' })).status).toBe(200);
    const foreign = await as(blue, route, undefined, { 'x-llmq-tenant': 'red' });
    expect(foreign).toMatchObject({ status: 403, json: { code: 'forbidden' } });
  });

  it('is looked at before the first response of an Idempotency-Key is told again', async () => {
    const key = { 'idempotency-key': 'pause-once' };
    const route = 'POST /api/v1/admin/queues/low/pause';
    expect((await as(root, route, undefined, { ...key, 'x-llmq-tenant': 'blue' })).status).toBe(200);
    expect((await as(blue, route, undefined, key)).status).toBe(403);
    expect((await as(root, 'POST /api/v1/admin/queues/low/resume')).status).toBe(200);
  });

  it('lets a message repeat one of its own tenant alone', async () => {
    const message = { user_id: 'u', content: 'x' };
    const { id } = (await as(red, 'POST /api/v1/messages', message)).json;
    const repeating = { ...message, replay_of: id };
    expect((await as(red, 'POST /api/v1/messages', repeating)).status).toBe(202);
    const nobodys = { ...message, replay_of: NOBODY };
    for (const refused of [
      await as(blue, 'POST /api/v1/messages', repeating),
      await as(red, 'POST /api/v1/messages', nobodys),
    ]) {
      expect(refused).toMatchObject({ status: 422, json: { field: 'replay_of' } });
    }
    const batch = await as(blue, 'POST /api/v1/messages/batch', { messages: [repeating, message] });
    expect(batch.json.results.map(({ status }: { status: number }) => status)).toEqual([422, 202]);
  });

  it('holds a conversation to the highest priority of the key that makes or changes it', async () => {
    const made = await as(capped, 'POST /api/v1/conversations', { user_id: 'u', priority: 'realtime' });
    expect(made).toMatchObject({ status: 201, json: { priority: 'low' } });
    const route = `PATCH /api/v1/conversations/${made.json.id}`;
    expect((await as(capped, route, { priority: 'high' })).json.priority).toBe('low');
    expect((await as(red, route, { priority: 'high' })).json.priority).toBe('high');
    expect((await as(capped, route, { title: 'talk' })).json.priority).toBe('high');
    expect((await as(capped, route, { priority: null })).json.priority).toBeNull();
  });

  it('tells that a lane was paused, and only its tenant and operators why', async () => {
    const pause = (what: string, body?: object) => as(root, `POST /api/v1/admin/queues/low/${what}`, body);
    await pause('pause', { reason: 'their invoice is due' });
    const { id } = (await as(red, 'POST /api/v1/messages', { user_id: 'u', content: 'x', priority: 'low' }))
      .json;
    await pause('resume');
    await shared.projected();
    const route = `GET /api/v1/messages/${id}/events`;
    const told = await as(red, route);
    expect(told.json.data.map(({ type }: { type: string }) => type.split('.').at(-2))).toEqual([
      ...['lane-paused', 'received', 'prioritized', 'lane-resumed'],
    ]);
    expect(told.json.data[0]).toMatchObject({ text: 'Lane low paused.', data: { lane: 'low' } });
    expect(JSON.stringify(told.json)).not.toMatch(/invoice|root/);
    const [first] = (await as(root, route, undefined, { 'x-llmq-tenant': 'red' })).json.data;
    expect(first.text).toBe('Lane low paused by root: their invoice is due.');
    const firstPage = await as(red, `${route}?limit=2`);
    expect(firstPage.json.data).toEqual(told.json.data.slice(0, 2));
    const next = await as(red, `${route}?after=${firstPage.json.next_after}`);
    expect(next.json.data).toEqual(told.json.data.slice(2));
    const audit = await as(root, 'GET /api/v1/audit/events?type=lane-paused');
    expect(audit.json).toContain('invoice');
    const ofBlue = await as(blue, 'GET /api/v1/audit/events?type=lane-paused');
    expect(JSON.stringify(ofBlue.json)).not.toContain('lane-paused');
  });

  it('comes with a key in X-API-Key too, and ends with the key', async () => {
    const url = `${shared.baseUrl}/v1/models`;
    const plain = { 'x-api-key': red.key };
    expect((await request('GET', url, undefined, plain)).status).toBe(200);
    expect((await request('GET', url, undefined, { ...plain, authorization: 'Bearer unused' })).status).toBe(
      200,
    );
    const refused = await as(spent, 'GET /api/v1/messages');
    expect(refused).toMatchObject({ status: 401, json: { code: 'unauthorized' } });
    expect(refused.json.detail).toContain('expired');
  });
});

describe('a web page of an origin in server.cors_origins', () => {
  const APP = 'https://app.example';

  it('gets in with a key, and no other origin does', async () => {
    const { baseUrl, worker, log } = await start({
      security: { api_keys: [red.config] },
      server: { cors_origins: [APP] },
    });
    const url = `${baseUrl}/v1/chat/completions`;
    const asked = {
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization',
    };
    const preflight = await fetch(url, { method: 'OPTIONS', headers: { ...asked, origin: APP } });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe(APP);
    expect(preflight.headers.get('access-control-allow-headers')).toBe('authorization');
    const foreign = await fetch(url, {
      method: 'OPTIONS',
      headers: { ...asked, origin: 'https://evil.example' },
    });
    expect(foreign.status).toBe(401);
    expect(foreign.headers.get('access-control-allow-origin')).toBeNull();
    const unproven = await request('POST', url, chat, { origin: APP });
    expect(unproven.status).toBe(401);
    expect(unproven.headers.get('access-control-allow-origin')).toBe(APP);
    const before = await log.lastSequence();
    const answer = request('POST', url, { ...chat, stream: true }, { ...bearer(red.key), origin: APP });
    await worker.complete(await worker.received(before), { content: 'x' });
    const { status, headers } = await answer;
    expect(status).toBe(200);
    expect(headers.get('content-type')).toMatch(/^text\/event-stream/);
    expect(headers.get('access-control-allow-origin')).toBe(APP);
    expect(headers.get('vary')).toMatch(/origin/i);
  });
});

describe('without API keys', () => {
  it('serves this machine’s programs and pages of its own origin', async () => {
    const { baseUrl } = await start();
    const { port, host } = new URL(baseUrl);
    for (const headers of [{}, { host: `localhost:${port}` }, { host, origin: baseUrl }]) {
      expect((await raw(`${baseUrl}/v1/models`, headers as Record<string, string>)).status).toBe(200);
    }
  });

  it('refuses web pages, by their origin and by a name that was rebound to loopback', async () => {
    const { baseUrl, log } = await start();
    const before = await log.lastSequence();
    const json = { 'content-type': 'application/json' };
    const body = JSON.stringify({ user_id: 'u', content: 'x' });
    const url = `${baseUrl}/api/v1/messages`;
    const rebound = await raw(url, { ...json, host: 'evil.example' }, { body });
    expect(rebound).toMatchObject({ status: 403, json: { code: 'foreign_host' } });
    const foreign = await raw(url, { ...json, origin: 'https://evil.example' }, { body });
    expect(foreign).toMatchObject({ status: 403, json: { code: 'foreign_origin' } });
    expect(foreign.headers['access-control-allow-origin']).toBeUndefined();
    const preflight = await fetch(url, {
      method: 'OPTIONS',
      headers: { 'access-control-request-method': 'POST' },
    });
    expect(preflight.headers.get('access-control-allow-origin')).toBeNull();
    for (const site of ['cross-site', 'same-site']) {
      const marked = await raw(`${baseUrl}/v1/models`, { 'sec-fetch-site': site });
      expect(marked).toMatchObject({ status: 403, json: { error: { code: 'foreign_origin' } } });
    }
    expect((await raw(`${baseUrl}/v1/models`, { 'sec-fetch-site': 'same-origin' })).status).toBe(200);
    expect(await log.lastSequence()).toBe(before);
  });

  it('refuses two Host headers, and tells which methods a path has', async () => {
    const { baseUrl } = await start();
    const socket = connect(Number(new URL(baseUrl).port), '127.0.0.1');
    socket.write(
      'GET /v1/models HTTP/1.1\r\nhost: localhost\r\nHost: localhost\r\nconnection: close\r\n\r\n',
    );
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 400 /);
    const other = await request('PUT', `${baseUrl}/api/v1/messages`, {});
    expect(other).toMatchObject({ status: 405, json: { code: 'method_not_allowed' } });
    expect(other.headers.get('allow')).toBe('GET, HEAD, POST');
    const chatRead = await request('GET', `${baseUrl}/v1/chat/completions`);
    expect(chatRead).toMatchObject({ status: 405, json: { error: { code: 'method_not_allowed' } } });
    expect(chatRead.headers.get('allow')).toBe('POST');
    expect((await request('POST', `${baseUrl}/api/docs-json`)).headers.get('allow')).toBe('GET, HEAD');
    for (const path of ['/nothing', '/api/v1/messages/a/b/c', '/v1']) {
      const unknown = await request('PUT', baseUrl + path, {});
      expect({ path, status: unknown.status }).toEqual({ path, status: 404 });
      expect(unknown.headers.get('allow')).toBeNull();
    }
  });
});

function expectPageHeaders(headers: Headers): void {
  expect(headers.get('content-security-policy')).toMatch(/default-src 'self'.*frame-ancestors 'none'/);
  expect(headers.get('x-content-type-options')).toBe('nosniff');
  expect(headers.get('referrer-policy')).toBe('no-referrer');
}

describe('the documentation', () => {
  it('is made from the code, and needs nothing from elsewhere', async () => {
    const { baseUrl } = await start();
    const { json } = await request('GET', `${baseUrl}/api/docs-json`);
    expect(json.openapi).toBe('3.1.0');
    expect(Object.keys(json.paths).sort()).toEqual([
      ...[
        '/api/v1/admin/dead-letters',
        '/api/v1/admin/dead-letters/requeue',
        '/api/v1/admin/dead-letters/requeue-all',
        '/api/v1/admin/dead-letters/{id}',
        '/api/v1/admin/dead-letters/{id}/requeue',
        '/api/v1/admin/lanes/{lane}/pause',
        '/api/v1/admin/lanes/{lane}/resume',
        '/api/v1/admin/preprocessor/rules',
        '/api/v1/admin/preprocessor/rules/test',
        '/api/v1/admin/preprocessor/rules/{id}',
        '/api/v1/admin/preprocessor/user-priorities',
        '/api/v1/admin/preprocessor/user-priorities/{user_id}',
        '/api/v1/admin/queues/{lane}/pause',
        '/api/v1/admin/queues/{lane}/resume',
        '/api/v1/audit/events',
        '/api/v1/batches',
        '/api/v1/batches/{id}',
        '/api/v1/batches/{id}/cancel',
        '/api/v1/batches/{id}/results',
        '/api/v1/batches/{id}/webhook/redeliver',
        '/api/v1/config',
        '/api/v1/conversations',
        '/api/v1/conversations/{id}',
        '/api/v1/conversations/{id}/events',
        '/api/v1/conversations/{id}/messages',
        '/api/v1/conversations/{id}/state',
        '/api/v1/conversations/{id}/stream',
        '/api/v1/endpoints',
        '/api/v1/endpoints/{name}',
        '/api/v1/endpoints/{name}/drain',
        '/api/v1/endpoints/{name}/stats',
        '/api/v1/endpoints/{name}/undrain',
        '/api/v1/messages',
        '/api/v1/messages/batch',
        '/api/v1/messages/{id}',
        '/api/v1/messages/{id}/cancel',
        '/api/v1/messages/{id}/erase',
        '/api/v1/messages/{id}/events',
        '/api/v1/messages/{id}/stream',
        '/api/v1/queues/stats',
        '/api/v1/queues/status',
        '/api/v1/report',
        '/api/v1/resources',
        '/api/v1/scheduler',
        '/api/v1/scheduler/decisions',
        '/api/v1/scheduler/metrics',
        '/api/v1/usage',
        '/api/v1/users/{user_id}/conversations',
        '/api/v1/users/{user_id}/stream',
        '/api/v1/webhooks/deliveries',
        '/api/v1/webhooks/deliveries/{id}',
        '/api/v1/webhooks/deliveries/{id}/redeliver',
        '/api/v1/webhooks/receivers',
        '/api/v1/webhooks/receivers/{id}/switch-on',
        '/api/v1/webhooks/test',
        '/v1/batches',
        '/v1/batches/{batch_id}',
        '/v1/batches/{batch_id}/cancel',
        '/v1/chat/completions',
        '/v1/completions',
        '/v1/conversations',
        '/v1/conversations/{id}',
        '/v1/conversations/{id}/items',
        '/v1/conversations/{id}/items/{item}',
        '/v1/embeddings',
        '/v1/files',
        '/v1/files/{file_id}',
        '/v1/files/{file_id}/content',
        '/v1/models',
        '/v1/models/{model}',
        '/v1/responses',
        '/v1/responses/{id}',
        '/v1/responses/{id}/cancel',
        '/v1/responses/{id}/input_items',
      ],
    ]);
    const { SubmitMessage, ListMessages } = json.components.schemas;
    expect(SubmitMessage.required).toEqual(['user_id']);
    expect(SubmitMessage.properties.content.type).toEqual(['string', 'null']);
    // biome-ignore lint/suspicious/noExplicitAny: the document has many shapes.
    const operations = Object.entries<any>(json.paths).map(([path, { post }]) => ({ path, post }));
    const posts = operations.filter(({ post }) => post !== undefined);
    const names = (post: { parameters: { name: string }[] }) => post.parameters.map(({ name }) => name);
    expect(posts.filter(({ post }) => !names(post).includes('Idempotency-Key'))).toEqual([]);
    expect(posts.filter(({ post }) => '429' in post.responses).map(({ path }) => path)).toEqual([
      ...['/api/v1/messages/batch', '/api/v1/messages', '/api/v1/conversations/{id}/messages'],
      ...['/api/v1/conversations', '/v1/chat/completions', '/v1/completions', '/v1/embeddings'],
      '/v1/responses',
    ]);
    expect(Object.keys(SubmitMessage.properties)).toContain('max_retries');
    expect(SubmitMessage.properties.model.type).toEqual(['string', 'null']);
    expect(SubmitMessage.properties.priority.enum).toContain(null);
    expect(SubmitMessage.properties.user_id.type).toBe('string');
    expect(ListMessages).toBeUndefined();
    const listed: { name: string; in: string; schema: object }[] =
      json.paths['/api/v1/messages'].get.parameters;
    const types = Object.fromEntries(listed.map(({ name, schema }) => [name, schema]));
    expect(types['limit']).toMatchObject({ type: 'integer', minimum: 1, maximum: 200 });
    expect(types['priority']).toMatchObject({ type: 'string', enum: ['realtime', 'high', 'normal', 'low'] });
    const [id] = json.paths['/api/v1/messages/{id}'].get.parameters;
    expect(id.schema).toEqual({ type: 'string', format: 'uuid' });
    const page = await request('GET', `${baseUrl}/api/docs`);
    expect(page.status).toBe(200);
    expectPageHeaders(page.headers);
    expect(page.json).not.toMatch(/(src|href)="https?:/);
    const script = await fetch(`${baseUrl}/api/docs/swagger-ui-bundle.js`);
    expect(script.status).toBe(200);
    expectPageHeaders(script.headers);
    expect((await request('GET', `${baseUrl}/v1/models`)).headers.get('content-security-policy')).toBeNull();
    await script.body?.cancel();
  });
});

/** Asks again where another one has the place for a moment. */
function untilAdmitted(ask: () => Promise<Answer>): Promise<Answer> {
  return eventually(async () => {
    const answer = await ask();
    if (/too_many/.test(JSON.stringify(answer.json))) throw new Error('There was no place to wait in.');
    return answer;
  });
}

/** The answer to one that would wait, as soon as as many wait as may. */
function refusedWait(url: string, headers: Record<string, string> = {}): Promise<Answer> {
  return eventually(async () => {
    const answer = await request('GET', `${url}?wait=1ms`, undefined, headers);
    expect(answer.json.code).toMatch(/too_many/);
    return answer;
  });
}

/** A stream, as soon as its first piece is there: it answers with that. */
function streamed(baseUrl: string): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ ...chat, stream: true });
  return fetch(`${baseUrl}/v1/chat/completions`, { method: 'POST', headers, body });
}

describe('limits', () => {
  it('tells the one too many to wait', async () => {
    const { baseUrl, worker } = await start({ server: { max_waiting_requests: 2 } });
    const url = `${baseUrl}/api/v1/messages`;
    const { id } = (await request('POST', url, { user_id: 'u', content: 'x' })).json;
    const waiting = [1, 2].map(() => untilAdmitted(() => request('GET', `${url}/${id}?wait=60s`)));
    const refused = await refusedWait(`${url}/${id}`);
    expect(refused).toMatchObject({ status: 503, json: { code: 'too_many_waiting' } });
    expect(refused.headers.get('retry-after')).toBe('1');
    const chatted = await request('POST', `${baseUrl}/v1/chat/completions`, chat);
    expect(chatted).toMatchObject({ status: 503, json: { error: { code: 'too_many_waiting' } } });
    expect((await request('GET', `${url}/${id}`)).status).toBe(200);
    await worker.complete(await worker.receivedAs(id), { content: 'y' });
    for (const { status } of await Promise.all(waiting)) expect(status).toBe(200);
    await eventually(async () => expect((await request('GET', `${url}/${id}?wait=100ms`)).status).toBe(200));
  });

  it('leaves room for others beside the key that has as many waiting as it may', async () => {
    const server = { max_waiting_requests_per_key: 2 };
    const { baseUrl, worker } = await start({
      ...{ server, security: { api_keys: [red.config, blue.config] } },
    });
    const url = `${baseUrl}/api/v1/messages`;
    const send = (key: string, path = '', body?: object) =>
      request(body === undefined ? 'GET' : 'POST', `${url}${path}`, body, bearer(key));
    const { id } = (await send(red.key, '', { user_id: 'u', content: 'x' })).json;
    const streaming = await fetch(`${url}/${id}/stream`, { headers: bearer(red.key) });
    const polling = untilAdmitted(() => send(red.key, `/${id}?wait=60s`));
    await refusedWait(`${url}/${id}`, bearer(red.key));
    for (const path of [`/${id}?wait=1s`, `/${id}/stream`]) {
      const refused = await send(red.key, path);
      expect(refused).toMatchObject({ status: 429, json: { code: 'too_many_of_key', status: 429 } });
      expect(refused.headers.get('content-type')).toContain('application/problem+json');
      expect(refused.headers.get('retry-after')).toBe('1');
      expect(refused.json.detail).toContain('red-key');
    }
    const chatted = await request('POST', `${baseUrl}/v1/chat/completions`, chat, bearer(red.key));
    expect(chatted).toMatchObject({
      status: 429,
      json: { error: { type: 'rate_limit_error', code: 'too_many_of_key' } },
    });
    expect((await send(red.key, `/${id}`)).status).toBe(200);
    const others = (await send(blue.key, '', { user_id: 'u', content: 'x' })).json.id;
    expect((await send(blue.key, `/${others}?wait=100ms`)).status).toBe(200);
    await worker.complete(await worker.receivedAs(id), { content: 'y' });
    expect((await polling).status).toBe(200);
    await streaming.body?.cancel();
    await eventually(async () => expect((await send(red.key, `/${id}?wait=100ms`)).status).toBe(200));
  });

  it('closes a connection that does not send its request in time, and tells why', async () => {
    const { baseUrl } = await start({ server: { request_timeout_ms: 500 } });
    const socket = connect(Number(new URL(baseUrl).port), '127.0.0.1');
    socket.write('POST /api/v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n');
    const answer = await text(socket);
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(answer).toContain('request_timeout');
  });

  it('refuses headers that are too large', async () => {
    const { baseUrl } = await start();
    const refused = await request('GET', `${baseUrl}/v1/models`, undefined, {
      'x-large': 'x'.repeat(20_000),
    });
    expect(refused).toMatchObject({ status: 431, json: { code: 'headers_too_large' } });
  });
});

describe('a shutdown', () => {
  it('answers long polls at once, with the state as it is', async () => {
    const { baseUrl } = await start({ server: { max_waiting_requests: 1 } });
    const url = `${baseUrl}/api/v1/messages`;
    const { id } = (await request('POST', url, { user_id: 'u', content: 'x' })).json;
    const waiting = untilAdmitted(() => request('GET', `${url}/${id}?wait=60s`));
    await refusedWait(`${url}/${id}`);
    const started = Date.now();
    await gateway?.close();
    gateway = undefined;
    // Less than it would have waited for.
    expect(Date.now() - started).toBeLessThan(45_000);
    expect(await waiting).toMatchObject({ status: 200, json: { id, status: 'pending' } });
  });

  it('tells chats that wait where their messages are', async () => {
    const { baseUrl, worker, log } = await start({ server: { max_waiting_requests: 2 } });
    const before = await log.lastSequence();
    const asked = ['whole', 'stream'].map((how) =>
      untilAdmitted(() =>
        request('POST', `${baseUrl}/v1/chat/completions`, { ...chat, stream: how === 'stream' }),
      ),
    );
    const { subject } = await worker.received(before);
    // Both are in the log, with where they go, and both wait.
    await eventually(async () => expect(await log.lastSequence()).toBe(before + 4));
    await refusedWait(`${baseUrl}/api/v1/messages/${subject}`);
    await gateway?.close();
    gateway = undefined;
    const answers = await Promise.all(asked);
    for (const { status, json, headers } of answers) {
      expect({ status, code: json.error.code }).toEqual({ status: 503, code: 'service_stopping' });
      // A request that an SDK repeats joins the message, at another process or at this one after its start.
      expect(headers.get('x-should-retry')).toBe('true');
    }
    expect(answers.map(({ json }) => json.error.message_id)).toContain(subject);
  });

  it('lets an answer under way come to its end', async () => {
    const { baseUrl, worker, log } = await start();
    const before = await log.lastSequence();
    const asked = streamed(baseUrl);
    const message = await worker.received(before);
    worker.piece(message.subject, 1, { content: 'one ' });
    const response = await asked;
    const closing = gateway?.close();
    gateway = undefined;
    await sleep(300);
    worker.piece(message.subject, 2, { content: 'two' });
    await worker.complete(message, { content: 'one two' });
    expect(response.status).toBe(200);
    const told = await response.text();
    expect(told).toContain('"two"');
    expect(told).toContain('[DONE]');
    await closing;
  });

  it('cuts an answer that does not end, and says so in the stream', async () => {
    const { baseUrl, worker, log } = await start({ server: { shutdown_timeout_ms: 1_500 } });
    const before = await log.lastSequence();
    const asked = streamed(baseUrl);
    const message = await worker.received(before);
    worker.piece(message.subject, 1, { content: 'one ' });
    const told = (await asked).text();
    await gateway?.close();
    gateway = undefined;
    expect(await told).toContain('service_stopping');
    expect(await told).toContain(message.subject);
    expect(await told).not.toContain('[DONE]');
  });
});
