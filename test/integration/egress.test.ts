import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { ModelCallError } from '../../src/dispatch/endpoints/model-endpoint.port.js';
import { OpenAiEndpoint } from '../../src/dispatch/endpoints/openai/openai-endpoint.js';
import { Webhook } from '../../src/operations/alerts/webhook.js';
import { EgressPolicy, type Resolve } from '../../src/platform/security/egress.js';
import type { NamedBy } from '../../src/platform/security/egress.policy.js';

const ANSWER = JSON.stringify({
  choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
});

interface Lists {
  readonly allow?: string[];
  readonly deny?: string[];
}

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A server on loopback that counts connections, and keeps what it is asked. */
async function serverWith(answer: RequestListener, host = '127.0.0.1') {
  const requests: IncomingMessage[] = [];
  const server: Server = createServer((request, response) => {
    requests.push(request);
    request.resume();
    answer(request, response);
  });
  let connections = 0;
  server.on('connection', () => {
    connections += 1;
  });
  server.listen(0, host);
  await once(server, 'listening');
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { port, requests, connections: () => connections };
}

function modelServer(host?: string) {
  return serverWith((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(ANSWER);
  }, host);
}

function policy({ allow = [], deny = [] }: Lists = {}, resolve?: Resolve): EgressPolicy {
  return new EgressPolicy({ security: { egress: { allow, deny } } }, resolve);
}

async function call(baseUrl: string, egress: EgressPolicy, namedBy: NamedBy): Promise<string | null> {
  const endpoint = new OpenAiEndpoint({
    ...{ name: 'test', baseUrl, models: ['demo'], maxConcurrency: 1, apiKey: 'sk-secret-of-the-endpoint' },
    ...{ connectTimeoutMs: 60_000, firstTokenTimeoutMs: 60_000 },
    connector: egress.connector({ namedBy, timeout: 60_000 }),
  });
  closing.unshift(() => endpoint.close());
  const { answer } = await endpoint.call({
    messageId: 'test',
    request: { content: 'hello', model: null, parameters: {} },
    ...{ model: 'demo', timeoutMs: 120_000, signal: new AbortController().signal, onDelta: () => {} },
  } as Parameters<OpenAiEndpoint['call']>[0]);
  return answer.content;
}

const everythingAt =
  (...addresses: string[]): Resolve =>
  async () =>
    addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));

describe('an endpoint that came over HTTP', () => {
  it.each(['127.0.0.1', 'localhost', 'LocalHost', '0x7f.1', '2130706433', '[::ffff:127.0.0.1]'])(
    'is not connected to on loopback: %s',
    async (host) => {
      const server = await modelServer();
      const failed = call(`http://${host}:${server.port}/v1`, policy(), 'request');
      await expect(failed).rejects.toThrow(ModelCallError);
      await expect(failed).rejects.toThrow(/security\.egress \(egress_private_address\)/);
      expect(server.connections()).toBe(0);
    },
  );

  it('is called where it is allowed, by network or by name', async () => {
    const server = await modelServer();
    const byNetwork = policy({ allow: ['127.0.0.0/8', '::1'] });
    expect(await call(`http://127.0.0.1:${server.port}/v1`, byNetwork, 'request')).toBe('hello');
    const byName = policy({ allow: ['localhost'] });
    expect(await call(`http://localhost:${server.port}/v1`, byName, 'request')).toBe('hello');
  });

  it('is called at the address that was checked, with one resolution', async () => {
    const server = await modelServer();
    let resolutions = 0;
    const rebinding: Resolve = async () => {
      resolutions += 1;
      return [{ address: resolutions === 1 ? '127.0.0.1' : '127.0.0.99', family: 4 }];
    };
    const egress = policy({ allow: ['127.0.0.1'] }, rebinding);
    expect(await call(`http://model.example:${server.port}/v1`, egress, 'request')).toBe('hello');
    expect(resolutions).toBe(1);
    expect(server.requests[0]!.headers.host).toBe(`model.example:${server.port}`);
  });

  it('is not called when its name leads elsewhere than when it was registered', async () => {
    const server = await modelServer();
    const answers = [['93.184.216.34'], ['127.0.0.1']];
    const rebinding: Resolve = (host, options) => everythingAt(...answers.shift()!)(host, options);
    const egress = policy({}, rebinding);
    const url = `http://rebind.example:${server.port}/v1`;
    expect(await egress.check(url)).toBeNull();
    await expect(call(url, egress, 'request')).rejects.toThrow(/security\.egress \(egress_private_address\)/);
    expect(server.connections()).toBe(0);
  });

  it('is not called where one of several addresses is refused', async () => {
    const server = await modelServer();
    const egress = policy({ allow: ['127.0.0.1'] }, everythingAt('127.0.0.1', '10.0.0.1'));
    const failed = call(`http://two.example:${server.port}/v1`, egress, 'request');
    await expect(failed).rejects.toThrow(/security\.egress \(egress_private_address\)/);
    expect(server.connections()).toBe(0);
  });
});

describe('an endpoint of the configuration file', () => {
  it('may be on loopback, unless it is denied', async () => {
    const server = await modelServer();
    const url = `http://localhost:${server.port}/v1`;
    expect(await call(url, policy(), 'configuration')).toBe('hello');
    for (const deny of ['localhost', '127.0.0.0/8', '*']) {
      const failed = call(url, policy({ deny: [deny, '::1'] }), 'configuration');
      await expect(failed).rejects.toThrow(/security\.egress \(egress_denied\)/);
    }
    expect(server.connections()).toBe(1);
  });
});

describe('a redirect', () => {
  it('is followed neither by an endpoint nor by a webhook', async () => {
    const secret = await modelServer();
    const location = `http://127.0.0.1:${secret.port}/v1/chat/completions`;
    const leading = await serverWith((_, response) => {
      response.writeHead(307, { location }).end();
    });
    const url = `http://127.0.0.1:${leading.port}`;
    await expect(call(`${url}/v1`, policy(), 'configuration')).rejects.toThrow(/answered 307/);
    const connector = policy().connector({ namedBy: 'configuration', timeout: 60_000 });
    const webhook = new Webhook({ url: `${url}/hook`, secret: null, timeoutMs: 60_000, connector });
    const alert = { type: 'dead_letter', id: 'a' } as const;
    await expect(webhook.deliver(alert, Date.now())).rejects.toThrow('The webhook answered 307.');
    expect(leading.requests.length).toBe(2);
    expect(secret.connections()).toBe(0);
  });
});

describe('the check at registration', () => {
  it.each([
    ['http://127.0.0.1:8000/v1', 'egress_private_address'],
    ['http://localhost/v1', 'egress_private_address'],
    ['http://169.254.169.254/latest', 'egress_metadata_address'],
    ['http://[fd00:ec2::254]/', 'egress_metadata_address'],
    ['ftp://example.com', 'egress_bad_address'],
    ['nonsense', 'egress_bad_address'],
    ['http://name-that-does-not.exist.invalid/v1', 'egress_unresolved'],
    ['https://8.8.8.8/v1', null],
  ])('of %s', async (url, code) => {
    expect((await policy().check(url))?.code ?? null).toBe(code);
  });

  it('looks at every address of a name', async () => {
    const egress = policy({}, everythingAt('93.184.216.34', '2606:4700::1111', 'fd12::1'));
    expect((await egress.check('https://three.example/v1'))?.code).toBe('egress_private_address');
    const open = policy({}, everythingAt('93.184.216.34', '2606:4700::1111'));
    expect(await open.check('https://two.example/v1')).toBeNull();
  });
});
