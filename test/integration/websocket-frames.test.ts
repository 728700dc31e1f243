import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { v4 as uuid } from 'uuid';
import { parse } from 'yaml';
import { OpenClients } from '../../src/interfaces/websocket/open-clients.js';
import { newApiKey } from '../../src/platform/security/api-key.js';
import { eventually } from '../support/eventually.js';
import { type Frame, FrameSocket } from '../support/frame-socket.js';
import { inOneOf } from '../support/in-one-of.js';
import { type Gateway, request, type Servers, startGateway, startServers } from './gateway.rig.js';

const client = newApiKey({ name: 'client', role: 'client', tenant: 'red' });
const reader = newApiKey({ name: 'reader', role: 'viewer', tenant: 'red' });
const keyed = { security: { api_keys: [client.config, reader.config] } };
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const question = { user_id: 'ann', content: 'What is a queue?', priority: 'high' };

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

async function start(overrides?: Record<string, unknown>): Promise<Gateway> {
  if (overrides === undefined) {
    shared ??= await startGateway(servers);
    return shared;
  }
  gateway = await startGateway(servers, overrides);
  return gateway;
}

async function open(...[baseUrl, opening]: Parameters<typeof FrameSocket.open>): Promise<FrameSocket> {
  const socket = await FrameSocket.open(baseUrl, opening);
  opened.push(socket);
  return socket;
}

describe('submit', () => {
  it('is answered when the message is durable, as REST tells it', async () => {
    const { baseUrl, worker } = await start();
    const socket = await open(baseUrl);
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const accepted = await socket.ask({ type: 'submit', request_id: 'mine', message: question, traceparent });
    expect(accepted).toMatchObject({
      ...{ type: 'accepted', request_id: 'mine', replayed: false },
      message: { status: 'pending', priority: 'high', user_id: 'ann' },
    });
    const received = await worker.receivedAs(accepted.message.id);
    expect(received.data).toMatchObject({ source: 'websocket', key_name: 'local' });
    expect(received.traceparent).toContain('0af7651916cd43dd8448eb211c80319c');
    const { json } = await request('GET', `${baseUrl}/api/v1/messages/${accepted.message.id}`);
    for (const [field, value] of Object.entries(accepted.message)) expect(json[field]).toEqual(value);
  });

  it('keeps numbers as they were written, and refuses what would change in silence', async () => {
    const { baseUrl, worker } = await start();
    const socket = await open(baseUrl);
    const long =
      '{"type":"submit","request_id":"n","message":{"user_id":"u","content":"x","parameters":{"seed":12345678901234567890}}}';
    socket.send(long);
    const accepted = await socket.find((frame) => frame.request_id === 'n');
    const received = await worker.receivedAs(accepted.message.id);
    expect(received.data.request).toMatchObject({ exact: { '/seed': '12345678901234567890' } });
    socket.send(
      long
        .replace('"n"', '"m"')
        .replace('"content":"x"', '"content":"x","metadata":{"n":12345678901234567890}'),
    );
    const refused = await socket.find((frame) => frame.request_id === 'm');
    expect(refused.error).toMatchObject({ code: 'invalid_fields', problems: [{ field: 'metadata.n' }] });
  });

  it.each([
    [{ ...question, user_id: undefined }, 'user_id'],
    [{ ...question, priority: 'urgent' }, 'priority'],
    [{ ...question, max_retries: 1.5 }, 'max_retries'],
    [{ ...question, nonsense: 1 }, 'nonsense'],
    [{ user_id: 'u' }, 'content'],
    [{ ...question, messages: [{ role: 'user', content: 'x' }] }, 'messages'],
    [{ ...question, double_texting: 'reject' }, 'double_texting'],
  ])('of %j is refused as over REST', async (message, field) => {
    const { baseUrl } = await start();
    const overRest = await request('POST', `${baseUrl}/api/v1/messages`, message);
    const { error } = await (await open(baseUrl)).ask({ type: 'submit', message });
    expect(error.code).toBe(overRest.json.code);
    expect(error.message).toBe(overRest.json.detail);
    expect(error.problems).toEqual(overRest.json.errors);
    expect(error.problems[0].field).toBe(field);
  });

  it('is refused for a model that is not served, and for a conversation that is not there', async () => {
    const { baseUrl } = await start();
    const socket = await open(baseUrl);
    const unknown = await socket.ask({ type: 'submit', message: { ...question, model: 'none' } });
    expect(unknown.error.code).toBe('unknown_model');
    const nowhere = await socket.ask({ type: 'submit', message: { ...question, conversation_id: uuid() } });
    expect(nowhere.error.code).toBe('unknown_conversation');
  });

  it('under a key makes one message, over whichever protocol it is repeated', async () => {
    const { baseUrl, log } = await start();
    const socket = await open(baseUrl);
    const frame = { type: 'submit', message: question, idempotency_key: 'k1' };
    const first = await socket.ask(frame);
    const again = await (await open(baseUrl)).ask(frame);
    expect(again).toMatchObject({ type: 'accepted', replayed: true, message: first.message });
    const overRest = await request('POST', `${baseUrl}/api/v1/messages`, question, {
      'idempotency-key': 'k1',
    });
    expect(overRest.status).toBe(202);
    expect(overRest.json).toEqual(first.message);
    expect(overRest.headers.get('location')).toBe(`/api/v1/messages/${first.message.id}`);
    const headers = { 'idempotency-key': 'k2' };
    const byRest = await request('POST', `${baseUrl}/api/v1/messages`, question, headers);
    const before = await log.lastSequence();
    expect((await socket.ask({ ...frame, idempotency_key: 'k2' })).message).toEqual(byRest.json);
    expect(await log.lastSequence()).toBe(before);
    const reused = await socket.ask({ ...frame, message: { ...question, content: 'Another one' } });
    expect(reused.error.code).toBe('idempotency_key_reused');
    expect((await socket.ask({ ...frame, idempotency_key: '' })).error.code).toBe('invalid_idempotency_key');
    const refused = await socket.ask({ ...frame, message: { user_id: 'u' }, idempotency_key: 'k3' });
    expect(refused.error.code).toBe('invalid_fields');
    expect(await socket.ask({ ...frame, idempotency_key: 'k3' })).toMatchObject({ type: 'accepted' });
  });

  it('of many at once answers each by its own request', async () => {
    const { baseUrl } = await start();
    const socket = await open(baseUrl);
    const answers = await Promise.all(
      Array.from({ length: 300 }, (_, n) =>
        socket.ask({ type: 'submit', message: { ...question, metadata: { n } }, request_id: `n${n}` }),
      ),
    );
    expect(new Set(answers.map(({ message }) => message.id)).size).toBe(300);
  });

  it('is not for a key that only reads', async () => {
    const { baseUrl } = await start(keyed);
    const socket = await open(baseUrl, { headers: bearer(reader.key) });
    for (const frame of [
      { type: 'submit', message: question },
      { type: 'cancel', message_id: uuid() },
    ]) {
      expect((await socket.ask(frame)).error.code).toBe('forbidden');
    }
    expect(await socket.ask({ type: 'ping' })).toMatchObject({ type: 'pong' });
  });
});

describe('cancel', () => {
  it('cancels a message that waits, once, and only one of the own tenant', async () => {
    const other = newApiKey({ name: 'blue', role: 'client', tenant: 'blue' });
    const { baseUrl } = await start({ security: { api_keys: [client.config, other.config] } });
    const socket = await open(baseUrl, { headers: bearer(client.key) });
    const { message } = await socket.ask({ type: 'submit', message: question });
    const stranger = await open(baseUrl, { headers: bearer(other.key) });
    const cancel = { type: 'cancel', message_id: message.id };
    expect((await stranger.ask(cancel)).error.code).toBe('not_found');
    expect(await socket.ask(cancel)).toMatchObject({
      ...{ type: 'cancelled', message: { id: message.id, status: 'cancelled' } },
    });
    expect((await socket.ask(cancel)).error.code).toBe('already_terminal');
    expect((await socket.ask({ ...cancel, message_id: 'x' })).error).toMatchObject({
      ...{ code: 'invalid_fields', problems: [{ field: 'message_id' }] },
    });
  });
});

describe('a frame that is wrong', () => {
  it.each([
    ['no JSON', 'hello', null, 'invalid_json', undefined],
    ['no object', '[1]', null, 'invalid_fields', 'frame'],
    ['null', 'null', null, 'invalid_fields', 'frame'],
    ['without a type', '{"request_id":"r"}', 'r', 'invalid_fields', 'type'],
    ['of no known type', '{"type":"constructor","request_id":"r"}', 'r', 'invalid_fields', 'type'],
    ['without request_id', '{"type":"ping"}', null, 'invalid_fields', 'request_id'],
    ['with a number as request_id', '{"type":"ping","request_id":1}', null, 'invalid_fields', 'request_id'],
    ['with an unknown field', '{"type":"ping","request_id":"r","x":1}', 'r', 'invalid_fields', 'x'],
    ['with no message', '{"type":"submit","request_id":"r"}', 'r', 'invalid_fields', 'message'],
    [
      'with subscribe that is no boolean',
      '{"type":"submit","request_id":"r","message":{},"subscribe":"yes"}',
      ...(['r', 'invalid_fields', 'subscribe'] as const),
    ],
    [
      'that subscribes to nothing',
      '{"type":"subscribe","request_id":"r"}',
      'r',
      'invalid_fields',
      'message_id',
    ],
    [
      'that subscribes to two',
      '{"type":"subscribe","request_id":"r","user_id":"u","conversation_id":"c"}',
      ...(['r', 'invalid_fields', 'message_id'] as const),
    ],
    [
      'that is too deep',
      `{"type":"ping","request_id":"r","x":${'['.repeat(20_000)}${']'.repeat(20_000)}}`,
      null,
      'invalid_json',
      undefined,
    ],
  ])('%s', async (_, frame, requestId, code, field) => {
    const { baseUrl } = await start();
    const socket = await open(baseUrl);
    socket.send(frame);
    const answer = await socket.find(() => true);
    expect(answer).toMatchObject({ type: 'error', request_id: requestId, error: { code } });
    expect(answer.error.problems?.[0].field).toBe(field);
    expect(await socket.ask({ type: 'ping' })).toMatchObject({ type: 'pong' });
  });

  it('is closed for where it is binary, too large, not UTF-8, or one of too many', async () => {
    const websocket = { max_frame_bytes: 1_000, max_frames_per_second: 2 };
    const { baseUrl } = await start({ server: { websocket } });
    const binary = await open(baseUrl);
    binary.socket.send(Buffer.from('{"type":"ping","request_id":"r"}'), { binary: true });
    expect(await binary.closed).toEqual({ code: 1003, reason: 'not_text' });
    expect(binary.frames.at(-1)).toMatchObject({ type: 'error', error: { code: 'not_text' } });
    const large = await open(baseUrl);
    large.send({ type: 'ping', request_id: 'r', x: 'x'.repeat(1_000) });
    expect((await large.closed).code).toBe(1009);
    const garbled = await open(baseUrl);
    garbled.socket.send(Buffer.from([0x22, 0xff, 0x22]), { binary: false });
    expect((await garbled.closed).code).toBe(1007);
    const hasty = await open(baseUrl);
    for (let n = 0; n < 30; n += 1) hasty.send({ type: 'ping', request_id: `${n}` });
    expect(await hasty.closed).toEqual({ code: 4429, reason: 'too_many_frames' });
    const answered = hasty.frames.filter(({ type }) => type === 'pong').length;
    expect(answered).toBeLessThanOrEqual(20);
  });
});

describe('the description', () => {
  it('in AsyncAPI has an example of each frame that clients send, and each is taken', async () => {
    const { baseUrl } = await start();
    // Another test holds the document against the code.
    const { channels, operations, components } = parse(await readFile('docs/asyncapi.yaml', 'utf8')) as Frame;
    expect(channels.WebSocket.address).toBe('/ws');
    const named = operations.receiveFrame.messages.map(({ $ref }: { $ref: string }) =>
      $ref.split('/').at(-1),
    );
    for (const name of named) expect(components.messages[name].examples).toBeDefined();
    const examples: Frame[] = named.flatMap((name: string) => components.messages[name].examples);
    const payloads = examples
      .map(({ payload }) => payload)
      .sort((one, other) => (one.request_id < other.request_id ? -1 : 1));
    expect(payloads.map(({ type }) => type).at(-1)).toBe('authenticate');
    const socket = await open(baseUrl);
    let id = '';
    for (const payload of payloads.slice(0, -1)) {
      const answer = await socket.ask(
        payload.message_id === undefined ? payload : { ...payload, message_id: id },
      );
      expect([payload.type, answer.type]).not.toEqual([payload.type, 'error']);
      id = payload.type === 'submit' ? answer.message.id : id;
    }
  });
});

describe('a WebSocket', () => {
  it('that is idle is closed, and one that sends frames is not', async () => {
    const { baseUrl } = await start({ server: { websocket: { idle_timeout_ms: 4_000 } } });
    // On a machine that is held up for as long, a client that sends frames looks idle, too.
    await inOneOf(5, async () => {
      const idle = await open(baseUrl);
      const busy = await open(baseUrl);
      const beats = setInterval(() => busy.send({ type: 'ping', request_id: 'r' }), 300);
      try {
        expect(await idle.closed).toEqual({ code: 4408, reason: 'idle' });
        await sleep(3_000);
      } finally {
        clearInterval(beats);
      }
      expect(await busy.ask({ type: 'ping' })).toMatchObject({ type: 'pong' });
    });
  });

  it('is pinged, and ended where nobody answers', async () => {
    const { baseUrl, part } = await start({ server: { websocket: { ping_interval_ms: 3_000 } } });
    // A machine that is held up for as long answers no ping in time.
    await inOneOf(5, async () => {
      const before = part(OpenClients).ended.dead;
      const alive = await open(baseUrl);
      let pings = 0;
      alive.socket.on('ping', () => {
        pings += 1;
      });
      const dead = await open(baseUrl);
      // Nothing of what comes is read, so that no ping is answered.
      dead.socket.pause();
      await eventually(() => expect(part(OpenClients).ended.dead).toBeGreaterThan(before));
      dead.socket.resume();
      expect((await dead.closed).code).toBe(1006);
      expect(part(OpenClients).ended.dead).toBe(before + 1);
      await eventually(() => expect(pings).toBeGreaterThanOrEqual(2), { withinMs: 20_000 });
      expect(await alive.ask({ type: 'ping' })).toMatchObject({ type: 'pong' });
    });
  });

  it('is told when the service stops, and closed', async () => {
    const { baseUrl, close } = await start({});
    const sockets = await Promise.all([open(baseUrl), open(baseUrl)]);
    gateway = undefined;
    const closing = close();
    for (const socket of sockets) {
      expect(await socket.closed).toEqual({ code: 1001, reason: 'service_stopping' });
      expect(socket.frames.at(-1)).toMatchObject({ type: 'error', error: { code: 'service_stopping' } });
    }
    await closing;
  });
});
