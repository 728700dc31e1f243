import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { newApiKey } from '../../src/platform/security/api-key.js';
import { eventually } from '../support/eventually.js';
import { FrameSocket, refusedHandshake } from '../support/frame-socket.js';
import { inOneOf } from '../support/in-one-of.js';
import { type Gateway, request, type Servers, startGateway, startServers } from './gateway.rig.js';

const client = newApiKey({ name: 'client', role: 'client', tenant: 'red' });
const other = newApiKey({ name: 'other', role: 'client', tenant: 'red' });
const root = newApiKey({ name: 'root', role: 'operator', tenant: 'ops' });
const spent = newApiKey({
  ...{ name: 'spent', role: 'client', tenant: 'red', expires_at: '2020-01-01T00:00:00Z' },
});
const keyed = { security: { api_keys: [client.config, other.config, root.config, spent.config] } };
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

let servers: Servers;
/** Of the test alone, where it needs one with settings of its own or ends it. */
let gateway: Gateway | undefined;
/** Of all others. */
let shared: Gateway | undefined;
const opened: FrameSocket[] = [];

beforeAll(async () => {
  servers = await startServers();
});
afterEach(async () => {
  for (const socket of opened.splice(0)) socket.socket.terminate();
  await gateway?.close();
  gateway = undefined;
});
afterAll(async () => {
  await shared?.close();
  await servers?.stop();
});

async function start(overrides?: Record<string, unknown>): Promise<string> {
  if (overrides === undefined) {
    shared ??= await startGateway(servers);
    return shared.baseUrl;
  }
  gateway = await startGateway(servers, overrides);
  return gateway.baseUrl;
}

async function open(...[baseUrl, opening]: Parameters<typeof FrameSocket.open>): Promise<FrameSocket> {
  const socket = await FrameSocket.open(baseUrl, opening);
  opened.push(socket);
  return socket;
}

async function expectServed(socket: FrameSocket): Promise<void> {
  expect(await socket.ask({ type: 'ping' })).toMatchObject({ type: 'pong' });
}

describe('a key', () => {
  it('is taken from either header, from a subprotocol, and from the first frame', async () => {
    const baseUrl = await start(keyed);
    await expectServed(await open(baseUrl, { headers: bearer(client.key) }));
    await expectServed(await open(baseUrl, { headers: { 'x-api-key': client.key } }));
    const browser = await open(baseUrl, { protocols: ['llmq.v1', `llmq.key.${client.key}`] });
    expect(browser.socket.protocol).toBe('llmq.v1');
    await expectServed(browser);
    const late = await open(baseUrl, { protocols: ['llmq.v1'] });
    expect(await late.ask({ type: 'authenticate', key: client.key })).toMatchObject({
      type: 'authenticated',
    });
    await expectServed(late);
    expect(await late.ask({ type: 'authenticate', key: client.key })).toMatchObject({
      ...{ type: 'error', error: { code: 'invalid_fields', problems: [{ field: 'type' }] } },
    });
  });

  it.each([
    ['unknown, in a header', { headers: bearer('wrong') }],
    ['unknown, as a subprotocol', { protocols: ['llmq.v1', 'llmq.key.wrong'] }],
    ['expired', { headers: bearer(spent.key) }],
    ['expired, as a subprotocol', { protocols: ['llmq.v1', `llmq.key.${spent.key}`] }],
  ])('that is %s is refused at the handshake', async (_, opening) => {
    const refused = await refusedHandshake(await start(keyed), opening);
    expect(refused).toMatchObject({ status: 401, json: { code: 'unauthorized' } });
    expect(refused.type).toMatch(/^application\/problem\+json/);
  });

  it('in the address is refused by a word, and not told again', async () => {
    const baseUrl = await start(keyed);
    const { status, json } = await refusedHandshake(baseUrl, { path: `/ws?api_key=${client.key}` });
    expect(status).toBe(422);
    expect(json).toMatchObject({ code: 'invalid_fields', field: 'api_key' });
    expect(json.detail).toMatch(/header, a subprotocol or the first frame/);
    expect(JSON.stringify(json)).not.toContain(client.key);
  });

  it.each([
    ['wrong', 'wrong'],
    ['expired', spent.key],
  ])('that is %s in the first frame closes the WebSocket', async (_, key) => {
    const socket = await open(await start(keyed));
    expect(await socket.ask({ type: 'authenticate', key })).toMatchObject({
      ...{ type: 'error', error: { code: 'unauthorized' } },
    });
    expect(await socket.closed).toEqual({ code: 4401, reason: 'unauthorized' });
  });

  it('must come before anything else', async () => {
    const socket = await open(await start(keyed));
    socket.send({ type: 'subscribe', request_id: 'r', user_id: 'u' });
    expect(await socket.closed).toEqual({ code: 4401, reason: 'unauthorized' });
    expect(socket.frames).toMatchObject([
      { type: 'error', request_id: null, error: { code: 'unauthorized' } },
    ]);
  });

  it('must come in time, and in a small frame', async () => {
    const baseUrl = await start({ ...keyed, server: { websocket: { authenticate_timeout_ms: 2_000 } } });
    const silent = await open(baseUrl);
    expect(await silent.closed).toEqual({ code: 4401, reason: 'unauthorized' });
    // It must be sent before its time is over, too.
    await inOneOf(5, async () => {
      const long = await open(baseUrl);
      long.send({ type: 'authenticate', request_id: 'r', key: 'x'.repeat(64 * 1024) });
      expect((await long.closed).code).toBe(1009);
    });
  });

  it('that expires ends the WebSocket that it opened', async () => {
    // Longer with each round: it must not expire before the service has started, however slow the machine is.
    let lifeMs = 5_000;
    await inOneOf(
      3,
      async () => {
        lifeMs *= 3;
        const expires_at = new Date(Date.now() + lifeMs).toISOString();
        const soon = newApiKey({ name: 'soon', role: 'client', tenant: 'red', expires_at });
        const baseUrl = await start({ security: { api_keys: [soon.config] } });
        const socket = await open(baseUrl, { headers: bearer(soon.key) });
        await expectServed(socket);
        expect(await socket.closed).toEqual({ code: 4401, reason: 'unauthorized' });
        expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(expires_at));
        expect(socket.frames.at(-1).error.message).toMatch(/expired/);
      },
      async () => gateway?.close(),
    );
  }, 400_000);

  it('of an operator may act in another tenant, and no other key may', async () => {
    const baseUrl = await start(keyed);
    const elsewhere = { ...bearer(client.key), 'x-llmq-tenant': 'ops' };
    expect(await refusedHandshake(baseUrl, { headers: elsewhere })).toMatchObject({
      ...{ status: 403, json: { code: 'forbidden' } },
    });
    const socket = await open(baseUrl);
    expect(await socket.ask({ type: 'authenticate', key: client.key, tenant: 'ops' })).toMatchObject({
      error: { code: 'forbidden' },
    });
    expect(await socket.ask({ type: 'authenticate', key: root.key, tenant: 'red' })).toMatchObject({
      type: 'authenticated',
    });
  });
});

describe('a page', () => {
  it('of another origin is refused, with a key or without keys', async () => {
    const baseUrl = await start(keyed);
    const foreign = { headers: bearer(client.key), origin: 'https://evil.example' };
    expect(await refusedHandshake(baseUrl, foreign)).toMatchObject({
      ...{ status: 403, json: { code: 'foreign_origin' } },
    });
    await expectServed(await open(baseUrl, { headers: bearer(client.key), origin: baseUrl }));
    const openUrl = await start();
    expect(await refusedHandshake(openUrl, { origin: 'https://evil.example' })).toMatchObject({
      status: 403,
    });
    await expectServed(await open(openUrl, { origin: openUrl }));
  });

  it('of an origin that the configuration names is let in with a key', async () => {
    const baseUrl = await start({ ...keyed, server: { cors_origins: ['https://app.example'] } });
    const protocols = ['llmq.v1', `llmq.key.${client.key}`];
    await expectServed(await open(baseUrl, { protocols, origin: 'https://app.example' }));
  });

  it('whose name was made to lead to this machine is refused', async () => {
    const baseUrl = await start();
    const refused = await refusedHandshake(baseUrl, { headers: { host: 'evil.example' } });
    expect(refused).toMatchObject({ status: 403, json: { code: 'foreign_host' } });
  });
});

describe('the handshake', () => {
  it('needs a protocol that is spoken here, where it offers any', async () => {
    const baseUrl = await start();
    expect(await refusedHandshake(baseUrl, { protocols: ['graphql-ws'] })).toMatchObject({
      ...{ status: 422, json: { code: 'invalid_fields', field: 'Sec-WebSocket-Protocol' } },
    });
    const plain = await open(baseUrl);
    expect(plain.socket.protocol).toBe('');
    await expectServed(plain);
  });

  it('is not a plain request, and only the one address takes it', async () => {
    const baseUrl = await start();
    const plain = await request('GET', `${baseUrl}/ws`);
    expect(plain.status).toBe(426);
    expect(plain.headers.get('upgrade')).toBe('websocket');
    expect(await refusedHandshake(baseUrl, { path: '/api/v1/messages/nothing' })).toMatchObject({
      ...{ status: 400, json: { code: 'malformed_id' } },
    });
    expect(await refusedHandshake(baseUrl, { path: '/nothing' })).toMatchObject({ status: 404 });
    const keyedUrl = await start(keyed);
    expect(await refusedHandshake(keyedUrl, { path: '/nothing' })).toMatchObject({ status: 401 });
    expect((await request('GET', `${keyedUrl}/ws`)).status).toBe(401);
  });

  it('is refused beyond the limits, of all and of one key', async () => {
    const websocket = { max_connections: 2, max_connections_per_key: 2, authenticate_timeout_ms: 60_000 };
    const baseUrl = await start({ ...keyed, server: { websocket } });
    const first = await open(baseUrl, { headers: bearer(client.key) });
    await open(baseUrl, { headers: bearer(client.key) });
    const refused = await refusedHandshake(baseUrl, { headers: bearer(client.key) });
    expect(refused).toMatchObject({ status: 429, json: { code: 'too_many_of_key' } });
    const late = await open(baseUrl);
    expect(await late.ask({ type: 'authenticate', key: client.key })).toMatchObject({
      error: { code: 'too_many_of_key' },
    });
    const beyondAll = await refusedHandshake(baseUrl, { headers: bearer(other.key) });
    expect(beyondAll).toMatchObject({ status: 503, json: { code: 'too_many_waiting' } });
    await first.close();
    // The server hears of it a moment later.
    await eventually(async () =>
      expect(await late.ask({ type: 'authenticate', key: client.key })).toMatchObject({
        type: 'authenticated',
      }),
    );
  });

  it('without a key takes no place of those who have one', async () => {
    const websocket = {
      ...{ max_connections: 1, max_connections_without_key: 2 },
      authenticate_timeout_ms: 60_000,
    };
    const baseUrl = await start({ ...keyed, server: { websocket } });
    const [late, nobody] = [await open(baseUrl), await open(baseUrl)];
    const third = await refusedHandshake(baseUrl);
    expect(third).toMatchObject({ status: 503, json: { code: 'too_many_waiting' } });
    await open(baseUrl, { headers: bearer(client.key) });
    expect(await late!.ask({ type: 'authenticate', key: client.key })).toMatchObject({
      error: { code: 'too_many_waiting' },
    });
    await nobody!.close();
    await eventually(() => open(baseUrl));
  });
});

describe('on the wire', () => {
  async function talk(baseUrl: string, bytes: string): Promise<string> {
    const { hostname, port } = new URL(baseUrl);
    const socket: Socket = connect(Number(port), hostname);
    let answer = '';
    socket.setEncoding('latin1').on('data', (part) => {
      answer += part;
    });
    socket.on('error', () => undefined);
    socket.write(bytes);
    await Promise.race([once(socket, 'close'), sleep(60_000, undefined, { ref: false })]);
    socket.destroy();
    return answer;
  }

  it('a request that offers HTTP/2 is served without it, body and all', async () => {
    const baseUrl = await start();
    const body = JSON.stringify({ user_id: 'u', content: 'x'.repeat(100_000) });
    const { host } = new URL(baseUrl);
    const answer = await talk(
      baseUrl,
      `POST /api/v1/messages HTTP/1.1\r\nhost: ${host}\r\nconnection: Upgrade, HTTP2-Settings, close\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAoAAAAAIAAAAA\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 202 /);
    const twice = `GET /v1/models HTTP/1.1\r\nhost: ${host}\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AA\r\n\r\n`;
    const closing = `GET /v1/models HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`;
    expect((await talk(baseUrl, twice + closing)).match(/HTTP\/1\.1 200 /g)).toHaveLength(2);
  });

  it('a second host, a broken handshake and a cut one are no harm', async () => {
    const baseUrl = await start();
    const { host } = new URL(baseUrl);
    const upgrade = 'connection: upgrade\r\nupgrade: websocket\r\n';
    const proper = 'sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
    const twoHosts = `GET /ws HTTP/1.1\r\nhost: ${host}\r\nhost: evil.example\r\n${upgrade}${proper}\r\n`;
    expect(await talk(baseUrl, twoHosts)).toMatch(/^HTTP\/1\.1 400 /);
    const noKey = `GET /ws HTTP/1.1\r\nhost: ${host}\r\n${upgrade}sec-websocket-version: 13\r\n\r\n`;
    expect(await talk(baseUrl, noKey)).toMatch(/^HTTP\/1\.1 400 /);
    const oldVersion = `GET /ws HTTP/1.1\r\nhost: ${host}\r\n${upgrade}${proper.replace('13', '7')}\r\n`;
    expect(await talk(baseUrl, oldVersion)).toMatch(/^HTTP\/1\.1 4(00|26) /);
    const { hostname, port } = new URL(baseUrl);
    for (let cut = 0; cut < 20; cut += 1) {
      const socket = connect(Number(port), hostname);
      socket.on('error', () => undefined);
      socket.write(`GET /ws HTTP/1.1\r\nhost: ${host}\r\n${upgrade}${proper}\r\n`, () =>
        socket.resetAndDestroy(),
      );
      await once(socket, 'close');
    }
    await expectServed(await open(baseUrl));
  });
});
