import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { Caller } from '../../src/domain/caller.js';
import { BatchSweep } from '../../src/operations/batches/batch-sweep.js';
import { Batches } from '../../src/operations/batches/batches.js';
import { BatchLeases } from '../../src/operations/batches/nats/batch-leases.js';
import { BatchRecords } from '../../src/operations/batches/nats/batch-records.js';
import { newApiKey } from '../../src/platform/security/api-key.js';
import { eventually } from '../support/eventually.js';
import { startWebhookReceiver, type WebhookReceiver } from '../support/webhook-receiver.js';
import { type Gateway, MODEL, request, type Servers, startGateway, startServers } from './gateway.rig.js';

const SECRET = `whsec_${Buffer.from('s'.repeat(32)).toString('base64')}`;
const LINES = { 'content-type': 'application/x-ndjson' };
const [admin, client, other] = [
  newApiKey({ name: 'ann', role: 'admin', tenant: 'red' }),
  newApiKey({ name: 'carl', role: 'client', tenant: 'red' }),
  newApiKey({ name: 'otto', role: 'admin', tenant: 'blue' }),
];
const ANN: Caller = { name: 'ann', role: 'admin', tenant: 'red' };

let servers: Servers;
let receiver: WebhookReceiver;
const gateways = new Set<Gateway>();

beforeAll(async () => {
  [servers, receiver] = await Promise.all([startServers(), startWebhookReceiver()]);
});
afterEach(async () => {
  await Promise.all([...gateways].map((gateway) => close(gateway)));
});
afterAll(async () => {
  await receiver?.close();
  await servers?.stop();
});

async function start(retry_times_ms: readonly number[] = [50, 100]): Promise<Gateway> {
  const gateway = await startGateway(servers, {
    webhooks: { secrets: [SECRET], timeout_ms: 30_000, retry_times_ms },
    batches: { at_once: 1 },
    security: {
      api_keys: [admin.config, client.config, other.config],
      egress: { allow: ['127.0.0.1'] },
    },
  });
  gateways.add(gateway);
  return gateway;
}

async function close(gateway: Gateway): Promise<void> {
  gateways.delete(gateway);
  await gateway.close();
}

function call(
  gateway: Gateway,
  route: string,
  { body, key = admin.key }: { body?: string; key?: string } = {},
) {
  const [method, path] = route.split(' ') as [string, string];
  const headers = { authorization: `Bearer ${key}`, ...(body === undefined ? {} : LINES) };
  return request(method, `${gateway.baseUrl}/api/v1/batches${path}`, body, headers);
}

/** A batch that fails at once, so that all that is left of it is its webhook. */
async function failing(gateway: Gateway, path: string, key = admin.key): Promise<string> {
  const url = encodeURIComponent(receiver.url + path);
  const { status, json } = await call(gateway, `POST ?callback_url=${url}`, { body: 'no json', key });
  expect([status, json.webhook.status]).toEqual([202, 'waiting']);
  return json.id;
}

function webhookWith(gateway: Gateway, id: string, expected: Record<string, unknown>) {
  return eventually(async () => {
    const { webhook } = (await call(gateway, `GET /${id}`)).json;
    expect(webhook).toMatchObject(expected);
    return webhook;
  });
}

const redeliver = (gateway: Gateway, id: string, key = admin.key) =>
  call(gateway, `POST /${id}/webhook/redeliver`, { key });

const isLeased = async (gateway: Gateway, id: string) =>
  (await gateway.part(BatchLeases).list()).some(({ value }) => value.id === id);

const forgotten = (gateway: Gateway, id: string) =>
  eventually(async () => expect(await isLeased(gateway, id)).toBe(false));

const idsAt = (path: string) => receiver.at(path).map(({ headers }) => headers['webhook-id']);

describe('the webhook of a batch', () => {
  it('tells why it failed, and an admin has it delivered once more under the same id', async () => {
    const gateway = await start();
    receiver.answer('/broken?key=hunter2', (response, tries) =>
      response.writeHead(tries < 3 ? 503 : 204).end(),
    );
    const id = await failing(gateway, '/broken?key=hunter2');
    const failed = await webhookWith(gateway, id, { status: 'failed' });
    expect(failed).toEqual({
      ...{ id: expect.any(String), url: `${receiver.url}/broken?key=hunter2`, named_by: 'message' },
      ...{ status: 'failed', round: 1, tries: 3, last_tried_at: expect.any(String), next_try_at: null },
      ...{ reason: 'bad_status', http_status: 503 },
    });
    await forgotten(gateway, id);
    const wanted = await redeliver(gateway, id);
    expect(wanted).toMatchObject({ status: 202, json: { id, status: 'failed' } });
    expect(wanted.json.webhook).toMatchObject({ id: failed.id, status: 'waiting', round: 2, tries: 0 });
    const delivered = { status: 'delivered', round: 2, tries: 1, reason: null, http_status: 204 };
    await webhookWith(gateway, id, { ...delivered, next_try_at: null });
    expect(idsAt('/broken?key=hunter2')).toEqual(Array(4).fill(failed.id));
    expect((await call(gateway, 'GET ')).json.data[0].webhook).toMatchObject(delivered);
    // One that was delivered, too.
    await forgotten(gateway, id);
    await redeliver(gateway, id);
    await webhookWith(gateway, id, { status: 'delivered', round: 3 });
    await forgotten(gateway, id);
  });

  it('is not in OpenAI’s form of the batch, and its address is for admins', async () => {
    const gateway = await start();
    const id = await failing(gateway, '/of-carl', client.key);
    await webhookWith(gateway, id, { status: 'delivered', url: `${receiver.url}/of-carl` });
    const { json } = await call(gateway, `GET /${id}`, { key: client.key });
    expect(json.webhook).toMatchObject({ status: 'delivered', url: null });
    const headers = { authorization: `Bearer ${client.key}` };
    const openai = await request('GET', `${gateway.baseUrl}/v1/batches/${id}`, undefined, headers);
    expect(openai).toMatchObject({ status: 200, json: { object: 'batch' } });
    expect(openai.json).not.toHaveProperty('webhook');
  });

  it('is delivered again for admins of its tenant alone, where there is one and its batch has ended', async () => {
    const gateway = await start();
    const id = await failing(gateway, '/refused');
    await webhookWith(gateway, id, { status: 'delivered' });
    const refusals = [await redeliver(gateway, id, client.key), await redeliver(gateway, id, other.key)];
    expect(refusals.map(({ status, json }) => [status, json.code])).toEqual([
      ...[
        [403, 'forbidden'],
        [404, 'not_found'],
      ],
    ]);
    const silent = (await call(gateway, 'POST ', { body: 'no json' })).json;
    expect(silent.webhook).toBeNull();
    expect((await redeliver(gateway, silent.id)).status).toBe(404);
    const open = await openBatch(gateway);
    expect((await call(gateway, `GET /${open}`)).json.webhook).toMatchObject({
      ...{ status: 'waiting', tries: 0, next_try_at: null },
    });
    expect(await redeliver(gateway, open)).toMatchObject({ status: 409, json: { code: 'not_ended' } });
    await call(gateway, `POST /${open}/cancel`);
    await webhookWith(gateway, open, { status: 'delivered', tries: 1 });
    expect(receiver.at('/refused')).toHaveLength(1);
  });

  it('need not wait for the time of its next try, nor for a place among batches', async () => {
    const gateway = await start([3_600_000]);
    receiver.answer('/mended', (response, tries) => response.writeHead(tries === 0 ? 500 : 204).end());
    const id = await failing(gateway, '/mended');
    const waiting = await webhookWith(gateway, id, { status: 'waiting', tries: 1, reason: 'bad_status' });
    expect(Date.parse(waiting.next_try_at) - Date.now()).toBeGreaterThan(1_800_000);
    expect((await redeliver(gateway, id)).status).toBe(202);
    await webhookWith(gateway, id, { status: 'delivered', round: 2, tries: 1 });
    await forgotten(gateway, id);
    // The only place is taken, for as long as nobody answers.
    const open = await openBatch(gateway);
    await redeliver(gateway, id);
    await webhookWith(gateway, id, { status: 'delivered', round: 3 });
    expect((await call(gateway, `GET /${open}`)).json.status).toBe('in_progress');
    await call(gateway, `POST /${open}/cancel`);
    await webhookWith(gateway, open, { status: 'delivered' });
  });

  it('is switched off with its receiver, and delivered again when that is on', async () => {
    const gateway = await start();
    const receivers = `${gateway.baseUrl}/api/v1/webhooks/receivers`;
    const headers = { authorization: `Bearer ${admin.key}` };
    receiver.answer('/gone', (response, tries) => response.writeHead(tries === 0 ? 410 : 204).end());
    const first = await failing(gateway, '/gone');
    await webhookWith(gateway, first, { status: 'failed', reason: 'gone', http_status: 410, tries: 1 });
    const second = await failing(gateway, '/gone');
    await webhookWith(gateway, second, {
      ...{ status: 'failed', reason: 'receiver_off', http_status: null, tries: 0 },
    });
    const [off] = (await request('GET', receivers, undefined, headers)).json.data;
    expect((await request('POST', `${receivers}/${off.id}/switch-on`, undefined, headers)).status).toBe(200);
    await redeliver(gateway, second);
    await webhookWith(gateway, second, { status: 'delivered', round: 2, reason: null, http_status: 204 });
  });
});

describe('a redelivery', () => {
  it('that comes while its lease is taken away is sent all the same', async () => {
    const gateway = await start();
    const leases = gateway.part(BatchLeases);
    const remove = leases.remove.bind(leases);
    let asked = '';
    const spy = jest.spyOn(leases, 'remove').mockImplementation(async (id) => {
      if (asked === '') {
        asked = id;
        // Its offer meets the lease that is taken away now.
        await gateway.part(Batches).redeliver(ANN, id);
      }
      await remove(id);
    });
    const id = await failing(gateway, '/raced');
    await webhookWith(gateway, id, { status: 'delivered', round: 2, tries: 1 });
    spy.mockRestore();
    expect(asked).toBe(id);
    await forgotten(gateway, id);
    expect(new Set(idsAt('/raced')).size).toBe(1);
  });

  it('that nobody was offered, since its process was killed in between, is found by the sweep', async () => {
    const gateway = await start();
    const id = await failing(gateway, '/swept');
    await webhookWith(gateway, id, { status: 'delivered' });
    await forgotten(gateway, id);
    const offer = jest.spyOn(gateway.part(BatchLeases), 'offer').mockRejectedValueOnce(new Error('killed'));
    await expect(gateway.part(Batches).redeliver(ANN, id)).rejects.toThrow('killed');
    offer.mockRestore();
    expect(await isLeased(gateway, id)).toBe(false);
    await gateway.part(BatchSweep).sweep();
    await webhookWith(gateway, id, { status: 'delivered', round: 2 });
    await forgotten(gateway, id);
    // One that was sent is not offered again.
    await gateway.part(BatchSweep).sweep();
    expect(await isLeased(gateway, id)).toBe(false);
  });

  it('goes on in another process when its own stops', async () => {
    const first = await start([3_600_000]);
    receiver.answer('/moved', (response, tries) => response.writeHead(tries < 2 ? 500 : 204).end());
    const id = await failing(first, '/moved');
    await webhookWith(first, id, { status: 'waiting', tries: 1 });
    await redeliver(first, id);
    await webhookWith(first, id, { status: 'waiting', round: 2, tries: 1 });
    await close(first);
    const second = await start([3_600_000]);
    // Its hour is over.
    const records = second.part(BatchRecords);
    await eventually(async () => {
      const { value, revision } = (await records.read('red', id))!;
      const due = { ...value, webhook: { ...value.webhook!, nextAtMs: Date.now() } };
      expect(await records.write(due, revision)).not.toBeNull();
    });
    await webhookWith(second, id, { status: 'delivered', round: 2, tries: 2 });
    expect(new Set(idsAt('/moved')).size).toBe(1);
  });
});

/** A batch that stays under way until it is cancelled: nobody answers here. */
async function openBatch(gateway: Gateway): Promise<string> {
  const messages = [{ role: 'user', content: 'Hello' }];
  const body = JSON.stringify({ custom_id: 'a', body: { model: MODEL, messages } });
  const url = encodeURIComponent(`${receiver.url}/open`);
  const { id } = (await call(gateway, `POST ?callback_url=${url}`, { body })).json;
  await eventually(async () => {
    expect((await call(gateway, `GET /${id}`)).json.status).toBe('in_progress');
  });
  return id;
}
