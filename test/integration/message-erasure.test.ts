import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Objm } from '@nats-io/obj';
import type { NatsConnection } from '@nats-io/transport-node';
import { eraseMessages } from '../../src/domain/erasure/erase-messages.decision.js';
import type { StoredEvent } from '../../src/log/event-log.port.js';
import { verifyLog } from '../../src/operations/verify/verify-log.js';
import { systemSources } from '../../src/platform/clock.js';
import { EventIndex } from '../../src/projection/read/event-index.js';
import { ProjectedMessages } from '../../src/projection/read/projected-messages.js';
import { eventually } from '../support/eventually.js';
import { jetstream } from '../support/jetstream.js';
import {
  connectTo,
  type Gateway,
  MODEL,
  request,
  type Servers,
  startGateway,
  startServers,
} from './gateway.rig.js';
import { digests, foldToEnd, openSchema } from './projection.database.js';

const keys = { blue: 'key-of-the-blue-tenant', red: 'key-of-the-red-tenant' };
const apiKey = (name: keyof typeof keys) => ({
  ...{ name, role: 'admin', tenant: name },
  sha256: createHash('sha256').update(keys[name]).digest('hex'),
});
const SECRET = 'zq7secret';

let servers: Servers;
let gateway: Gateway;
let nats: NatsConnection;

const open = (settings: object = {}) =>
  startGateway(servers, {
    security: { api_keys: [apiKey('blue'), apiKey('red')] },
    queue: { large_part_bytes: 16_384 },
    conversation: { sweep_interval_ms: 100 },
    ...settings,
  });

beforeAll(async () => {
  servers = await startServers();
  nats = await connectTo(servers.nats);
});
afterAll(async () => {
  await nats?.close();
  await servers?.stop();
});
afterEach(() => gateway?.close());

function call(method: string, path: string, body?: unknown, tenant: keyof typeof keys = 'blue') {
  const headers = { authorization: `Bearer ${keys[tenant]}` };
  return request(method, `${gateway.baseUrl}/api/v1${path}`, body, headers);
}

async function send(fields: object = {}, tenant: keyof typeof keys = 'blue'): Promise<string> {
  const body = { user_id: 'ann', content: `${SECRET} ${'x'.repeat(20_000)}`, ...fields };
  const { status, json } = await call('POST', '/messages', body, tenant);
  expect({ status, json }).toMatchObject({ status: 202 });
  return json.id;
}

async function answer(id: string, content = `${SECRET}, said ${id}`): Promise<void> {
  await gateway.worker.complete(await gateway.worker.receivedAs(id), { content });
  await gateway.projected();
}

async function fail(id: string): Promise<void> {
  const error = { code: 'bad', message: `${SECRET} is bad`, retryable: false, status: 400 };
  await gateway.worker.deadLetter(await gateway.worker.receivedAs(id), error);
  await gateway.projected();
}

const conversation = async (id: string) => (await call('GET', `/conversations/${id}`)).json;
const erase = (id: string, tenant: keyof typeof keys = 'blue') =>
  call('POST', `/messages/${id}/erase`, undefined, tenant);
const used = async () => (await call('GET', '/usage')).json.total;

async function wholeLog(): Promise<StoredEvent[]> {
  const stored: StoredEvent[] = [];
  for (let at = 1, last = await gateway.log.lastSequence(); at <= last; at += 1) {
    const one = await gateway.log.get(at);
    if (one !== null) stored.push(one);
  }
  return stored;
}

const objects = async () => {
  const store = await new Objm(jetstream(nats)).open('llmq_parts');
  return (await store.list()).filter(({ deleted }) => !deleted).map(({ name }) => name);
};

async function nothingToErase(): Promise<void> {
  await eventually(async () =>
    expect(await gateway.dataSource.query('SELECT * FROM llmq.erasure_queue')).toEqual([]),
  );
  await gateway.projected();
}

/** The live tables are those that the log gives now, by the projector's writer and by a rebuild's. */
async function expectRebuilt(): Promise<void> {
  for (const copied of [null, 1_000]) {
    const fresh = await openSchema(servers.postgres.url);
    await foldToEnd(fresh, gateway.log, 7, copied);
    expect(await digests(fresh)).toEqual(await digests(gateway.dataSource));
    await fresh.destroy();
  }
}

async function expectVerified(): Promise<void> {
  const report = await verifyLog({
    log: gateway.log,
    index: new EventIndex(gateway.dataSource),
    projected: new ProjectedMessages(gateway.dataSource),
    signal: AbortSignal.timeout(240_000),
    onProgress: () => {},
    projectionWaitMs: 120_000,
  });
  expect(report).toMatchObject({ ok: true });
}

describe('a message that is erased by its client', () => {
  beforeEach(async () => {
    gateway = await open();
  });

  it('is gone from log, tables and object store with what repeats it, and all else stays as it was', async () => {
    const before = await used();
    const kept = await send({ conversation_id: 'talk', content: 'kept' });
    await answer(kept, 'kept');
    const gone = await send({ conversation_id: 'talk' });
    await answer(gone);
    const copy = await send({ replay_of: gone });
    await fail(copy);
    const copyOfCopy = await send({ replay_of: copy });
    await fail(copyOfCopy);
    expect(await objects()).toEqual(expect.arrayContaining([gone, copy, copyOfCopy]));
    expect(await conversation('talk')).toMatchObject({ message_count: 2 });
    const lastMessageAt = (await conversation('talk')).last_message_at;

    expect(await erase(gone, 'red')).toMatchObject({ status: 404 });
    expect(await erase(gone)).toMatchObject({
      status: 202,
      json: { id: gone, status: 'erased', messages: 3 },
    });
    for (const id of [gone, copy, copyOfCopy])
      expect((await call('GET', `/messages/${id}`)).status).toBe(404);
    expect((await call('GET', `/messages/${gone}/events`)).status).toBe(404);
    expect(await erase(gone)).toMatchObject({ status: 404 });
    const turns = (await call('GET', '/conversations/talk/messages')).json.data;
    expect(turns.map(({ id }: { id: string }) => id)).toEqual([kept]);
    expect(await conversation('talk')).toMatchObject({ message_count: 1, last_message_at: lastMessageAt });
    expect((await used()).messages).toBe(before.messages + 1);
    await nothingToErase();
    const left = await wholeLog();
    expect(JSON.stringify(left)).not.toContain(SECRET);
    expect(left.filter(({ event }) => [gone, copy, copyOfCopy].includes(event.subject))).toEqual([]);
    expect(left.map(({ event }) => event.type)).toEqual(
      expect.arrayContaining([
        'llmq.erasure.decided.v1',
        'llmq.erasure.begun.v1',
        'llmq.erasure.finished.v1',
      ]),
    );
    expect(await objects()).not.toEqual(expect.arrayContaining([gone]));
    expect(await objects()).not.toEqual(expect.arrayContaining([copy]));
    await expectVerified();
    await expectRebuilt();
  });

  it('has ended before: until then it is to be cancelled, and each refusal names the other way', async () => {
    const waiting = await send();
    const refused = await erase(waiting);
    expect(refused).toMatchObject({ status: 409, json: { code: 'not_ended' } });
    expect(refused.json.detail).toContain(`DELETE /api/v1/messages/${waiting}`);
    expect((await call('DELETE', `/messages/${waiting}`)).status).toBe(200);
    const again = await call('DELETE', `/messages/${waiting}`);
    expect(again).toMatchObject({ status: 409, json: { code: 'already_terminal' } });
    expect(again.json.detail).toContain(`/api/v1/messages/${waiting}/erase`);
    const copy = await send({ replay_of: waiting });
    expect((await erase(waiting)).json.detail).toContain(copy);
    await answer(copy);
    expect((await erase(waiting)).json.messages).toBe(2);
    await nothingToErase();
    await expectRebuilt();
  });

  it('does not come back by a worker that was too slow, and one that went on meanwhile is not touched', async () => {
    const slow = await send();
    const message = await gateway.worker.receivedAs(slow);
    await answer(slow);
    const requeued = await send();
    await fail(requeued);
    const [{ last_sequence }] = await gateway.dataSource.query(
      `SELECT last_sequence FROM llmq.messages WHERE id = '${requeued}'`,
    );
    expect((await call('POST', `/admin/dead-letters/${requeued}/requeue`)).status).toBe(200);
    const context = { subject: systemSources.newId(), tenant: 'blue', newId: systemSources.newId };
    const late = eraseMessages(
      { ...context, now: new Date().toISOString() },
      {
        messages: [
          { id: requeued, conversationId: null, createdAt: '', lastSequence: Number(last_sequence) },
        ],
        ...{ part: 'message', by: 'service', reason: 'retention.messages' },
      },
    );
    await gateway.log.append([late]);
    expect((await erase(slow)).status).toBe(202);
    await gateway.worker.complete(message, { content: SECRET });
    await gateway.projected();
    expect((await call('GET', `/messages/${requeued}`)).json.status).toBe('pending');
    await nothingToErase();
    const left = (await wholeLog()).filter(
      ({ event: { subject, type } }) => subject === slow && type.startsWith('llmq.message.'),
    );
    expect(left).toEqual([]);
    await answer(requeued);
    await expectVerified();
    await expectRebuilt();
  });
});

describe('messages past their retention', () => {
  it('lose their content and keep the rest, and are then erased as a whole', async () => {
    gateway = await open();
    const answered = await send({ conversation_id: 'ages', metadata: { team: 'blue' } });
    await answer(answered);
    const dead = await send({ conversation_id: 'ages', content: SECRET });
    await fail(dead);
    const theirs = await send({}, 'red');
    await answer(theirs);
    const waiting = await send({ content: `${SECRET} waits` });
    const was = (await call('GET', `/messages/${answered}`)).json;
    const usage = await used();
    const talk = await conversation('ages');
    const timeline = (await call('GET', `/messages/${answered}/events`)).json.data;
    await gateway.close();

    gateway = await open({ retention: { content: '1s' } });
    await eventually(async () => {
      for (const [id, tenant] of [[answered], [dead], [theirs, 'red']] as const) {
        const { json } = await call('GET', `/messages/${id}`, undefined, tenant);
        expect(json).toMatchObject({ content_erased: true, content: null });
      }
    });
    const is = (await call('GET', `/messages/${answered}`)).json;
    expect(is).toEqual({
      ...was,
      content_erased: true,
      content: null,
      result: { ...was.result, content: null },
    });
    expect((await call('GET', `/messages/${dead}`)).json.error).toEqual({ code: 'bad', message: 'erased' });
    expect((await call('GET', `/messages/${waiting}`)).json.content).toContain(SECRET);
    expect(await used()).toEqual(usage);
    expect(await conversation('ages')).toEqual(talk);
    expect((await call('GET', '/admin/dead-letters')).json.data).toEqual([]);
    expect((await call('POST', `/admin/dead-letters/${dead}/requeue`)).status).toBe(404);
    await nothingToErase();
    const told = (await call('GET', `/messages/${answered}/events`)).json.data;
    expect(told.slice(0, -1).map(({ text }: { text: string }) => text)).toEqual(
      timeline.map(({ text }: { text: string }) => text),
    );
    expect(told.at(-1).text).toBe('Content erased by service: retention.content.');
    const stored = JSON.stringify((await wholeLog()).filter(({ event }) => event.subject !== waiting));
    expect(stored).not.toContain(SECRET);
    expect(await objects()).not.toEqual(expect.arrayContaining([answered]));
    await expectVerified();
    await expectRebuilt();
    await gateway.close();

    gateway = await open({ retention: { messages: '1s', content: '1s' } });
    await eventually(async () => {
      for (const [id, tenant] of [[answered], [dead], [theirs, 'red']] as const) {
        expect((await call('GET', `/messages/${id}`, undefined, tenant)).status).toBe(404);
      }
    });
    await nothingToErase();
    expect((await call('GET', `/messages/${waiting}`)).json.content).toContain(SECRET);
    expect(await conversation('ages')).toEqual({ ...talk, message_count: 0 });
    const subjects = new Set((await wholeLog()).map(({ event }) => event.subject));
    for (const id of [answered, dead, theirs]) expect(subjects.has(id)).toBe(false);
    await expectVerified();
    await expectRebuilt();
  });

  it('are many, and go in steps', async () => {
    gateway = await open();
    const messages = Array.from({ length: 260 }, () => ({ user_id: 'ben', content: SECRET, model: MODEL }));
    const { json } = await call('POST', '/messages/batch', { messages });
    for (const { id } of json.results) expect((await call('DELETE', `/messages/${id}`)).status).toBe(200);
    await gateway.close();
    gateway = await open({ retention: { messages: '1s' } });
    await eventually(async () =>
      expect((await call('GET', '/messages?user_id=ben&limit=1')).json.data).toEqual([]),
    );
    await nothingToErase();
    const decided = (await wholeLog()).flatMap(({ event }) =>
      event.type === 'llmq.erasure.decided.v1' ? [event.data.messages.length] : [],
    );
    expect(Math.max(...decided)).toBe(100);
    await expectVerified();
    await expectRebuilt();
  });
});
