import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { newApiKey } from '../../src/platform/security/api-key.js';
import { eventually } from '../support/eventually.js';
import { inOneOf } from '../support/in-one-of.js';
import { runLlmq } from '../support/llmq-command.js';
import { type RunningService, startService } from '../support/service.js';
import { serviceAddresses } from '../support/service-addresses.js';

const SECRET = 'a secret of the test';
const admin = newApiKey({ name: 'ann', role: 'admin', tenant: 'red' });
const client = newApiKey({ name: 'carl', role: 'client', tenant: 'red' });
const other = newApiKey({ name: 'otto', role: 'admin', tenant: 'blue' });

interface Hook {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

let service: RunningService;
let receiver: Server;
const hooks: Hook[] = [];
let nats: NatsConnection;
// biome-ignore lint/suspicious/noExplicitAny: alerts of several kinds.
const heard: { readonly subject: string; readonly alert: any }[] = [];

beforeAll(async () => {
  // Refuses every alert once: what it is not given again was lost.
  const seen = new Set<unknown>();
  receiver = createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    hooks.push({ headers: request.headers, body });
    const id = request.headers['webhook-id'];
    response.writeHead(seen.has(id) ? 204 : 500).end();
    seen.add(id);
  }).listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const { port } = receiver.address() as AddressInfo;
  service = await startService({
    env: { TEST_WEBHOOK_SECRET: SECRET },
    config: {
      queue: {
        retry: { base_delay_ms: 20, max_delay_ms: 100 },
        dead_letters: {
          webhook_url: `http://127.0.0.1:${port}/hook`,
          webhook_secret_env: 'TEST_WEBHOOK_SECRET',
        },
      },
      security: { api_keys: [admin.config, client.config, other.config] },
    },
  });
  const { url, user, password } = (await serviceAddresses(service.dataDir)).nats;
  nats = await connect({ servers: url, user, pass: password });
  nats.subscribe('llmq.alerts.>', {
    callback: (_, message) => void heard.push({ subject: message.subject, alert: message.json() }),
  });
  await nats.flush();
});
afterAll(async () => {
  await nats?.close();
  await service?.stop();
  receiver?.close();
});

async function call(method: string, path: string, body?: unknown, key = admin.key) {
  const response = await fetch(`${service.baseUrl}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes.
  return { status: response.status, json: (text === '' ? null : JSON.parse(text)) as any };
}

/** @returns the id, when the message has failed for good */
async function failing(content: string, more: object = {}): Promise<string> {
  const { json } = await call('POST', '/messages', { user_id: 'u', content, ...more }, client.key);
  const ended = await call('GET', `/messages/${json.id}?wait=60s`);
  expect(ended.json.status).toBe('failed');
  return json.id;
}

const LETTERS = '/admin/dead-letters';
const listed = async (query = '') =>
  (await call('GET', `${LETTERS}${query}`)).json.data.map(({ id }: { id: string }) => id);

describe('dead letters', () => {
  let weary: string;
  let rejected: string;

  it('are listed, by what they failed of, to admins of their tenant', async () => {
    weary = await failing(`[[demo:fail 500 times=2]] ${Math.random()}`, { max_retries: 1 });
    rejected = await failing('[[demo:fail 400]]', { priority: 'high' });
    expect(await listed()).toEqual([rejected, weary]);
    expect(await listed('?priority=high')).toEqual([rejected]);
    expect(await listed('?user_id=nobody')).toEqual([]);
    const { json } = await call('GET', `${LETTERS}?limit=1`);
    expect(await listed(`?limit=1&cursor=${json.next_cursor}`)).toEqual([weary]);
    expect(await listed(`?error_code=${json.data[0].error.code}`)).toContain(rejected);
    expect(await listed(`?failed_before=${json.data[0].failed_at}`)).toEqual([weary]);
    expect((await call('GET', LETTERS, undefined, client.key)).status).toBe(403);
    expect((await call('GET', LETTERS, undefined, other.key)).json.data).toEqual([]);
    expect((await call('GET', `${LETTERS}?priority=urgent`)).status).toBe(422);
  });

  it('tell the error of every attempt', async () => {
    const { json } = await call('GET', `${LETTERS}/${weary}`);
    expect(json).toMatchObject({ id: weary, attempts: 2, message: { status: 'failed' } });
    expect(json.history).toEqual(
      [1, 2].map((attempt) =>
        expect.objectContaining({
          ...{ attempt, delivery: 1, outcome: 'failed', endpoint: 'demo' },
          error: expect.objectContaining({ status: 500, retryable: true }),
        }),
      ),
    );
    expect((await call('GET', `${LETTERS}/${weary}`, undefined, other.key)).status).toBe(404);
  });

  it('are told on their subject, and to the webhook, signed, until it takes them', async () => {
    const alertsOf = (id: string) =>
      hooks.map(({ body }) => JSON.parse(body)).filter((alert) => alert.message_id === id);
    await eventually(() => {
      const told = heard.map(({ subject, alert }) => [subject, alert.message_id]);
      expect(told).toEqual([weary, rejected].map((id) => ['llmq.alerts.dead-letter', id]));
      // An answer that is late may cost one more.
      for (const id of [weary, rejected]) expect(alertsOf(id).length).toBeGreaterThanOrEqual(2);
    });
    for (const { alert } of heard) expect(alertsOf(alert.message_id)).toContainEqual(alert);
    for (const id of [weary, rejected]) {
      const own = alertsOf(id);
      expect(own).toEqual(own.map(() => own[0]));
      expect(own[0]).toMatchObject({
        type: 'dead_letter',
        tenant: 'red',
        error: { code: expect.any(String) },
      });
    }
    for (const { headers, body } of hooks) {
      const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
      const signature = createHmac('sha256', SECRET).update(signed).digest('base64');
      expect(headers['webhook-signature']).toBe(`v1,${signature}`);
    }
  });

  it('are run once more when they are requeued, however many ask', async () => {
    expect((await call('POST', `${LETTERS}/${weary}/requeue`, undefined, client.key)).status).toBe(403);
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => call('POST', `${LETTERS}/${weary}/requeue`, { reason: 'it is back' })),
    );
    expect(answers.map(({ status }) => status)).toContain(200);
    expect(answers.every(({ status }) => status === 200 || status === 404)).toBe(true);
    const ended = await call('GET', `/messages/${weary}?wait=60s`);
    expect(ended.json).toMatchObject({ status: 'completed', attempts: 3, error: null });
    expect(await listed()).toEqual([rejected]);
    const events = (await call('GET', `/messages/${weary}/events`)).json;
    const told = JSON.stringify(events).match(/message\.requeued/g) ?? [];
    expect(told).toHaveLength(1);
    expect((await call('POST', `${LETTERS}/${weary}/requeue`)).status).toBe(404);
  });

  it('are requeued by filter, and fail again with their history', async () => {
    expect((await call('POST', `${LETTERS}/requeue`, {})).json).toMatchObject({ status: 422, field: 'all' });
    const none = await call('POST', `${LETTERS}/requeue`, { priority: 'low' });
    expect(none.json).toEqual({ requeued: 0, past_deadline: 0, more: false });
    for (const wanted of [{ priority: 'high', error_code: 'endpoint_rejected' }, { all: true }]) {
      const requeued = await call('POST', `${LETTERS}/requeue`, wanted);
      expect(requeued.json).toEqual({ requeued: 1, past_deadline: 0, more: false });
      await eventually(async () => expect(await listed()).toEqual([rejected]));
    }
    const { json } = await call('GET', `${LETTERS}/${rejected}`);
    expect(json.history.map(({ attempt }: { attempt: number }) => attempt)).toEqual([1, 2, 3]);
  });

  it('come back in the order in which they failed, and not at all past their deadline', async () => {
    const fail = (more: object) =>
      failing('[[demo:fail 400]]', { user_id: 'orderly', priority: 'low', ...more });
    const ids = [await fail({}), await fail({}), await fail({})];
    // It must have failed before its deadline: a later one on a machine that takes longer for that.
    const ttls = [10, 60];
    const late = await inOneOf(ttls.length, async () => {
      const ttl = ttls.shift()!;
      const id = await fail({ ttl });
      await sleep(ttl * 1_000);
      return id;
    });
    const one = await call('POST', `${LETTERS}/${late}/requeue`);
    expect(one).toMatchObject({ status: 409, json: { code: 'deadline_passed' } });
    const { json } = await call('POST', `${LETTERS}/requeue`, { user_id: 'orderly' });
    expect(json).toEqual({ requeued: 3, past_deadline: 1, more: false });
    const requeuedAt = async (id: string) => {
      const { data } = (await call('GET', `/messages/${id}/events`)).json;
      return data.find(({ type }: { type: string }) => type === 'llmq.message.requeued.v1').sequence;
    };
    const places = await Promise.all(ids.map(requeuedAt));
    expect(places).toEqual([...places].sort((a, b) => a - b));
    await eventually(async () => expect((await listed('?user_id=orderly')).length).toBe(4));
    for (const id of [...ids, late]) expect((await call('DELETE', `${LETTERS}/${id}`)).status).toBe(204);
  });

  it('are gone from the list when they are discarded, and their message is not', async () => {
    expect((await call('DELETE', `${LETTERS}/${rejected}`, undefined, other.key)).status).toBe(404);
    expect((await call('DELETE', `${LETTERS}/${rejected}`)).status).toBe(204);
    expect(await listed()).toEqual([]);
    expect((await call('DELETE', `${LETTERS}/${rejected}`)).status).toBe(404);
    expect((await call('GET', `/messages/${rejected}`)).json.status).toBe('failed');
  });
});

describe('a projection that meets what it can not fold', () => {
  it('stops and says so: in its metric, its log, on a subject, and to the webhook', async () => {
    const metric = async (name = 'stopped') => {
      const headers = { authorization: `Bearer ${admin.key}` };
      const text = await (await fetch(`${service.baseUrl}/metrics`, { headers })).text();
      return new RegExp(`^llmq_projection_${name}\\S* (\\d+)`, 'm').exec(text)?.[1];
    };
    expect(await metric()).toBe('0');
    const mine = () => heard.filter((one) => one.alert.type === 'projection_stopped');
    const posted = () => hooks.filter(({ body }) => body.includes('projection_stopped'));
    nats.publish('llmq.events.normal.received.0', '{"type":"llmq.message.received.v99"}');
    await eventually(() => {
      expect(posted().length).toBeGreaterThanOrEqual(2);
      expect(mine()).toHaveLength(1);
    });
    const alert = {
      ...{ type: 'projection_stopped', id: expect.any(String), applied_sequence: expect.any(Number) },
      error: { code: 'malformed_event', message: expect.stringContaining('llmq.message.received.v99') },
      stopped_at: expect.stringMatching(/Z$/),
    };
    expect(mine()).toEqual([{ subject: 'llmq.alerts.projection-stopped', alert }]);
    const [{ alert: told }] = mine() as [(typeof heard)[number]];
    const bodies = posted().map(({ body }) => JSON.parse(body));
    expect(bodies).toEqual(bodies.map(() => told));
    expect(posted()[0]!.headers).toMatchObject({
      ...{ 'webhook-id': told.id, 'webhook-signature': expect.stringMatching(/^v1,/) },
    });
    await eventually(async () => expect(await metric()).toBe('1'));
    expect(Number(await metric('lag'))).toBeGreaterThan(0);
    expect(service.logs()).toContain('The projection has stopped');
  });

  it('is where the check of the log says it is, which goes on behind it', async () => {
    const verify = async () => {
      const { code, output } = await runLlmq(service.dataDir, 'events', 'verify', '--json');
      return { code, ...JSON.parse(output) };
    };
    const before = await verify();
    expect(before).toMatchObject({ code: 1, counts: { malformed: 1, projection_behind: 1 } });
    expect((await call('POST', '/messages', { user_id: 'u', content: 'x' }, client.key)).status).toBe(202);
    const after = await verify();
    expect(after.counts.malformed).toBe(1);
    expect(after.messages).toBe(before.messages + 1);
  });
});
