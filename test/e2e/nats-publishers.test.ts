import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { jetstream } from '@nats-io/jetstream';
import { connect, headers, type Msg, type NatsConnection, type Subscription } from '@nats-io/transport-node';
import { v4 as uuid } from 'uuid';
import { newApiKey } from '../../src/platform/security/api-key.js';
import { eventually } from '../support/eventually.js';
import { connectAs, testPublisher } from '../support/nats-publisher.js';
import { type RunningService, startService } from '../support/service.js';
import { natsAddress } from '../support/service-addresses.js';

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes.
type Json = any;

const billing = testPublisher('billing', 'acme');
const nightly = testPublisher('nightly', 'other', { max_priority: 'low' });
const keyOf = (tenant: string) => newApiKey({ name: tenant, role: 'client', tenant });
const keys = { acme: keyOf('acme'), other: keyOf('other'), default: keyOf('default') };

let service: RunningService;
let url: string;
/** The service's own login. */
let own: NatsConnection;
let publisher: NatsConnection;
let other: NatsConnection;
let results: Results;

beforeAll(async () => {
  service = await startService({
    config: {
      nats: { publishers: [billing.config, nightly.config] },
      security: { api_keys: Object.values(keys).map(({ config }) => config) },
    },
  });
  const { user, password, ...address } = await natsAddress(service.dataDir);
  url = address.url;
  own = await connect({ servers: url, user, pass: password, timeout: 60_000 });
  publisher = await connectAs(billing, url);
  other = await connectAs(nightly, url);
}, 300_000);
afterAll(async () => {
  for (const connection of [own, publisher, other]) await connection?.close();
  await service?.stop();
});
beforeEach(async () => {
  results = new Results(publisher);
  await publisher.flush();
});

/** What a publisher hears on its subjects of results. */
class Results {
  readonly heard: { readonly subject: string; readonly message: Json }[] = [];
  private readonly subscription: Subscription;

  constructor(connection: NatsConnection, subject = 'llmq.results.>') {
    this.subscription = connection.subscribe(subject, {
      callback: (_error: Error | null, message: Msg) =>
        void this.heard.push({ subject: message.subject, message: message.json() }),
    });
  }

  of(subject: string): Promise<Json> {
    return eventually(() => {
      const found = this.heard.find((each) => each.subject === subject);
      expect(found).toBeDefined();
      return found!.message;
    });
  }

  close(): void {
    this.subscription.unsubscribe();
  }
}

const question = (content = 'What is a queue?') => ({ user_id: 'u', content: `${content} [[demo:rate 0]]` });
const publish = (subject: string, body: unknown, options: object = {}, by = publisher) =>
  jetstream(by, { timeout: 60_000 }).publish(subject, JSON.stringify(body), options);

async function read(tenant: keyof typeof keys, id: string): Promise<Json> {
  const response = await fetch(`${service.baseUrl}/api/v1/messages/${id}`, {
    headers: { authorization: `Bearer ${keys[tenant].key}` },
  });
  return response.json();
}

async function listed(tenant: keyof typeof keys, userId: string): Promise<Json[]> {
  const response = await fetch(`${service.baseUrl}/api/v1/messages?user_id=${userId}`, {
    headers: { authorization: `Bearer ${keys[tenant].key}` },
  });
  return ((await response.json()) as Json).data;
}

/** The figure of a publisher, by its name in `/metrics` and the code where it has some. */
async function metric(name: string, publisher: string, code?: string): Promise<number> {
  const response = await fetch(`${service.baseUrl}/metrics`, {
    headers: { authorization: `Bearer ${keys.acme.key}` },
  });
  const lines = (await response.text()).split('\n').filter((line) => line.startsWith(`llmq_intake_${name}{`));
  const wanted = [`publisher="${publisher}"`, ...(code === undefined ? [] : [`code="${code}"`])];
  const line = lines.find((each) => wanted.every((label) => each.includes(label)));
  return line === undefined ? 0 : Number(line.split(' ')[1]);
}

describe('what a publisher sends', () => {
  it('is acknowledged, answered on its own subject, and belongs to the tenant of its credentials', async () => {
    const id = uuid();
    const { stream, duplicate } = await publish('llmq.intake.high', question(), { msgID: id });
    expect([stream, duplicate]).toEqual(['LLMQ_INTAKE_billing', false]);
    const told = await results.of(`llmq.results.${id}`);
    expect(told).toMatchObject({ id, status: 'completed', priority: 'high', user_id: 'u' });
    expect(told.result.content).not.toBe('');
    expect(await read('acme', id)).toMatchObject({ id, result: told.result });
    expect(await read('other', id)).toMatchObject({ code: 'not_found' });
    expect(await read('default', id)).toMatchObject({ code: 'not_found' });
  });

  it('may be a CloudEvent, in structured and in binary mode, and names the place of its result', async () => {
    const data = { ...question(), reply_subject: 'llmq.results.structured.1' };
    const event = { specversion: '1.0', id: '17', source: '/shop', type: 'com.shop.asked', data };
    await publish('llmq.intake.auto', event);
    expect(await results.of('llmq.results.structured.1')).toMatchObject({ status: 'completed' });
    const binary = headers();
    for (const [name, value] of Object.entries({ specversion: '1.0', id: '18', source: '/shop', type: 't' }))
      binary.set(`ce-${name}`, value);
    binary.set('Llmq-Reply-Subject', 'llmq.results.binary');
    await publish('llmq.intake.low', question(), { headers: binary });
    expect(await results.of('llmq.results.binary')).toMatchObject({ status: 'completed', priority: 'low' });
  });

  it('is one message however often it comes, within the window of the broker and behind it', async () => {
    const body = { ...question(), user_id: 'twice', reply_subject: 'llmq.results.twice' };
    const named = { msgID: 'order 17' };
    expect((await publish('llmq.intake.auto', body, named)).duplicate).toBe(false);
    expect((await publish('llmq.intake.auto', body, named)).duplicate).toBe(true);
    await results.of('llmq.results.twice');
    // The broker remembers ids for each stream: to it this is another message, as it is when its window is over.
    await publish('llmq.intake.auto', { ...body, metadata: { again: true } }, { msgID: 'order 18' });
    const event = { specversion: '1.0', id: 'e', source: '/s', type: 't', data: body };
    for (let times = 0; times < 3; times += 1) await publish('llmq.intake.normal', event);
    await eventually(async () => expect(await listed('acme', 'twice')).toHaveLength(3));
    const last = uuid();
    await publish('llmq.intake.normal', question(), { msgID: last });
    await results.of(`llmq.results.${last}`);
    expect(await listed('acme', 'twice')).toHaveLength(3);
  });

  it("gets another id where another tenant's message has the one that it asks for", async () => {
    const id = uuid();
    await publish('llmq.intake.high', question(), { msgID: id });
    await results.of(`llmq.results.${id}`);
    const told = new Results(other);
    const again = { msgID: id };
    await publish('llmq.intake.low', { ...question('Mine?'), user_id: 'same id' }, again, other);
    const mine = await told.of(`llmq.results.${id}`);
    told.close();
    expect(mine).toMatchObject({ status: 'completed', priority: 'low' });
    expect(mine.id).not.toBe(id);
    const event = { specversion: '1.0', id, source: '/s', type: 't', data: question() };
    await publish('llmq.intake.high', event, {}, other);
    const called = await call('llmq.rpc.messages.submit', question(), other, { 'Nats-Msg-Id': id });
    expect(called.data.id).toBe(mine.id);
    await eventually(async () => expect(await listed('other', 'same id')).toHaveLength(1));
    expect(await read('acme', id)).toMatchObject({ priority: 'high', status: 'completed' });
    expect(await read('other', id)).toMatchObject({ code: 'not_found' });
  });

  it('gets no higher priority than its credentials allow', async () => {
    const told = new Results(other);
    const id = uuid();
    await publish('llmq.intake.realtime', question(), { msgID: id }, other);
    expect(await told.of(`llmq.results.${id}`)).toMatchObject({ priority: 'low' });
    told.close();
  });
});

describe('what is wrong', () => {
  it('is told with its reason and what was sent, live and for a week', async () => {
    const live: Json[] = [];
    const subscription = publisher.subscribe('llmq.intake.rejected', {
      callback: (_error, message) => void live.push(message.json()),
    });
    await publisher.flush();
    const before = {
      fields: await metric('rejected_total', 'billing', 'invalid_fields'),
      received: await metric('received_total', 'billing'),
      accepted: await metric('accepted_total', 'billing'),
    };
    await jetstream(publisher, { timeout: 60_000 }).publish('llmq.intake.normal', 'no JSON');
    await publish('llmq.intake.normal', { user_id: 'u' }, { msgID: 'named' });
    await publish('llmq.intake.normal', { ...question(), colour: 'red' });
    await publish('llmq.intake.normal', { ...question(), priority: 'high' });
    await publish('llmq.intake.normal', { ...question(), reply_subject: 'llmq.events.normal.received.0' });
    await publish('llmq.intake.normal', { ...question(), reply_subject: 'llmq.results.*' });
    await publish('llmq.intake.normal', { ...question(), model: 'nobody serves it' });
    await publish('llmq.intake.auto', { specversion: '1.0', id: '1', type: 't', data: question() });
    await publish('llmq.intake.auto', { ...question('x'.repeat(100_000)), nope: 1 });
    await eventually(() => expect(live).toHaveLength(9));
    subscription.unsubscribe();
    await eventually(async () => {
      expect(await metric('rejected_total', 'billing', 'invalid_json')).toBe(1);
      expect(await metric('rejected_total', 'billing', 'invalid_fields')).toBe(before.fields + 7);
      expect(await metric('received_total', 'billing')).toBe(before.received + 9);
    });
    expect(await metric('accepted_total', 'billing')).toBe(before.accepted);
    expect(await metric('rejected_total', 'nightly', 'invalid_json')).toBe(0);
    const whys = live.map(({ error }) => [error.code, error.problems?.[0]?.field]);
    expect(whys.sort()).toEqual(
      [
        ['invalid_json', undefined],
        ['invalid_fields', 'content'],
        ['invalid_fields', 'colour'],
        ['invalid_fields', 'priority'],
        ['invalid_fields', 'reply_subject'],
        ['invalid_fields', 'reply_subject'],
        ['unknown_model', 'model'],
        ['invalid_fields', 'source'],
        ['invalid_fields', 'nope'],
      ].sort(),
    );
    expect(live.find(({ error }) => error.code === 'invalid_json')).toMatchObject({
      ...{ subject: 'llmq.intake.normal', original: { text: 'no JSON', bytes: 7 } },
    });
    expect(live.find(({ nats_msg_id: id }) => id === 'named')).toBeDefined();
    const large = live.find(({ original }) => original.cut).original;
    expect(large.bytes).toBeGreaterThan(100_000);
    expect(large.text.length).toBeLessThan(20_000);
    const { data: kept } = await call('llmq.rpc.rejected.list', { limit: 4 });
    expect(kept.data).toEqual(live.slice(0, 4));
    const { data: rest } = await call('llmq.rpc.rejected.list', { after: kept.next_after });
    expect([rest.data, rest.next_after]).toEqual([live.slice(4), null]);
    await publish('llmq.intake.normal', { user_id: 'theirs' }, {}, other);
    await eventually(async () => {
      const { data: theirs } = await call('llmq.rpc.rejected.list', {}, other);
      expect(theirs.data.map(({ original }: Json) => original.text)).toEqual(['{"user_id":"theirs"}']);
    });
  });
});

describe('headers that no client can read', () => {
  it('stop nobody: what is published with them is rejected, and a call is answered', async () => {
    const rejected = new Results(publisher, 'llmq.intake.rejected');
    const answers = publisher.subscribe('_INBOX.torn', { max: 1 });
    await publisher.flush();
    const torn = 'NATS/1.0\r\nX: a\nb\r\n\r\n';
    const body = JSON.stringify(question());
    const send = (subject: string) =>
      // biome-ignore lint/suspicious/noExplicitAny: the client itself refuses to send such headers.
      (publisher as any).protocol.sendCommand(
        `HPUB ${subject} ${torn.length} ${torn.length + body.length}\r\n${torn}${body}\r\n`,
      );
    send('llmq.intake.high');
    expect(await rejected.of('llmq.intake.rejected')).toMatchObject({
      error: { code: 'invalid_fields', problems: [{ field: 'headers' }] },
    });
    rejected.close();
    send('llmq.rpc.queues.status _INBOX.torn');
    for await (const answer of answers) expect(answer.json<Json>().error.code).toBe('invalid_fields');
    const id = uuid();
    await publish('llmq.intake.high', question(), { msgID: id });
    expect(await results.of(`llmq.results.${id}`)).toMatchObject({ status: 'completed' });
  });
});

async function call(subject: string, body?: unknown, by = publisher, sent?: Record<string, string>) {
  const with_ = headers();
  for (const [name, value] of Object.entries(sent ?? {})) with_.set(name, value);
  const payload = body === undefined ? '' : JSON.stringify(body);
  return (await by.request(subject, payload, { timeout: 90_000, headers: with_ })).json<Json>();
}

describe('calls', () => {
  it('submit a message and tell its id, or wait for its end', async () => {
    const { data } = await call('llmq.rpc.messages.submit', question());
    expect(data).toMatchObject({ status: 'pending', priority: 'normal' });
    expect(await results.of(`llmq.results.${data.id}`)).toMatchObject({ status: 'completed' });
    const waited = await call('llmq.rpc.messages.submit', { ...question(), wait: '60s' });
    expect(waited.data).toMatchObject({ status: 'completed', result: { content: expect.any(String) } });
    expect(await read('acme', waited.data.id)).toMatchObject({ status: 'completed' });
  });

  it('are done once under one name', async () => {
    const named = { 'Nats-Msg-Id': 'call 1' };
    const one = await call('llmq.rpc.messages.submit', question(), publisher, named);
    const again = await call('llmq.rpc.messages.submit', question(), publisher, named);
    expect(again.data.id).toBe(one.data.id);
    const theirs = await call('llmq.rpc.messages.submit', question(), other, named);
    expect(theirs.data.id).not.toBe(one.data.id);
  });

  it('read and cancel messages of their own tenant alone', async () => {
    const { data } = await call('llmq.rpc.messages.submit', { ...question(), delay: '1h' });
    const { id } = data;
    expect((await call('llmq.rpc.messages.get', { id })).data).toMatchObject({ id, status: 'scheduled' });
    expect((await call('llmq.rpc.messages.get', { id }, other)).error.code).toBe('not_found');
    expect((await call('llmq.rpc.messages.cancel', { id }, other)).error.code).toBe('not_found');
    expect((await call('llmq.rpc.messages.cancel', { id })).data).toMatchObject({ status: 'cancelled' });
    expect((await call('llmq.rpc.messages.cancel', { id })).error.code).toBe('already_terminal');
    expect(await results.of(`llmq.results.${id}`)).toMatchObject({ status: 'cancelled' });
  });

  it('make conversations, send turns to them and read them', async () => {
    const { data } = await call('llmq.rpc.conversations.create', { user_id: 'u', title: 'By NATS' });
    const { id } = data;
    const turn = await call('llmq.rpc.conversations.submit', { id, content: 'Hello. [[demo:rate 0]]' });
    await results.of(`llmq.results.${turn.data.id}`);
    expect((await call('llmq.rpc.conversations.get', { id })).data).toMatchObject({ message_count: 1 });
    const turns = await call('llmq.rpc.conversations.messages', { id, order: 'asc', limit: 5 });
    expect(turns.data.data).toMatchObject([{ id: turn.data.id, status: 'completed' }]);
    expect((await call('llmq.rpc.conversations.list', { user_id: 'u' })).data.data).toMatchObject([{ id }]);
    expect((await call('llmq.rpc.conversations.get', { id }, other)).error.code).toBe('not_found');
  });

  it('tell the state of the queue', async () => {
    const { data } = await call('llmq.rpc.queues.status');
    expect(data.data).toHaveLength(4);
  });

  it('are answered with what is wrong', async () => {
    const wrong = await call('llmq.rpc.messages.submit', { content: 7, colour: 'red' });
    expect(wrong.error.code).toBe('invalid_fields');
    expect(wrong.error.problems.map(({ field }: Json) => field)).toEqual(['user_id', 'content', 'colour']);
    for (const body of [[1], 'text', null]) {
      const { error } = await call('llmq.rpc.messages.submit', body);
      expect(error.problems).toEqual([{ field: 'body', reason: 'must be a JSON object' }]);
    }
    const noJson = await publisher.request('llmq.rpc.messages.get', 'no JSON', { timeout: 90_000 });
    expect(noJson.json<Json>().error.code).toBe('invalid_json');
    expect((await call('llmq.rpc.messages.get', { id: 'x' })).error.code).toBe('invalid_fields');
    expect(
      (await call('llmq.rpc.messages.submit', { ...question(), wait: '2h' })).error.problems,
    ).toMatchObject([{ field: 'wait' }]);
  });

  it("need a key by the service's own login, where keys are configured", async () => {
    expect((await call('llmq.rpc.queues.status', {}, own)).error.code).toBe('unauthorized');
    const authorization = `Bearer ${keys.acme.key}`;
    expect((await call('llmq.rpc.queues.status', {}, own, { authorization })).data.data).toHaveLength(4);
  });
});
