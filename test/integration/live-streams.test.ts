import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CHUNKS_STREAM } from '../../src/broker/streams.js';
import type { MessageReceived } from '../../src/domain/message/message.events.js';
import { newApiKey } from '../../src/platform/security/api-key.js';
import { endOf } from '../../src/submission/live/piece-position.policy.js';
import { eventually } from '../support/eventually.js';
import { inOneOf } from '../support/in-one-of.js';
import { jetstreamManager } from '../support/jetstream.js';
import { LiveClient, type LiveFrame, readLive } from '../support/live-reader.js';
import {
  connectTo,
  type Gateway,
  MODEL,
  request,
  type Servers,
  startGateway,
  startServers,
} from './gateway.rig.js';

const red = newApiKey({ name: 'red-key', role: 'client', tenant: 'red' });
const blue = newApiKey({ name: 'blue-key', role: 'client', tenant: 'blue' });
const UNKNOWN_ID = '019b0000-0000-7000-8000-000000000000';

let servers: Servers;
/** Where the worker by hand is. */
let here: Gateway;
/** Another process, as far as it knows. */
let there: Gateway;

beforeAll(async () => {
  servers = await startServers();
  const security = { api_keys: [red.config, blue.config] };
  here = await startGateway(servers, { security });
  there = await startGateway(servers, { security }, { roles: ['api'] });
});
afterAll(async () => {
  await Promise.all([here?.close(), there?.close()]);
  await servers?.stop();
});

const as = ({ key }: { key: string }) => ({ authorization: `Bearer ${key}` });
const isEnd = ({ data }: LiveFrame) => data.type === 'ended';
const isPiece = ({ data }: LiveFrame) => data.type === 'piece';
const urlOf = (gateway: Gateway, id: string) => `${gateway.baseUrl}/api/v1/messages/${id}/stream`;

async function submitted(more: Record<string, unknown> = {}, key = red): Promise<MessageReceived> {
  const before = await here.log.lastSequence();
  const body = { user_id: 'ann', content: 'Hi', model: MODEL, ...more };
  const { status, json } = await request('POST', `${here.baseUrl}/api/v1/messages`, body, as(key));
  expect([status, json.code]).toEqual([202, undefined]);
  const message = await here.worker.received(before);
  expect(message.subject).toBe(json.id);
  return message;
}

const WORDS = ['It', ' is', ' a', ' line', ' of', ' waiting', ' things', '.'];
const WHOLE = WORDS.join('');

describe('the stream of a message', () => {
  it('tells its state, its pieces as they come, and its end, on any process', async () => {
    const message = await submitted();
    const id = message.subject;
    const [one, other] = [new LiveClient(), new LiveClient()];
    const reading = Promise.all([
      one.read(urlOf(here, id), isEnd, as(red)),
      other.read(urlOf(there, id), isEnd, as(red)),
    ]);
    // How it waits is told a moment later where it is not known in time.
    const place = { position: 1, waiting_for: 'slot' };
    await eventually(() => {
      for (const client of [one, other]) {
        const places = client.of('status').map(({ data }) => data.message);
        expect(places).toContainEqual(expect.objectContaining(place));
      }
    });
    for (const [index, content] of WORDS.entries()) {
      here.worker.piece(id, index + 1, { content });
      const said = WORDS.slice(0, index + 1).join('');
      await eventually(() => expect([one.text(id), other.text(id)]).toEqual([said, said]));
    }
    await here.worker.complete(message, { content: WHOLE });
    const [{ response, next }] = await reading;
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    expect(await next().catch(() => null)).toBeNull();
    for (const client of [one, other]) {
      expect(client.frames[0]!.data).toMatchObject({
        type: 'status',
        message: { id, status: 'pending', user_id: 'ann' },
      });
      expect(client.of('piece').map(({ id }) => id)).toEqual(WORDS.map((_, index) => String(index + 1)));
      expect(client.frames.at(-1)!.data.message).toMatchObject({
        status: 'completed',
        result: { content: WHOLE },
      });
      expect(client.after).toBe(String(endOf(1)));
    }
  });

  it('goes on behind every piece at which it was cut, also after the end', async () => {
    const message = await submitted();
    const id = message.subject;
    const client = new LiveClient();
    const first = readLive(urlOf(there, id), { headers: as(red) });
    await (await first).next();
    for (const [index, content] of WORDS.entries()) {
      here.worker.piece(id, index + 1, { content });
      if (index === WORDS.length - 3) break;
      // Here and there in turn, cut after each piece.
      await client.read(urlOf(index % 2 === 0 ? here : there, id), isPiece, as(red));
    }
    here.worker.piece(id, WORDS.length - 1, { content: WORDS.at(-2)! });
    here.worker.piece(id, WORDS.length, { content: WORDS.at(-1)! });
    await here.worker.complete(message, { content: WHOLE });
    await client.read(urlOf(there, id), isPiece, as(red));
    await client.read(urlOf(here, id), isEnd, as(red));
    await (await first).cut();
    expect(client.of('restart')).toEqual([]);
    expect(
      client
        .of('piece')
        .slice(0, 5)
        .map(({ data }) => data.delta.content),
    ).toEqual(WORDS.slice(0, 5));
    expect(
      client
        .of('piece')
        .map(({ data }) => data.delta.content)
        .join(''),
    ).toBe(WHOLE);
    expect(client.text(id)).toBe(WHOLE);
    const over = await readLive(urlOf(there, id), { after: client.after, headers: as(red) });
    expect(over.response.status).toBe(204);
    const behind = await readLive(`${urlOf(there, id)}?starting_after=5`, { headers: as(red) });
    const rest = await behind.until(isEnd);
    const texts = rest.filter(isPiece).map(({ data }) => data.delta.content);
    expect(texts.join('')).toBe(WORDS.slice(5).join(''));
  });

  it('tells the whole answer as one piece to who comes after the end', async () => {
    const message = await submitted();
    const calls = [{ id: 'call_1', type: 'function', function: { name: 'look', arguments: '{"at":1}' } }];
    await here.worker.complete(message, { content: WHOLE, tool_calls: calls });
    // Who comes before the tables have it is told how it waits, first.
    await here.projected();
    const client = new LiveClient();
    await client.read(urlOf(there, message.subject), isEnd, as(red));
    // Held against the description.
    const plain = await (await fetch(urlOf(there, message.subject), { headers: as(red) })).text();
    expect(plain).toMatch(/^event: status\ndata: .*\n\n(.*\n)*id: \d+\nevent: ended\ndata: .*\n\n$/);
    expect(client.frames.map(({ data }) => data.type)).toEqual(['status', 'piece', 'ended']);
    expect(client.answer(message.subject)).toEqual({ role: 'assistant', content: WHOLE, tool_calls: calls });
  });

  it('begins anew where its pieces are gone, and where another run speaks', async () => {
    const message = await submitted();
    const id = message.subject;
    const client = new LiveClient();
    const listening = await readLive(urlOf(here, id), { headers: as(red) });
    await listening.next();
    here.worker.piece(id, 1, { content: 'Lost' });
    await client.read(urlOf(there, id), isPiece, as(red));
    here.worker.piece(id, 1, { content: 'It is' }, 1, undefined, 2);
    await client.read(urlOf(there, id), isPiece, as(red));
    expect(client.frames.slice(-2).map(({ data }) => data.type)).toEqual(['restart', 'piece']);
    const connection = await connectTo(servers.nats);
    await (await jetstreamManager(connection)).streams.purge(CHUNKS_STREAM);
    await connection.close();
    await listening.cut();
    await here.worker.complete(message, { content: WHOLE });
    await client.read(urlOf(there, id), isEnd, as(red));
    expect(client.of('restart')).toHaveLength(2);
    expect(client.text(id)).toBe(WHOLE);
  });

  it('tells several answers, each with its index', async () => {
    const message = await submitted();
    const id = message.subject;
    const client = new LiveClient();
    const reading = client.read(urlOf(there, id), isEnd, as(red));
    await eventually(() => expect(client.frames).not.toEqual([]));
    here.worker.piece(id, 1, { content: 'one' });
    here.worker.piece(id, 2, { content: 'tw', index: 1 });
    await eventually(() => expect(client.answer(id, 1)).toBeDefined());
    const others = [{ index: 1, message: { role: 'assistant', content: 'two' }, finish_reason: 'stop' }];
    await here.worker.complete(message, { content: 'one' }, { extra: { choices: others } });
    await reading;
    expect([client.text(id), client.answer(id, 1)?.['content']]).toEqual(['one', 'two']);
    expect(client.of('restart')).toEqual([]);
  });

  it('tells failures and cancellations as they are, and cancels nothing itself', async () => {
    const failing = await submitted();
    const client = new LiveClient();
    const reading = client.read(urlOf(there, failing.subject), isEnd, as(red));
    await eventually(() => expect(client.frames).not.toEqual([]));
    const error = { code: 'endpoint_error', message: 'Down.', retryable: true, status: 503 };
    await here.worker.deadLetter(failing, error);
    await reading;
    expect(client.frames.at(-1)!.data.message).toMatchObject({
      ...{ status: 'failed', result: null, error: { code: 'endpoint_error', message: 'Down.' } },
    });
    const cancelled = await submitted();
    const left = await readLive(urlOf(there, cancelled.subject), { headers: as(red) });
    await left.next();
    await left.cut();
    const message = `${here.baseUrl}/api/v1/messages/${cancelled.subject}`;
    expect((await request('GET', message, undefined, as(red))).json.status).toBe('pending');
    const other = new LiveClient();
    const ended = other.read(urlOf(there, cancelled.subject), isEnd, as(red));
    await request('DELETE', message, undefined, as(red));
    await ended;
    expect(other.frames.at(-1)!.data.message.status).toBe('cancelled');
  });

  it('is refused before it begins, with a problem', async () => {
    const { subject: id } = await submitted();
    const refusal = async (path: string, headers: Record<string, string> = {}) => {
      const { status, json } = await request('GET', `${there.baseUrl}/api/v1/${path}`, undefined, {
        ...as(red),
        ...headers,
      });
      return [status, json.code];
    };
    expect(await refusal('messages/nothing/stream')).toEqual([400, 'malformed_id']);
    expect(await refusal(`messages/${UNKNOWN_ID}/stream`)).toEqual([404, 'not_found']);
    expect(await refusal(`messages/${id}/stream`, as(blue))).toEqual([404, 'not_found']);
    expect(await refusal(`messages/${id}/stream?starting_after=x`)).toEqual([422, 'invalid_fields']);
    expect(await refusal(`messages/${id}/stream`, { 'last-event-id': '-1' })).toEqual([
      422,
      'invalid_fields',
    ]);
    expect(await refusal(`messages/${id}/stream?after=1`)).toEqual([422, 'invalid_fields']);
    expect(await refusal('conversations/none/stream')).toEqual([404, 'not_found']);
    expect(await refusal(`conversations/${'x'.repeat(200)}/stream`)).toEqual([400, 'malformed_id']);
    expect(await refusal('users/ann/stream', { 'last-event-id': '7' })).toEqual([422, 'invalid_fields']);
  });
});

describe('the stream of a user, and of a conversation', () => {
  const userUrl = (gateway: Gateway, user: string) => `${gateway.baseUrl}/api/v1/users/${user}/stream`;

  it("tells of all the user's messages of this tenant, and of no others", async () => {
    const before = await submitted({ user_id: 'eve' });
    const foreign = await submitted({ user_id: 'eve' }, blue);
    const client = new LiveClient();
    const reading = await readLive(userUrl(there, 'eve'), { headers: as(red) });
    const taking = (async () => {
      for (let frame = await reading.next(); frame !== null; frame = await reading.next()) client.take(frame);
    })().catch(() => undefined);
    await eventually(() => expect(client.of('status', before.subject)).not.toEqual([]));
    const later = await submitted({ user_id: 'eve' });
    const another = await submitted({ user_id: 'bob' });
    await eventually(() => expect(client.of('status', later.subject)).not.toEqual([]));
    for (const message of [foreign, another, before, later]) {
      await here.worker.complete(message, { content: `Answer ${message.subject}` });
    }
    await eventually(() => expect(client.of('ended')).toHaveLength(2));
    for (const { subject } of [before, later]) {
      expect(client.text(subject)).toBe(`Answer ${subject}`);
      expect(client.of('ended', subject)[0]!.data.message).toMatchObject({
        status: 'completed',
        user_id: 'eve',
      });
    }
    await reading.cut();
    await taking;
    const told = new Set(client.frames.map(({ data }) => data.message_id));
    expect(told).toEqual(new Set([before.subject, later.subject]));
    expect(client.frames.every(({ id }) => id !== undefined)).toBe(true);
  });

  it('goes on with nothing lost and nothing twice, on another process', async () => {
    const { json: conversation } = await request(
      'POST',
      `${here.baseUrl}/api/v1/conversations`,
      { user_id: 'ann' },
      as(red),
    );
    const url = (gateway: Gateway) => `${gateway.baseUrl}/api/v1/conversations/${conversation.id}/stream`;
    const first = await submitted({ conversation_id: conversation.id });
    const client = new LiveClient();
    await client.read(url(here), ({ data }) => data.type === 'status', as(red));
    // It ends while nobody follows.
    await here.worker.complete(first, { content: 'one' });
    const second = await submitted({ conversation_id: conversation.id });
    await here.projected();
    await client.read(url(there), ({ data }) => data.type === 'ended', as(red));
    expect(client.text(first.subject)).toBe('one');
    await here.worker.complete(second, { content: 'two' });
    await client.read(url(here), ({ data }) => data.type === 'ended', as(red));
    expect(client.text(second.subject)).toBe('two');
    const third = await submitted({ conversation_id: conversation.id });
    await client.read(url(there), ({ data }) => data.message_id === third.subject, as(red));
    for (const { subject } of [first, second]) expect(client.of('ended', subject)).toHaveLength(1);
    for (const { subject } of [first, second]) expect(client.of('piece', subject)).toHaveLength(1);
  });
});

it('waits for a client that does not read, and tells it all in the end', async () => {
  const url = `${there.baseUrl}/api/v1/users/slow/stream`;
  const slow = await readLive(url, { headers: as(red) });
  // More than sockets and the queue of a follower hold.
  const ids: string[] = [];
  for (let count = 0; count < 40; count += 1) {
    const message = await submitted({ user_id: 'slow' });
    ids.push(message.subject);
    await here.worker.complete(message, { content: `${message.subject} `.repeat(15_000) });
  }
  await here.projected();
  const client = new LiveClient();
  const hasAll = () => client.of('ended').length === ids.length;
  for (let frame = await slow.next(); frame !== null; frame = await slow.next()) {
    client.take(frame);
    if (hasAll()) break;
  }
  await slow.cut();
  for (const id of ids) {
    expect(client.of('ended', id)).toHaveLength(1);
    expect(client.text(id)).toBe(`${id} `.repeat(15_000));
  }
});

it('joins what is not read, within limits, and goes on behind what was', async () => {
  const message = await submitted();
  const id = message.subject;
  const feeds = there.feeds;
  const caller = { name: 'red-key', role: 'client', tenant: 'red' } as const;
  const follow = (after?: string) =>
    feeds.follow(
      caller,
      { kind: 'message', id },
      { after, signal: new AbortController().signal, connection: new EventEmitter() },
    );
  const feed = await follow();
  const reading = feed[Symbol.asyncIterator]();
  expect((await reading.next()).value).toMatchObject({ type: 'status' });
  const text = 'x'.repeat(1_000);
  let seq = 0;
  // Another one reads at once: what it was told has come to the first one, too.
  const quick = await follow();
  let arrived = 0;
  const taking = (async () => {
    for await (const event of quick) {
      if (event.type === 'piece') arrived += String(event.delta['content']).length;
    }
  })();
  const say = async (pieces: number) => {
    for (let piece = 1; piece <= pieces; piece += 1) {
      here.worker.piece(id, ++seq, { content: text });
      if (piece % 50 === 0) await eventually(() => expect(arrived).toBe(seq * text.length), { everyMs: 1 });
    }
  };
  await say(300);
  // Pieces of 1 kB came, and fewer and longer ones are told.
  const first = (await reading.next()).value;
  expect(first).toMatchObject({ type: 'piece' });
  expect(first.delta.content.length).toBeGreaterThan(10_000);
  const came = first.delta.content.length;
  await say(1_000);
  // What waits for it is told, and that is all.
  let last = first.id;
  let rest = 0;
  const readOn = async () => {
    for (;;) {
      const { value, done } = await reading.next();
      if (done === true) return;
      if (value.type !== 'piece') continue;
      last = value.id;
      rest += String(value.delta['content']).length;
    }
  };
  await expect(readOn()).rejects.toMatchObject({ code: 'too_slow' });
  expect(came + rest).toBeLessThan(seq * text.length);
  const again = await follow(last);
  await here.worker.complete(message, { content: text.repeat(seq) });
  for await (const event of again) {
    expect(event.type).not.toBe('restart');
    if (event.type === 'piece') rest += String(event.delta['content']).length;
  }
  expect(came + rest).toBe(seq * text.length);
  await taking;
});

it('ends when its key does', async () => {
  // Longer with each round: it must not expire before the service has started, however slow the machine is.
  let lifeMs = 5_000;
  await inOneOf(3, async () => {
    lifeMs *= 3;
    const expires_at = new Date(Date.now() + lifeMs).toISOString();
    const short = newApiKey({ name: 'short-key', role: 'client', tenant: 'red', expires_at });
    const security = { api_keys: [short.config] };
    const gateway = await startGateway(servers, { security }, { roles: ['api'] });
    try {
      const reading = await readLive(`${gateway.baseUrl}/api/v1/users/short/stream`, { headers: as(short) });
      const [last] = (await reading.until(() => false)).slice(-1);
      expect(last!.data).toMatchObject({ type: 'closed', code: 'unauthorized', retry_after_seconds: null });
    } finally {
      await gateway.close();
    }
  });
}, 400_000);

it('forgets a followed message that is erased while it is open, and tells the others on', async () => {
  const url = `${there.baseUrl}/api/v1/users/eve/stream`;
  const reading = await readLive(url, { headers: as(red) });
  const { json } = await request('POST', `${here.baseUrl}/api/v1/conversations`, { user_id: 'eve' }, as(red));
  const gone = await submitted({ user_id: 'eve', conversation_id: json.id });
  const client = new LiveClient();
  for (let frame = await reading.next(); frame !== null; frame = await reading.next()) {
    client.take(frame);
    if (frame.data.message_id === gone.subject) break;
  }
  await request('DELETE', `${here.baseUrl}/api/v1/conversations/${json.id}`, undefined, as(red));
  const stays = await submitted({ user_id: 'eve' });
  await here.worker.complete(stays, { content: WHOLE });
  for (let frame = await reading.next(); frame !== null; frame = await reading.next()) {
    client.take(frame);
    if (client.of('ended', stays.subject).length > 0) break;
  }
  expect(client.text(stays.subject)).toBe(WHOLE);
  await reading.cut();
});

it('lets a reader that joins late read what was said before, however many pieces that are', async () => {
  const message = await submitted();
  const id = message.subject;
  const pieces = 3_000;
  const first = await readLive(urlOf(there, id), { headers: as(red) });
  await first.next();
  // Pieces of two choices by turns can't be joined.
  for (let seq = 1; seq <= pieces; seq += 1) here.worker.piece(id, seq, { content: 'x', index: seq % 2 });
  await first.cut();
  // Until the broker has all of them: pieces are sent without waiting for it.
  const connection = await connectTo(servers.nats);
  const { streams } = await jetstreamManager(connection);
  let stored = -1;
  await eventually(
    async () => {
      const [before, { state }] = [stored, await streams.info(CHUNKS_STREAM)];
      stored = state.last_seq;
      expect(stored).toBe(before);
    },
    { everyMs: 1_000 },
  );
  await connection.close();
  const feed = await there.feeds.follow(
    { name: 'red-key', role: 'client', tenant: 'red' },
    { kind: 'message', id },
    { signal: new AbortController().signal, connection: new EventEmitter() },
  );
  let read = 0;
  for await (const { type } of feed) {
    if (type !== 'piece') continue;
    read += 1;
    await sleep(0);
    if (read === pieces) break;
  }
  expect(read).toBe(pieces);
});

it('ends by a stop with a word on when to come again', async () => {
  const stopping = await startGateway(servers, { security: { api_keys: [red.config] } }, { roles: ['api'] });
  const { subject } = await submitted();
  const reading = await readLive(urlOf(stopping, subject), { headers: as(red) });
  await reading.next();
  const closing = stopping.close();
  const [last] = (await reading.until(() => false)).slice(-1);
  expect(last!.data).toMatchObject({ type: 'closed', code: 'service_stopping', retry_after_seconds: 1 });
  expect(reading.retries).toEqual([1_000]);
  await closing;
});
