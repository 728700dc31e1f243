import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NatsConnection } from '@nats-io/transport-node';
import OpenAI from 'openai';
import { Webhook } from 'standardwebhooks';
import { WEBHOOKS_STREAM } from '../../src/broker/streams.js';
import { WebhookDues } from '../../src/broker/webhook-dues.js';
import { WebhookClient } from '../../src/operations/webhooks/webhook-client.js';
import { systemSources } from '../../src/platform/clock.js';
import { configSchema } from '../../src/platform/config/config.schema.js';
import type { ServiceConfig } from '../../src/platform/config/service-config.js';
import { newApiKey } from '../../src/platform/security/api-key.js';
import { eventually } from '../support/eventually.js';
import { jetstreamManager } from '../support/jetstream.js';
import { queryPostgres } from '../support/server-clients.js';
import { startWebhookReceiver, type WebhookReceiver } from '../support/webhook-receiver.js';
import {
  connectTo,
  type Gateway,
  MODEL,
  request,
  type Servers,
  startGateway,
  startServers,
} from './gateway.rig.js';

const secret = (letter: string) => `whsec_${Buffer.from(letter.repeat(32)).toString('base64')}`;
const [OLD, NEW, BLUE] = ['o', 'n', 'b'].map(secret) as [string, string, string];
const [admin, other] = [
  newApiKey({ name: 'ann', role: 'admin', tenant: 'red' }),
  newApiKey({ name: 'otto', role: 'admin', tenant: 'blue' }),
];

let servers: Servers;
let gateway: Gateway;
let receiver: WebhookReceiver;
let nats: NatsConnection;

/** Long by default: a receiver on a machine that is held up is not late. */
const overrides = (timeout_ms = 30_000) => ({
  webhooks: { secrets: [NEW, OLD], timeout_ms, retry_times_ms: [50, 100, 200] },
  security: {
    api_keys: [
      admin.config,
      { ...other.config, callback_url: `${receiver.url}/blue`, webhook_secrets: [BLUE] },
    ],
    egress: { allow: ['127.0.0.1'] },
  },
});

beforeAll(async () => {
  [servers, receiver] = await Promise.all([startServers(), startWebhookReceiver()]);
  nats = await connectTo(servers.nats);
  gateway = await startGateway(servers, overrides());
});
afterAll(async () => {
  await gateway?.close();
  await nats?.close();
  await receiver?.close();
  await servers?.stop();
});

async function startAgain(timeoutMs?: number): Promise<void> {
  await gateway.close();
  gateway = await startGateway(servers, overrides(timeoutMs));
}

function call(method: string, path: string, body?: unknown, key = admin.key, headers = {}) {
  return request(method, `${gateway.baseUrl}${path}`, body, { authorization: `Bearer ${key}`, ...headers });
}

async function submit(callbackUrl: string | null, key = admin.key, more = {}): Promise<string> {
  const body = { user_id: 'u', content: 'q', metadata: { order: 7 }, ...more };
  const told = callbackUrl === null ? body : { ...body, callback_url: callbackUrl };
  const { status, json } = await call('POST', '/api/v1/messages', told, key);
  expect(status).toBe(202);
  return json.id;
}

/** @returns the id of a message that was answered */
async function answered(path: string | null, key = admin.key, more = {}): Promise<string> {
  const id = await submit(path === null ? null : receiver.url + path, key, more);
  await gateway.worker.complete(await gateway.worker.receivedAs(id), { content: 'the answer' });
  return id;
}

const DELIVERIES = '/api/v1/webhooks/deliveries';

async function deliveryOf(messageId: string, key = admin.key) {
  const { json } = await call('GET', `${DELIVERIES}?message_id=${messageId}`, undefined, key);
  expect(json.data).toHaveLength(1);
  return json.data[0];
}

function ended(messageId: string, status: string, key = admin.key) {
  return eventually(async () => {
    const delivery = await deliveryOf(messageId, key);
    expect(delivery.status).toBe(status);
    return delivery;
  });
}

async function stored(): Promise<number> {
  return (await (await jetstreamManager(nats)).streams.info(WEBHOOKS_STREAM)).state.messages;
}

describe('a webhook', () => {
  it('tells of the end of a message, as the package standardwebhooks and the SDK of OpenAI verify it', async () => {
    const id = await answered('/good');
    const delivery = await ended(id, 'delivered');
    const [hook, ...more] = receiver.about(id);
    expect(more).toEqual([]);
    for (const known of [OLD, NEW]) {
      const event = new Webhook(known).verify(hook!.body, hook!.headers);
      expect(event).toMatchObject({ object: 'event', type: 'message.completed', data: { id } });
      const client = new OpenAI({ apiKey: 'none', webhookSecret: known });
      expect(await client.webhooks.unwrap(hook!.body, hook!.headers)).toEqual(event);
    }
    expect(() => new Webhook(BLUE).verify(hook!.body, hook!.headers)).toThrow();
    expect(hook!.event.id).toBe(hook!.headers['webhook-id']);
    expect(hook!.event.data).toMatchObject({ status: 'completed', user_id: 'u', metadata: { order: 7 } });
    expect(hook!.body).not.toContain('the answer');
    expect(delivery).toMatchObject({
      ...{ id: hook!.headers['webhook-id'], message_id: id, type: 'message.completed', tries: 1, round: 1 },
      ...{ url: `${receiver.url}/good`, named_by: 'message', http_status: 204, reason: null },
    });
    expect((await call('GET', `${DELIVERIES}/${delivery.id}`)).json).toEqual(delivery);
  });

  it('tells of a response by OpenAI’s types, and names it as OpenAI does', async () => {
    const to = `${receiver.url}/responses`;
    const ask = async (body: object) => {
      const after = await gateway.log.lastSequence();
      const asked = { model: MODEL, input: 'q', ...body };
      const calling = call('POST', '/v1/responses', asked, admin.key, { 'x-llmq-callback-url': to });
      return { calling, received: await gateway.worker.received(after) };
    };
    const whole = await ask({ background: true });
    await gateway.worker.complete(whole.received, { content: 'a' });
    // Its content is erased as soon as it has ended.
    const cut = await ask({ store: false });
    await gateway.worker.complete(cut.received, { content: 'a' }, { finish_reason: 'length' });
    expect((await cut.calling).json.status).toBe('incomplete');
    const failed = await ask({ background: true });
    const error = { code: 'endpoint_error', message: 'm', retryable: false, status: 400 };
    await gateway.worker.deadLetter(failed.received, error);
    const cancelled = await ask({ background: true });
    await call('POST', `/v1/responses/resp_${cancelled.received.subject}/cancel`);
    await eventually(() => expect(receiver.at('/responses')).toHaveLength(4));
    const told = receiver.at('/responses').map(({ event }) => [event.type, event.data]);
    const named = ({ received }: { received: { subject: string } }) => ({ id: `resp_${received.subject}` });
    expect(told).toEqual(
      expect.arrayContaining([
        ['response.completed', named(whole)],
        ['response.incomplete', named(cut)],
        ['response.failed', named(failed)],
        ['response.cancelled', named(cancelled)],
      ]),
    );
    expect((await whole.calling).json.id).toBe(named(whole).id);
    const [hook] = receiver.at('/responses');
    const client = new OpenAI({ apiKey: 'none', webhookSecret: NEW });
    expect(await client.webhooks.unwrap(hook!.body, hook!.headers)).toEqual(hook!.event);
  });

  it('tells of failed and cancelled messages, of those of a batch, and of a call of OpenAI', async () => {
    const failed = await submit(`${receiver.url}/ends`);
    const error = { code: 'endpoint_error', message: 'm', retryable: false, status: 400 };
    await gateway.worker.deadLetter(await gateway.worker.receivedAs(failed), error);
    const messages = [{ user_id: 'u', content: 'q', delay: 600, callback_url: `${receiver.url}/ends` }];
    const { json } = await call('POST', '/api/v1/messages/batch', { messages });
    const cancelled = json.results[0].id;
    await call('POST', `/api/v1/messages/${cancelled}/cancel`);
    const after = await gateway.log.lastSequence();
    const chat = { model: MODEL, messages: [{ role: 'user', content: 'q' }] };
    const headers = { 'x-llmq-callback-url': `${receiver.url}/ends` };
    const calling = call('POST', '/v1/chat/completions', chat, admin.key, headers);
    const called = await gateway.worker.received(after);
    await gateway.worker.complete(called, { content: 'a' });
    expect((await calling).status).toBe(200);
    await eventually(() => expect(receiver.at('/ends')).toHaveLength(3));
    const told = Object.fromEntries(receiver.at('/ends').map(({ event }) => [event.data.id, event.type]));
    expect(told).toEqual({
      [failed]: 'message.failed',
      [cancelled]: 'message.cancelled',
      [called.subject]: 'message.completed',
    });
  });

  it('goes to the URL of the API key, signed with the secret of the key', async () => {
    const id = await answered(null, other.key);
    await ended(id, 'delivered', other.key);
    const [hook] = receiver.about(id);
    expect(hook!.path).toBe('/blue');
    expect(new Webhook(BLUE).verify(hook!.body, hook!.headers)).toMatchObject({ data: { id } });
    const repeated = await answered(null, other.key, { replay_of: id });
    await gateway.projected();
    expect(
      (await call('GET', `${DELIVERIES}?message_id=${repeated}`, undefined, other.key)).json.data,
    ).toEqual([]);
  });

  it('is tried again until it is taken, always under the same id', async () => {
    receiver.answer('/later', (response, tries) => response.writeHead(tries < 2 ? 503 : 200).end());
    const id = await answered('/later');
    expect(await ended(id, 'delivered')).toMatchObject({ tries: 3, http_status: 200, reason: null });
    const hooks = receiver.about(id);
    expect(new Set(hooks.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(new Set(hooks.map(({ body }) => body)).size).toBe(1);
    expect(hooks).toHaveLength(3);
  });

  it('is given up after its last try', async () => {
    receiver.answer('/never', (response) => response.writeHead(500).end());
    const id = await answered('/never');
    expect(await ended(id, 'failed')).toMatchObject({
      ...{ tries: 4, http_status: 500, reason: 'bad_status', next_try_at: null },
    });
    expect(receiver.about(id)).toHaveLength(4);
    const events = await call('GET', `/api/v1/messages/${id}/events`);
    expect(events.json.data.at(-1).text).toMatch(/webhook message\.completed was given up at try 4/);
  });

  it('waits as long as its receiver wishes', async () => {
    receiver.answer('/wish', (response, tries) =>
      response.writeHead(tries === 0 ? 429 : 204, { 'retry-after': '2' }).end(),
    );
    const id = await answered('/wish');
    await ended(id, 'delivered');
    const [first, second] = receiver.about(id);
    expect(second!.atMs - first!.atMs).toBeGreaterThanOrEqual(1_900);
  });

  it('is no event for a message that names nobody', async () => {
    const id = await answered(null);
    await gateway.projected();
    expect((await call('GET', `${DELIVERIES}?message_id=${id}`)).json.data).toEqual([]);
    const [{ count }] = await gateway.dataSource.query(
      'SELECT count(*)::int AS count FROM llmq.webhooks WHERE message_id = $1',
      [id],
    );
    expect(count).toBe(0);
  });
});

describe('a webhook whose receiver is late', () => {
  beforeAll(() => startAgain(3_000));
  afterAll(() => startAgain());

  it('has failed where a receiver leads elsewhere, is late, or is not there', async () => {
    receiver.answer('/elsewhere', (response) =>
      response.writeHead(307, { location: `${receiver.url}/target` }).end(),
    );
    receiver.answer('/late', () => {});
    const [redirected, late] = await Promise.all([answered('/elsewhere'), answered('/late')]);
    const nobody = await submit('http://127.0.0.1:9/hook');
    await gateway.worker.complete(await gateway.worker.receivedAs(nobody), { content: 'a' });
    expect(await ended(redirected, 'failed')).toMatchObject({ reason: 'redirect', http_status: 307 });
    expect(await ended(nobody, 'failed')).toMatchObject({ reason: 'connection_failed', http_status: null });
    expect(await ended(late, 'failed')).toMatchObject({ reason: 'timeout', http_status: null });
    expect(receiver.at('/target')).toEqual([]);
  });

  it('holds up no other receiver while its own is slow', async () => {
    const slow = await startWebhookReceiver();
    try {
      slow.answer('/', () => {});
      const ids = await Promise.all(Array.from({ length: 30 }, () => submit(`${slow.url}/`)));
      for (const id of ids) {
        await gateway.worker.complete(await gateway.worker.receivedAs(id), { content: 'a' });
      }
      const fromMs = Date.now();
      const id = await answered('/quick');
      await eventually(() => expect(receiver.about(id)).toHaveLength(1));
      const seconds = (Date.now() - fromMs) / 1_000;
      // Eight before it is known to be slow, then one at a time, each for as long as the time-out.
      expect(slow.received.length).toBeLessThanOrEqual(10 + seconds);
    } finally {
      await slow.close();
    }
  });
});

describe('a receiver that answers 410', () => {
  it('is switched off until an admin switches it on, and then can be told once more', async () => {
    receiver.answer('/gone?order=1', (response) => response.writeHead(410).end());
    expect(await ended(await answered('/gone?order=1'), 'failed')).toMatchObject({
      reason: 'gone',
      tries: 1,
    });
    const untold = await answered('/gone?order=2');
    expect(await ended(untold, 'failed')).toMatchObject({ reason: 'receiver_off', tries: 0 });
    expect(receiver.at('/gone?order=2')).toEqual([]);

    const { json } = await call('GET', '/api/v1/webhooks/receivers');
    expect(json.data).toMatchObject([{ url: `${receiver.url}/gone`, reason: 'it answered 410' }]);
    expect((await call('GET', '/api/v1/webhooks/receivers', undefined, other.key)).json.data).toEqual([]);
    const switchOn = `/api/v1/webhooks/receivers/${json.data[0].id}/switch-on`;
    expect((await call('POST', switchOn, undefined, other.key)).status).toBe(404);
    expect((await call('POST', switchOn)).status).toBe(200);
    expect((await call('POST', switchOn)).status).toBe(404);
    expect((await call('GET', '/api/v1/webhooks/receivers')).json.data).toEqual([]);

    const { id } = await deliveryOf(untold);
    expect((await call('POST', `${DELIVERIES}/${id}/redeliver`, undefined, other.key)).status).toBe(404);
    const wanted = await call('POST', `${DELIVERIES}/${id}/redeliver`);
    expect(wanted).toMatchObject({ status: 202, json: { round: 2 } });
    expect(await ended(untold, 'delivered')).toMatchObject({ round: 2, tries: 1 });
    expect(receiver.at('/gone?order=2').map(({ headers }) => headers['webhook-id'])).toEqual([id]);
  });
});

describe('an address', () => {
  it.each([
    ['http://10.0.0.1/hook', /10\.0\.0\.1 has an address that is not public/],
    ['http://[::1]/hook', /not public/],
    ['http://169.254.169.254/latest', /metadata/],
    ['http://127.0.0.2/hook', /not public/],
    ['ftp://example.com/', /must begin with/],
    ['https://ann:secret@example.com/', /no user and no password/],
    ['hook', /must be a URL/],
  ])('that may not be called is refused: %s', async (callback_url, why) => {
    const { status, json } = await call('POST', '/api/v1/messages', {
      user_id: 'u',
      content: 'q',
      callback_url,
    });
    expect(status).toBe(422);
    expect(json).toMatchObject({ code: 'invalid_fields', field: 'callback_url' });
    expect(json.errors[0].reason).toMatch(why);
    expect(JSON.stringify(json)).not.toContain('secret');
  });

  it('whose name leads to this machine is refused when it is called, if a request named it', async () => {
    const port = new URL(receiver.url).port;
    const config = { ...configSchema.parse({}), roles: new Set() } as unknown as ServiceConfig;
    const client = new WebhookClient(config, systemSources);
    const url = `http://localhost:${port}/named`;
    const answer = await client.send({ url, named_by: 'message' }, {}, '{}');
    expect(answer).toMatchObject({ status: null, problem: 'egress_private_address' });
    expect(receiver.at('/named')).toEqual([]);
    await client.onApplicationShutdown();
  });
});

describe('a test', () => {
  const TEST = '/api/v1/webhooks/test';

  it('sends a signed event about nothing, and tells what came of it', async () => {
    const { status, json } = await call('POST', TEST, { url: `${receiver.url}/test` });
    expect(status).toBe(200);
    expect(json).toMatchObject({ delivered: true, http_status: 204, reason: null });
    const [hook] = receiver.at('/test');
    expect(new Webhook(NEW).verify(hook!.body, hook!.headers)).toMatchObject({ type: 'webhook.test' });
    expect(hook!.headers['webhook-id']).toBe(json.id);
    receiver.answer('/test', (response) => response.writeHead(500).end());
    const failed = await call('POST', TEST, { url: `${receiver.url}/test` });
    expect(failed.json).toMatchObject({ delivered: false, http_status: 500, reason: 'bad_status' });
  });

  it('goes to the configured URL where it names none, and never where nothing may be called', async () => {
    expect((await call('POST', TEST, undefined, other.key)).json).toMatchObject({
      url: `${receiver.url}/blue`,
    });
    expect((await call('POST', TEST)).json).toMatchObject({ code: 'invalid_fields', field: 'url' });
    expect((await call('POST', TEST, { url: 'http://10.0.0.1/' })).json).toMatchObject({
      ...{ delivered: false, reason: 'egress_private_address', http_status: null },
    });
  });
});

describe('deliveries', () => {
  it('are listed to admins of their tenant, page by page', async () => {
    const all = (await call('GET', `${DELIVERIES}?limit=200`)).json.data.map(({ id }: { id: string }) => id);
    const pages: string[] = [];
    for (let next = ''; next !== null; ) {
      const { json } = await call('GET', `${DELIVERIES}?limit=2${next && `&cursor=${next}`}`);
      pages.push(...json.data.map(({ id }: { id: string }) => id));
      next = json.next_cursor;
    }
    expect(pages).toEqual(all);
    const oldest = (await call('GET', `${DELIVERIES}?order=asc&limit=1`)).json.data[0].id;
    expect(oldest).toBe(all.at(-1));
    const { json: blue } = await call('GET', DELIVERIES, undefined, other.key);
    expect(blue.data.length).toBeGreaterThan(0);
    for (const { id } of blue.data) expect(all).not.toContain(id);
    const { json: failed } = await call('GET', `${DELIVERIES}?status=failed`);
    expect(new Set(failed.data.map(({ status }: { status: string }) => status))).toEqual(new Set(['failed']));
    expect((await call('GET', `${DELIVERIES}?status=lost`)).status).toBe(422);
    expect((await call('GET', `${DELIVERIES}/${blue.data[0].id}`)).status).toBe(404);
    expect((await call('POST', `${DELIVERIES}/not-an-id/redeliver`)).json.code).toBe('malformed_id');
  });

  it('go with their message when it is erased', async () => {
    const id = await answered('/erased');
    const delivery = await ended(id, 'delivered');
    expect((await call('POST', `/api/v1/messages/${id}/erase`)).status).toBeLessThan(300);
    await eventually(async () => {
      expect((await call('GET', `${DELIVERIES}/${delivery.id}`)).status).toBe(404);
    });
    await eventually(async () => {
      const left: string[] = [];
      const reading = new AbortController();
      const last = await gateway.log.lastSequence();
      for await (const batch of gateway.log.read(1, { signal: reading.signal, maxBatch: 1_000 })) {
        left.push(...batch.filter(({ event }) => event.subject === id).map(({ event }) => event.type));
        if (batch.at(-1)!.sequence >= last) reading.abort();
      }
      expect(left).toEqual([]);
    });
  });
});

describe('a queue of webhooks that is lost', () => {
  it('is filled again from the tables, and with nothing that has ended', async () => {
    receiver.answer('/patient', (response, tries) =>
      response.writeHead(tries === 0 ? 429 : 204, { 'retry-after': '3600' }).end(),
    );
    const id = await answered('/patient');
    await eventually(async () => expect((await deliveryOf(id)).tries).toBe(1));
    const queued = await new WebhookDues(nats, Date.now).ids();
    expect([...queued]).toContain((await deliveryOf(id)).id);
    await (await jetstreamManager(nats)).streams.purge(WEBHOOKS_STREAM);
    await gateway.close();
    // Its time comes meanwhile.
    const due = "UPDATE llmq.webhooks SET next_try_at = now() - interval '1 second' WHERE message_id";
    await queryPostgres(servers.postgres.url, `${due} = '${id}'`);
    const before = receiver.received.length;
    gateway = await startGateway(servers, overrides());
    expect(await ended(id, 'delivered')).toMatchObject({ tries: 2 });
    await eventually(async () => expect(await stored()).toBe(0));
    expect(new Set(receiver.received.slice(before).map(({ event }) => event.data.id))).toEqual(new Set([id]));
    expect(receiver.about(id)).toHaveLength(2);
  });
});
