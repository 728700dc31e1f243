import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { type Gateway, MODEL, request, type Servers, startGateway, startServers } from './gateway.rig.js';
import { digests, foldToEnd, openSchema } from './projection.database.js';

const keys = { blue: 'key-of-the-blue-tenant', red: 'key-of-the-red-tenant' };
const apiKey = (name: keyof typeof keys) => ({
  ...{ name, role: 'admin', tenant: name },
  sha256: createHash('sha256').update(keys[name]).digest('hex'),
});

let servers: Servers;
let gateway: Gateway;

beforeAll(async () => {
  servers = await startServers();
  gateway = await startGateway(servers, {
    security: { api_keys: [apiKey('blue'), apiKey('red')] },
    conversation: { max_per_user: 3, sweep_interval_ms: 100 },
  });
});
afterAll(async () => {
  await gateway?.close();
  await servers?.stop();
});

function call(
  method: string,
  path: string,
  body?: unknown,
  { tenant = 'blue', ...more }: { tenant?: keyof typeof keys } & Record<string, string> = {},
) {
  const headers = { authorization: `Bearer ${keys[tenant as keyof typeof keys]}`, ...more };
  return request(method, `${gateway.baseUrl}${path}`, body, headers);
}

const conversation = (id: string, tenant: keyof typeof keys = 'blue') =>
  call('GET', `/api/v1/conversations/${id}`, undefined, { tenant });
const send = (id: string, user_id: string, tenant: keyof typeof keys = 'blue') =>
  call('POST', '/api/v1/messages', { user_id, content: 'x', conversation_id: id }, { tenant });

it('is made by its first message, with that message’s user, and known by its own id from then on', async () => {
  const first = await send('ann:chat-1', 'ann');
  expect(first).toMatchObject({ status: 202, json: { conversation_id: 'ann:chat-1', user_id: 'ann' } });
  const second = await call('POST', '/api/v1/conversations/ann:chat-1/messages', { content: 'y' });
  expect(second).toMatchObject({ status: 202, json: { conversation_id: 'ann:chat-1', user_id: 'ann' } });
  await gateway.projected();
  expect(await conversation('ann:chat-1')).toMatchObject({
    status: 200,
    json: { id: 'ann:chat-1', user_id: 'ann', state: 'active', message_count: 2 },
  });
  expect((await call('GET', `/api/v1/messages/${first.json.id}`)).json.conversation_id).toBe('ann:chat-1');
  const ids = ({ json }: { json: { data: { id: string }[] } }) => json.data.map(({ id }) => id);
  const both = [second.json.id, first.json.id];
  expect(ids(await call('GET', '/api/v1/conversations/ann:chat-1/messages'))).toEqual(both);
  expect(ids(await call('GET', '/api/v1/messages?conversation_id=ann:chat-1'))).toEqual(both);
  expect(ids(await call('GET', '/api/v1/users/ann/conversations'))).toEqual(['ann:chat-1']);
  const told = await call('GET', '/api/v1/conversations/ann:chat-1/events');
  expect(told.json.data.map(({ text }: { text: string }) => text).join('\n')).toContain('ann:chat-1');
  const audited = await call('GET', '/api/v1/audit/events?type=received&conversation_id=ann:chat-1');
  expect(audited.json.trim().split('\n')).toHaveLength(3);
  const changed = await call('PATCH', '/api/v1/conversations/ann:chat-1', { title: 'Mine' });
  expect(changed).toMatchObject({ status: 200, json: { id: 'ann:chat-1', title: 'Mine' } });
});

it('is made once by many first messages at once, which all are its turns', async () => {
  const sent = await Promise.all(Array.from({ length: 12 }, () => send('at-once', 'bea')));
  expect(new Set(sent.map(({ status }) => status))).toEqual(new Set([202]));
  await gateway.projected();
  expect((await conversation('at-once')).json.message_count).toBe(12);
  expect((await call('GET', '/api/v1/users/bea/conversations')).json.data).toHaveLength(1);
});

it('is made over /v1 and by a batch', async () => {
  const headers = { 'x-llmq-conversation-id': 'from-openai', 'x-llmq-user-id': 'cem' };
  const chat = { model: MODEL, messages: [{ role: 'user', content: 'x' }] };
  const gone = new AbortController();
  void fetch(`${gateway.baseUrl}/v1/chat/completions`, {
    ...{ method: 'POST', body: JSON.stringify(chat), signal: gone.signal },
    headers: { authorization: `Bearer ${keys.blue}`, 'content-type': 'application/json', ...headers },
  }).catch(() => {});
  await eventually(async () =>
    expect(await conversation('from-openai')).toMatchObject({ json: { user_id: 'cem', message_count: 1 } }),
  );
  gone.abort();
  const messages = ['b-1', 'b-1', 'b 2', 'b-3'].map((conversation_id) => ({
    ...{ user_id: 'dot', content: 'x', conversation_id },
  }));
  const batch = await call('POST', '/api/v1/messages/batch', { messages });
  expect(batch.json.results.map(({ status }: { status: number }) => status)).toEqual([202, 202, 422, 202]);
  await gateway.projected();
  expect((await conversation('b-1')).json).toMatchObject({ user_id: 'dot', message_count: 2 });
  expect((await conversation('b-3')).json.message_count).toBe(1);
});

it('is not made for a message that is refused, nor beyond what a user may have', async () => {
  const refused = await call('POST', '/api/v1/messages', {
    ...{ user_id: 'eve', content: 'x', conversation_id: 'never', model: 'unknown' },
  });
  expect(refused.status).toBe(422);
  expect((await conversation('never')).status).toBe(404);
  for (const id of ['e-1', 'e-2', 'e-3']) expect((await send(id, 'eve')).status).toBe(202);
  expect(await send('e-4', 'eve')).toMatchObject({
    ...{ status: 429, json: { code: 'too_many_conversations' } },
  });
  expect((await send('e-3', 'eve')).status).toBe(202);
});

it('is a UUID only as the service gave it out, and nothing but the allowed characters otherwise', async () => {
  const nobody = '01900000-0000-7000-8000-000000000000';
  expect(await send(nobody, 'fay')).toMatchObject({ status: 404, json: { code: 'unknown_conversation' } });
  const body = { user_id: 'fay', id: nobody };
  expect(await call('POST', '/api/v1/conversations', body)).toMatchObject({
    ...{ status: 422, json: { field: 'id' } },
  });
  for (const id of ['with space', 'a/b', 'ä', 'x'.repeat(129)]) {
    expect(await send(id, 'fay')).toMatchObject({ status: 422, json: { field: 'conversation_id' } });
    expect(await call('POST', '/api/v1/conversations', { user_id: 'fay', id })).toMatchObject({
      status: 422,
    });
  }
  expect((await call('POST', '/api/v1/conversations/new-one/messages', { content: 'x' })).json).toMatchObject(
    {
      ...{ status: 422, field: 'user_id' },
    },
  );
});

it('is created with its id once, and the same again is answered with what is there', async () => {
  const body = { user_id: 'gus', id: 'gus-1', title: 'First', priority: 'low' };
  const made = await call('POST', '/api/v1/conversations', body);
  expect(made).toMatchObject({ status: 201, json: body });
  expect(made.headers.get('location')).toBe('/api/v1/conversations/gus-1');
  const again = await call('POST', '/api/v1/conversations', { ...body, title: 'Second' });
  expect(again).toMatchObject({ status: 200, json: body });
  const other = await call('POST', '/api/v1/conversations', { user_id: 'eva', id: 'gus-1' });
  expect(other).toMatchObject({ status: 409, json: { code: 'already_exists' } });
  expect(JSON.stringify(other.json)).not.toContain('First');
  expect(await send('gus-1', 'eva')).toMatchObject({ status: 409, json: { code: 'already_exists' } });
  expect((await send('gus-1', 'gus')).status).toBe(202);
  const keyed = { 'idempotency-key': 'make-gus-2' };
  const one = await call('POST', '/api/v1/conversations', { user_id: 'gus', id: 'gus-2' }, keyed);
  const two = await call('POST', '/api/v1/conversations', { user_id: 'gus', id: 'gus-2' }, keyed);
  expect([one.status, two.status, two.json]).toEqual([201, 201, one.json]);
  const together = await Promise.all(
    Array.from({ length: 8 }, () => call('POST', '/api/v1/conversations', { user_id: 'gus', id: 'gus-3' })),
  );
  expect(together.filter(({ status }) => status === 201)).toHaveLength(1);
  expect(together.filter(({ status }) => status === 200)).toHaveLength(7);
});

it('is each tenant’s own', async () => {
  await send('shared-name', 'hal');
  const theirs = await send('shared-name', 'ida', 'red');
  expect(theirs.status).toBe(202);
  await gateway.projected();
  expect((await conversation('shared-name')).json).toMatchObject({ user_id: 'hal', message_count: 1 });
  expect((await conversation('shared-name', 'red')).json).toMatchObject({ user_id: 'ida', message_count: 1 });
  const [row] = await gateway.dataSource.query(
    "SELECT id FROM llmq.conversations WHERE given_id = 'shared-name' AND tenant = 'blue'",
  );
  expect((await conversation(row.id)).json.id).toBe('shared-name');
  expect((await conversation(row.id, 'red')).status).toBe(404);
  expect((await send(row.id, 'ida', 'red')).status).toBe(404);
});

it('begins anew with its id after an erasure, and a rebuild gives the same tables', async () => {
  const id = 'again-and-again';
  for (let time = 1; time <= 3; time += 1) {
    const sent = await send(id, 'jan');
    expect(await call('DELETE', `/api/v1/conversations/${id}`)).toMatchObject({
      ...{ status: 202, json: { id, messages: 1 } },
    });
    expect((await conversation(id)).status).toBe(404);
    expect((await call('GET', `/api/v1/messages/${sent.json.id}`)).status).toBe(404);
  }
  expect((await send(id, 'kim')).status).toBe(202);
  await gateway.projected();
  expect((await conversation(id)).json).toMatchObject({ user_id: 'kim', message_count: 1 });
  await eventually(async () =>
    expect(await gateway.dataSource.query('SELECT * FROM llmq.erasure_queue')).toEqual([]),
  );
  const left = await gateway.dataSource.query(
    "SELECT given_id FROM llmq.conversations WHERE state = 'erased'",
  );
  expect(left).toEqual([{ given_id: null }, { given_id: null }, { given_id: null }]);
  for (const copied of [null, 1_000]) {
    const fresh = await openSchema(servers.postgres.url);
    await foldToEnd(fresh, gateway.log, 7, copied);
    expect(await digests(fresh)).toEqual(await digests(gateway.dataSource));
    await fresh.destroy();
  }
});
