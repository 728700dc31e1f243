import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { conversationEvent } from '../../src/domain/conversation/conversation.events.js';
import { OUTLIVE_ERASURE } from '../../src/domain/conversation/conversation.projection.js';
import type { MessageReceived } from '../../src/domain/message/message.events.js';
import type { StoredEvent } from '../../src/log/event-log.port.js';
import { systemSources } from '../../src/platform/clock.js';
import { databaseOf } from '../../src/projection/tables/data-source.js';
import { eventually } from '../support/eventually.js';
import { type Gateway, MODEL, request, type Servers, startGateway, startServers } from './gateway.rig.js';
import { digests, foldToEnd, openSchema } from './projection.database.js';

const keys = { blue: 'key-of-the-blue-tenant', red: 'key-of-the-red-tenant' };
const apiKey = (name: keyof typeof keys) => ({
  ...{ name, role: 'client', tenant: name },
  sha256: createHash('sha256').update(keys[name]).digest('hex'),
});

let servers: Servers;
let gateway: Gateway;

const open = (life: object = {}) =>
  startGateway(servers, {
    security: { api_keys: [apiKey('blue'), apiKey('red')] },
    conversation: { max_per_user: 3, max_messages: 4, sweep_interval_ms: 100, ...life },
  });

beforeAll(async () => {
  servers = await startServers();
  gateway = await open();
});
afterAll(async () => {
  await gateway?.close();
  await servers?.stop();
});

function call(method: string, path: string, body?: unknown, tenant: keyof typeof keys = 'blue') {
  const headers = { authorization: `Bearer ${keys[tenant]}` };
  return request(method, `${gateway.baseUrl}/api/v1${path}`, body, headers);
}

async function made(fields: Record<string, unknown>): Promise<string> {
  const { status, json } = await call('POST', '/conversations', fields);
  expect({ status, json }).toMatchObject({ status: 201 });
  return json.id;
}

describe('conversations over REST', () => {
  it('are made, read, changed and listed', async () => {
    const fields = {
      ...{ user_id: 'ann', title: 'Trip to 100% Rome_', context: 'Be short.\u0000', priority: 'high' },
      ...{ model: MODEL, double_texting: 'reject', metadata: { team: 'blue' } },
    };
    const { status, json, headers } = await call('POST', '/conversations', fields);
    expect(status).toBe(201);
    expect(headers.get('location')).toBe(`/api/v1/conversations/${json.id}`);
    expect(json).toMatchObject({ ...fields, state: 'active', message_count: 0, last_message_at: null });
    const path = `/conversations/${json.id}`;
    expect((await call('GET', path)).json).toEqual(json);

    const changes = { title: null, metadata: { team: 'red' } };
    const changed = await call('PATCH', path, changes);
    expect(changed).toMatchObject({ status: 200, json: { ...fields, ...changes } });
    expect((await call('GET', path)).json).toEqual(changed.json);
    await call('PUT', path, { title: 'Rome 100%' });

    const other = await made({ user_id: 'ann', title: 'Rome 1000' });
    const ids = async (query: string) =>
      (await call('GET', `/conversations?${query}`)).json.data.map(({ id }: { id: string }) => id);
    expect(await ids('user_id=ann')).toEqual([other, json.id]);
    expect(await ids('user_id=ann&title=rome%20100%25')).toEqual([json.id]);
    expect(await ids('user_id=ann&priority=high&state=active')).toEqual([json.id]);
    expect(await ids('user_id=ann&state=completed')).toEqual([]);
    const first = (await call('GET', '/users/ann/conversations?limit=1')).json;
    const second = (await call('GET', `/users/ann/conversations?limit=1&cursor=${first.next_cursor}`)).json;
    expect([first.data[0].id, second.data[0].id, second.next_cursor]).toEqual([other, json.id, null]);
    const twoUsers = await call('GET', '/users/ann/conversations?user_id=bob');
    expect(twoUsers).toMatchObject({ status: 422, json: { field: 'user_id' } });
  });

  it('refuse what is wrong, and tell what and why', async () => {
    for (const [body, status, field] of [
      [{}, 422, 'user_id'],
      [{ user_id: 'u', title: 7 }, 422, 'title'],
      [{ user_id: 'u', double_texting: 'shout' }, 422, 'double_texting'],
      [{ user_id: 'u', surprise: 1 }, 422, 'surprise'],
      [{ user_id: 'u', model: 'none' }, 422, 'model'],
    ] as const) {
      expect(await call('POST', '/conversations', body)).toMatchObject({ status, json: { field } });
    }
    expect(await call('GET', '/conversations/a%20b')).toMatchObject({
      status: 400,
      json: { code: 'malformed_id' },
    });
    const alone = { user_id: 'u', content: 'x', double_texting: 'reject' };
    const outside = await call('POST', '/messages', alone);
    expect(outside).toMatchObject({ status: 422, json: { field: 'double_texting' } });
    const nobody = '01900000-0000-7000-8000-000000000000';
    expect(await call('GET', `/conversations/${nobody}`)).toMatchObject({ status: 404 });
    expect(await call('GET', '/conversations?cursor=x')).toMatchObject({ status: 400 });
  });

  it("keep out of other tenants' hands", async () => {
    const id = await made({ user_id: 'secret' });
    for (const [method, path, body] of [
      ['GET', `/conversations/${id}`],
      ['PATCH', `/conversations/${id}`, { title: 'mine' }],
      ['DELETE', `/conversations/${id}`],
      ['GET', `/conversations/${id}/messages`],
      ['POST', `/conversations/${id}/messages`, { content: 'hi' }],
    ] as const) {
      expect(await call(method, path, body, 'red')).toMatchObject({ status: 404 });
    }
    const sent = await call('POST', '/messages', { user_id: 'u', content: 'x', conversation_id: id }, 'red');
    expect(sent).toMatchObject({ status: 404, json: { code: 'unknown_conversation' } });
    expect((await call('GET', '/users/secret/conversations', undefined, 'red')).json.data).toEqual([]);
  });

  it('take messages with their own priority and model, at once, and page them in their order', async () => {
    const id = await made({ user_id: 'bob', priority: 'low', model: MODEL });
    const sent: string[] = [];
    for (const content of ['one', 'two', 'three']) {
      const answer = await call('POST', `/conversations/${id}/messages`, { content });
      expect(answer).toMatchObject({
        status: 202,
        json: {
          ...{ user_id: 'bob', conversation_id: id, model: MODEL },
          ...{ priority: 'low', priority_reason: 'conversation' },
        },
      });
      sent.push(answer.json.id);
    }
    const over = await call('POST', '/messages', {
      ...{ user_id: 'carl', content: 'four', conversation_id: id.toUpperCase(), priority: 'high' },
    });
    const explicit = { priority: 'high', priority_reason: 'explicit' };
    expect(over).toMatchObject({ status: 202, json: { conversation_id: id, ...explicit } });
    sent.push(over.json.id);
    await eventually(async () =>
      expect((await call('GET', `/conversations/${id}`)).json).toMatchObject({ message_count: 4 }),
    );
    expect((await call('GET', `/messages/${sent[0]}`)).json).toMatchObject({ model: MODEL });
    const page = async (query: string) => (await call('GET', `/conversations/${id}/messages?${query}`)).json;
    const idsOf = ({ data }: { data: { id: string }[] }) => data.map((message) => message.id);
    const first = await page('order=oldest_first&limit=3');
    const second = await page(`order=oldest_first&limit=3&cursor=${first.next_cursor}`);
    expect([...idsOf(first), ...idsOf(second)]).toEqual(sent);
    expect(second.next_cursor).toBeNull();
    expect(idsOf(await page(''))).toEqual([...sent].reverse());
    expect(await call('POST', `/conversations/${id}/messages`, { content: 'five' })).toMatchObject({
      ...{ status: 409, json: { code: 'conversation_full' } },
    });
  });

  it('move between states as allowed, and take no messages when they are over', async () => {
    const id = await made({ user_id: 'dora' });
    const move = (state: string) => call('PUT', `/conversations/${id}/state`, { state });
    const send = () => call('POST', '/messages', { user_id: 'dora', content: 'x', conversation_id: id });
    expect(await move('completed')).toMatchObject({ status: 200, json: { state: 'completed' } });
    expect(await send()).toMatchObject({ status: 409, json: { code: 'conversation_closed' } });
    expect(await move('inactive')).toMatchObject({ status: 409, json: { code: 'wrong_state_change' } });
    expect(await call('PATCH', `/conversations/${id}`, { state: 'active' })).toMatchObject({ status: 200 });
    expect(await send()).toMatchObject({ status: 202 });
    expect(await move('archived')).toMatchObject({ status: 200 });
    expect(await move('active')).toMatchObject({ status: 409 });
    expect(await send()).toMatchObject({ status: 409 });
    const batch = await call('POST', '/messages/batch', {
      messages: [
        { user_id: 'dora', content: 'x', conversation_id: id },
        { user_id: 'dora', content: 'x', conversation_id: '01900000-0000-7000-8000-000000000000' },
        { user_id: 'dora', content: 'x' },
      ],
    });
    expect(batch.json.results.map(({ status }: { status: number }) => status)).toEqual([409, 404, 202]);
  });

  it('are limited for one user', async () => {
    for (let count = 0; count < 3; count += 1) await made({ user_id: 'eve' });
    expect(await call('POST', '/conversations', { user_id: 'eve' })).toMatchObject({
      ...{ status: 429, json: { code: 'too_many_conversations' } },
    });
    const [last] = (await call('GET', '/users/eve/conversations')).json.data;
    const move = (state: string) => call('PUT', `/conversations/${last.id}/state`, { state });
    expect((await move('completed')).status).toBe(200);
    await made({ user_id: 'eve' });
    expect(await move('active')).toMatchObject({ status: 429, json: { code: 'too_many_conversations' } });
    expect((await move('archived')).status).toBe(200);
  });
});

describe('the life of a conversation', () => {
  const state = async (id: string) => (await call('GET', `/conversations/${id}`)).json.state;

  it('is not found by a key that sent it a message, once it is erased', async () => {
    const id = await made({ user_id: 'hugo' });
    const send = () =>
      request(
        'POST',
        `${gateway.baseUrl}/api/v1/conversations/${id}/messages`,
        { content: 'x' },
        { authorization: `Bearer ${keys.blue}`, 'idempotency-key': id },
      );
    const sent = await send();
    expect(sent.status).toBe(202);
    expect((await send()).json).toEqual(sent.json);
    expect((await call('DELETE', `/conversations/${id}`)).status).toBe(202);
    await eventually(async () =>
      expect(await send()).toMatchObject({ status: 404, json: { code: 'not_found' } }),
    );
  });

  it('is erased from the tables and the log with all its messages, and a rebuild does not bring it back', async () => {
    const secret = 'the-secret-of-gina';
    const id = await made({ user_id: 'gina', title: secret, context: secret });
    const other = await made({ user_id: 'gina' });
    const first = (await call('POST', `/conversations/${id}/messages`, { content: secret })).json.id;
    await eventually(async () => expect((await call('GET', `/messages/${first}`)).status).toBe(200));
    const message = (await gateway.log.get(await receivedAt(first)))!.event as MessageReceived;
    await gateway.worker.complete(message, { content: secret });
    const accounting = {
      ...{ model: MODEL, estimated: false, input_tokens: 7, output_tokens: 3, cached_tokens: null },
      ...{ reasoning_tokens: null, price: null, cost_nanos: null },
    };
    const summary = { up_to_sequence: 1, summary: secret, model: MODEL, endpoint: 'test', accounting };
    const used = async () => (await call('GET', '/usage?user=gina')).json.total;
    const context = {
      subject: id,
      tenant: 'blue',
      now: new Date().toISOString(),
      newId: systemSources.newId,
    };
    await gateway.log.append([conversationEvent(context, 'llmq.conversation.summarized.v1', summary)]);
    const waiting = (await call('POST', `/conversations/${id}/messages`, { content: secret })).json.id;
    expect(await textOfLog()).toContain(secret);
    await eventually(async () => expect(await used()).toMatchObject({ messages: 1, summaries: 1 }));

    const erased = await call('DELETE', `/conversations/${id}`);
    expect(erased).toMatchObject({ status: 202, json: { id, state: 'erased', messages: 2 } });
    for (const path of [`/conversations/${id}`, `/messages/${first}`, `/messages/${waiting}`]) {
      expect(await call('GET', path)).toMatchObject({ status: 404 });
    }
    expect((await call('GET', '/users/gina/conversations')).json.data).toMatchObject([{ id: other }]);
    expect(await used()).toMatchObject({ messages: 0, summaries: 0, input_tokens: 0, output_tokens: 0 });
    // A worker that was too slow to hear of it.
    await gateway.worker.complete(message, { content: secret });
    const later = { ...summary, up_to_sequence: 2 };
    await gateway.log.append([conversationEvent(context, 'llmq.conversation.summarized.v1', later)]);
    await eventually(async () => {
      expect(await textOfLog()).not.toContain(secret);
      expect(await gateway.dataSource.query('SELECT * FROM llmq.erasure_queue')).toEqual([]);
    });
    const left = (await wholeLog()).filter(({ event }) => event.subject === id);
    expect(left[0]?.event).toMatchObject({ type: 'llmq.conversation.erased.v1', data: { by: 'blue' } });
    expect(new Set(left.map(({ event }) => event.type))).toEqual(new Set(OUTLIVE_ERASURE));

    const fresh = await openSchema(servers.postgres.url);
    await foldToEnd(fresh, gateway.log, 7);
    const known = await fresh.query(
      `SELECT state, erased_by FROM "${databaseOf(fresh).schema}".conversations WHERE id = '${id}'`,
    );
    expect(known).toEqual([{ state: 'erased', erased_by: 'blue' }]);
    await foldToEnd(fresh, gateway.log, 7);
    expect(await digests(fresh)).toEqual(await digests(gateway.dataSource));
    await fresh.destroy();
  });

  it('goes to sleep when it is idle, wakes up with a message, does not expire while one waits, and is archived', async () => {
    // Only here: elsewhere a slow machine would find conversations asleep that are looked at.
    await gateway.close();
    gateway = await open({ max_idle_time_ms: 3_000 });
    const [idle, busy] = [await made({ user_id: 'finn' }), await made({ user_id: 'finn' })];
    const send = (id: string) => call('POST', `/conversations/${id}/messages`, { content: 'x' });
    await send(busy);
    await eventually(async () => expect(await state(idle)).toBe('inactive'));
    const sent = await send(idle);
    expect(sent.status).toBe(202);
    await eventually(async () => expect(await state(idle)).toBe('active'));
    const message = (await gateway.log.get(await receivedAt(sent.json.id)))!.event;
    // None may be archived before it was seen asleep, and woken up.
    await gateway.close();
    gateway = await open({ max_idle_time_ms: 3_000, conversation_ttl_ms: 5_000 });
    await gateway.worker.complete(message as MessageReceived, { content: 'y' });
    await eventually(async () => expect(await state(idle)).toBe('archived'));
    expect(await state(busy)).toBe('active');
  });
});

async function wholeLog(): Promise<StoredEvent[]> {
  const stored: StoredEvent[] = [];
  const last = await gateway.log.lastSequence();
  for (let at = 1; at <= last; at += 1) {
    const one = await gateway.log.get(at);
    if (one !== null) stored.push(one);
  }
  return stored;
}

async function textOfLog(): Promise<string> {
  return JSON.stringify(await wholeLog());
}

async function receivedAt(id: string): Promise<number> {
  const found = (await wholeLog()).find(({ event }) => event.subject === id);
  return found!.sequence;
}
