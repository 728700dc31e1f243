import { request as httpRequest } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { v7 as uuidv7 } from 'uuid';
import { newApiKey } from '../../src/platform/security/api-key.js';
import { type Gateway, type Servers, startGateway, startServers } from './gateway.rig.js';

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

interface Raw {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: Buffer;
}

/** As it comes over the wire: `fetch` would ask for compression, and undo it. */
function call(
  path: string,
  headers: Record<string, string> = {},
  body?: object,
  method = body === undefined ? 'GET' : 'POST',
  at: Gateway = gateway,
): Promise<Raw> {
  return new Promise((resolve, reject) => {
    const sent = body === undefined ? {} : { 'content-type': 'application/json' };
    const request = httpRequest(
      `${at.baseUrl}${path}`,
      { method, headers: { ...sent, ...headers } },
      (response) => {
        const pieces: Buffer[] = [];
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.on('end', () =>
          resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(pieces) }),
        );
      },
    );
    request.on('error', reject);
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

const GZIP = { 'accept-encoding': 'br, gzip, deflate' };
const batch = (count: number) => ({
  messages: Array.from({ length: count }, (_, at) => ({ user_id: 'u', content: `message ${at}` })),
});

describe('an answer', () => {
  it('is compressed where the client asks, and the same as without', async () => {
    for (const path of ['/api/docs-json', '/api/v1/messages?limit=200']) {
      await call('/api/v1/messages/batch', {}, batch(30));
      await gateway.projected();
      const plain = await call(path);
      expect(plain.headers['content-encoding']).toBeUndefined();
      const compressed = await call(path, GZIP);
      expect(compressed.headers).toMatchObject({
        'content-encoding': 'gzip',
        vary: expect.stringMatching(/accept-encoding/i),
      });
      expect(compressed.headers['content-type']).toBe(plain.headers['content-type']);
      expect(gunzipSync(compressed.body).toString()).toBe(plain.body.toString());
      expect(compressed.body.length).toBeLessThan(plain.body.length / 2);
    }
  });

  it.each<[string, Record<string, string>]>([
    ['nobody asks', {}],
    ['only others are asked for', { 'accept-encoding': 'br' }],
    ['it is refused', { 'accept-encoding': 'gzip;q=0, identity' }],
  ])('is left as it is where %s', async (_what, headers) => {
    expect((await call('/api/docs-json', headers)).headers['content-encoding']).toBeUndefined();
  });

  it('is left as it is while it is small, an error too', async () => {
    const { status, headers, body } = await call(`/api/v1/messages/${uuidv7()}`, GZIP);
    expect([status, headers['content-encoding']]).toEqual([404, undefined]);
    expect(JSON.parse(body.toString())).toMatchObject({ status: 404 });
  });

  it('has a head without a body', async () => {
    const { status, body } = await call('/api/docs-json', GZIP, undefined, 'HEAD');
    expect([status, body.length]).toEqual([200, 0]);
  });

  it('is kept under its key as it was, whoever asks how', async () => {
    const keyed = (headers: Record<string, string>) =>
      call('/api/v1/messages/batch', { 'idempotency-key': 'compressed', ...headers }, batch(40));
    const first = await keyed(GZIP);
    expect(first.headers['content-encoding']).toBe('gzip');
    const again = await keyed({});
    expect([again.headers['content-encoding'], again.headers['idempotency-replayed']]).toEqual([
      undefined,
      'true',
    ]);
    expect(again.body.toString()).toBe(gunzipSync(first.body).toString());
    const third = await keyed(GZIP);
    expect(third.headers).toMatchObject({ 'content-encoding': 'gzip', 'idempotency-replayed': 'true' });
    expect(gunzipSync(third.body)).toEqual(again.body);
  });

  it('tells caches what it depends on, origins too', async () => {
    const { key, config } = newApiKey({ name: 'page', role: 'client', tenant: 'default' });
    const origin = 'https://app.example.com';
    const open = await startGateway(servers, {
      server: { cors_origins: [origin] },
      security: { api_keys: [config] },
    });
    try {
      const headers = { ...GZIP, origin, authorization: `Bearer ${key}` };
      const answer = await call('/api/v1/messages?limit=200', headers, undefined, 'GET', open);
      expect(answer.headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'origin, accept-encoding' });
    } finally {
      await open.close();
    }
  });

  it('in lines is not held back: it is not compressed', async () => {
    const { status, headers, body } = await call('/api/v1/audit/events', {
      ...GZIP,
      accept: 'application/x-ndjson',
    });
    expect([status, headers['content-encoding']]).toEqual([200, undefined]);
    expect(body.length).toBeGreaterThan(10_000);
    expect(body.toString()).toMatch(/^\{/);
  });
});
