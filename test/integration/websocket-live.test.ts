import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { v4 as uuid } from 'uuid';
import type { FrameClient } from '../../src/interfaces/websocket/frame-client.js';
import { OpenClients } from '../../src/interfaces/websocket/open-clients.js';
import { newApiKey } from '../../src/platform/security/api-key.js';
import { eventually } from '../support/eventually.js';
import { type Frame, FrameSocket, joined } from '../support/frame-socket.js';
import { type Gateway, type Servers, startGateway, startServers } from './gateway.rig.js';

const question = { user_id: 'ann', content: 'What is a queue?' };
const WORDS = ['A ', 'queue ', 'is ', 'a ', 'line ', 'that ', 'waits.'];
const TEXT = WORDS.join('');

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

async function submit(
  socket: FrameSocket,
  more: Record<string, unknown> = {},
  subscribe?: string,
): Promise<string> {
  const named = subscribe === undefined ? {} : { request_id: subscribe, subscribe: true };
  const accepted = await socket.ask({ type: 'submit', message: { ...question, ...more }, ...named });
  expect(accepted.type).toBe('accepted');
  return accepted.message.id;
}

const piecesOf = (frames: readonly Frame[]) => frames.filter(({ type }) => type === 'piece');
const isPiece = (content: string) => (frame: Frame) =>
  frame.type === 'piece' && String(frame.delta.content).includes(content);

/** Answers a message by hand, each piece when the one before has come. */
async function answer({ worker }: Gateway, id: string, socket: FrameSocket): Promise<void> {
  const received = await worker.receivedAs(id);
  for (const [at, content] of WORDS.entries()) {
    worker.piece(id, at + 1, { content });
    await socket.find((frame) => isPiece(content)(frame) && frame.message_id === id);
  }
  await worker.complete(received, { content: TEXT });
}

describe('a subscription', () => {
  it('that comes with a submission gets it from its beginning to its end', async () => {
    const gateway = await start();
    const socket = await open(gateway.baseUrl);
    const id = await submit(socket, {}, 'mine');
    await answer(gateway, id, socket);
    const frames = await socket.untilEnded('mine');
    expect(joined(frames)).toBe(TEXT);
    expect(frames.find(({ type }) => type === 'status')).toMatchObject({
      ...{ subscription: 'mine', message_id: id, message: { status: 'pending', priority: 'normal' } },
    });
    expect(frames.at(-1)).toMatchObject({
      ...{ type: 'ended', message_id: id },
      message: { id, status: 'completed', result: { content: TEXT } },
    });
    const ids = piecesOf(frames).map((frame) => Number(frame.id));
    expect(ids).toEqual([...ids].sort((one, other) => one - other));
    // The name is free again, and the end is told to whoever asks for it again.
    expect(await socket.ask({ type: 'subscribe', request_id: 'mine', message_id: id })).toMatchObject({
      ...{ type: 'subscribed', over: false },
    });
    const end = frames.at(-1).id;
    expect(
      await socket.ask({ type: 'subscribe', request_id: 'over', message_id: id, starting_after: end }),
    ).toMatchObject({ type: 'subscribed', over: true });
  });

  it('goes on after a cut at every piece, with nothing lost and nothing twice', async () => {
    const gateway = await start();
    const { worker, baseUrl } = gateway;
    const first = await open(baseUrl);
    const id = await submit(first);
    const received = await worker.receivedAs(id);
    const all: Frame[] = [];
    let after: string | number | undefined;
    for (const [at, content] of WORDS.entries()) {
      const socket = await open(baseUrl);
      const starting_after = after === undefined ? {} : { starting_after: after };
      await socket.ask({ type: 'subscribe', request_id: 's', message_id: id, ...starting_after });
      // Half of them while nobody listens.
      if (at % 2 === 0) worker.piece(id, at + 1, { content });
      if (at % 2 === 0) await socket.find(isPiece(content));
      socket.socket.terminate();
      await socket.closed;
      if (at % 2 === 1) worker.piece(id, at + 1, { content });
      const frames = socket.of('s');
      all.push(...frames);
      after = frames.filter((frame) => frame.id != null).at(-1)?.id ?? after;
    }
    await worker.complete(received, { content: TEXT });
    const last = await open(baseUrl);
    await last.ask({ type: 'subscribe', request_id: 's', message_id: id, starting_after: after });
    all.push(...(await last.untilEnded('s')));
    expect(joined(all)).toBe(TEXT);
    expect(all.at(-1).message.result.content).toBe(TEXT);
  });

  it('is one of several on a WebSocket, of the same message too', async () => {
    const gateway = await start();
    const socket = await open(gateway.baseUrl);
    const one = await submit(socket, {}, 'one');
    const two = await submit(socket, {}, 'two');
    await socket.ask({ type: 'subscribe', request_id: 'again', message_id: one.toUpperCase() });
    await answer(gateway, two, socket);
    await answer(gateway, one, socket);
    for (const name of ['one', 'two', 'again']) expect(joined(await socket.untilEnded(name))).toBe(TEXT);
    expect(new Set(socket.of('two').map((frame) => frame.message_id))).toEqual(new Set([two]));
  });

  it('to a conversation or a user tells of each of its messages, and goes on', async () => {
    const gateway = await start();
    const { worker, baseUrl } = gateway;
    const socket = await open(baseUrl);
    const first = await submit(socket, { conversation_id: 'room' });
    await gateway.projected();
    expect(await socket.ask({ type: 'subscribe', request_id: 'c', conversation_id: 'room' })).toMatchObject({
      type: 'subscribed',
    });
    expect(await socket.ask({ type: 'subscribe', request_id: 'u', user_id: 'ann' })).toMatchObject({
      type: 'subscribed',
    });
    const ended = (name: string, id: string) => (frame: Frame) =>
      frame.subscription === name && frame.type === 'ended' && frame.message_id === id;
    await worker.complete(await worker.receivedAs(first), { content: 'One' });
    for (const name of ['c', 'u']) await socket.find(ended(name, first));
    const second = await submit(socket, { conversation_id: 'room' });
    const elsewhere = await submit(socket);
    await worker.complete(await worker.receivedAs(second), { content: 'Two' });
    await worker.complete(await worker.receivedAs(elsewhere), { content: 'Three' });
    for (const name of ['c', 'u']) await socket.find(ended(name, second));
    await socket.find(ended('u', elsewhere));
    expect(socket.of('c').some((frame) => frame.message_id === elsewhere)).toBe(false);
  });

  it('ends when the client says so, and only that one', async () => {
    const gateway = await start();
    const { worker, baseUrl } = gateway;
    const socket = await open(baseUrl);
    const id = await submit(socket, {}, 'one');
    await socket.ask({ type: 'subscribe', request_id: 'two', message_id: id });
    worker.piece(id, 1, { content: 'A ' });
    for (const name of ['one', 'two']) {
      await socket.find((frame) => isPiece('A ')(frame) && frame.subscription === name);
    }
    expect(await socket.ask({ type: 'unsubscribe', subscription: 'one' })).toMatchObject({
      ...{ type: 'unsubscribed', subscription: 'one' },
    });
    const before = socket.of('one').length;
    worker.piece(id, 2, { content: 'queue' });
    await socket.find(isPiece('queue'));
    expect(socket.of('one')).toHaveLength(before);
    expect(await socket.ask({ type: 'unsubscribe', subscription: 'none' })).toMatchObject({
      type: 'unsubscribed',
    });
  });

  it('tells a new attempt by a restart', async () => {
    const gateway = await start();
    const { worker, baseUrl } = gateway;
    const socket = await open(baseUrl);
    const id = await submit(socket, {}, 'mine');
    const received = await worker.receivedAs(id);
    worker.piece(id, 1, { content: 'Wrong' });
    await socket.find(isPiece('Wrong'));
    worker.piece(id, 1, { content: 'Right' }, 2);
    await socket.find(isPiece('Right'));
    await worker.complete(received, { content: 'Right' }, { attempt: 2 });
    expect(joined(await socket.untilEnded('mine'))).toBe('Right');
  });

  it('is refused for what is not there or not the own, under a name that is taken, and beyond the limit', async () => {
    const red = newApiKey({ name: 'red', role: 'viewer', tenant: 'red' });
    const blue = newApiKey({ name: 'blue', role: 'client', tenant: 'blue' });
    const { baseUrl } = await start({
      security: { api_keys: [red.config, blue.config] },
      server: { websocket: { max_subscriptions: 2 } },
    });
    const owner = await open(baseUrl, { headers: { 'x-api-key': blue.key } });
    const id = await submit(owner, {}, 'one');
    await owner.ask({ type: 'subscribe', request_id: 'two', user_id: 'ann' });
    expect((await owner.ask({ type: 'subscribe', request_id: 'three', message_id: id })).error.code).toBe(
      'limit_reached',
    );
    expect(
      (await owner.ask({ type: 'submit', request_id: 'four', message: question, subscribe: true })).error
        .code,
    ).toBe('limit_reached');
    const seen = owner.frames.length;
    owner.send({ type: 'subscribe', request_id: 'two', message_id: id });
    expect((await owner.find((frame) => frame.type === 'error', seen)).error.code).toBe('already_exists');
    const stranger = await open(baseUrl, { headers: { 'x-api-key': red.key } });
    for (const message_id of [id, uuid()]) {
      expect((await stranger.ask({ type: 'subscribe', message_id })).error.code).toBe('not_found');
    }
    const wrong = { type: 'subscribe', message_id: id, starting_after: 'nonsense' };
    expect((await stranger.ask(wrong)).error.code).toMatch(/not_found|invalid_fields/);
    await owner.ask({ type: 'unsubscribe', subscription: 'two' });
    expect((await owner.ask({ ...wrong, request_id: 'five' })).error.code).toBe('invalid_fields');
  });
});

describe('a client that does not read', () => {
  it('is closed with a code, and what waits for it stays within the limit', async () => {
    const websocket = { slow_timeout_ms: 3_000, max_buffered_bytes: 64 * 1024 };
    const gateway = await start({ server: { websocket } });
    const { worker, baseUrl } = gateway;
    const slow = await open(baseUrl);
    const quick = await open(baseUrl);
    const id = await submit(slow, {}, 'mine');
    await quick.ask({ type: 'subscribe', request_id: 'mine', message_id: id });
    const clients = gateway.part(OpenClients) as unknown as { clients: Set<FrameClient> };
    slow.socket.pause();
    const content = 'x'.repeat(16 * 1024);
    const all = () => [...clients.clients];
    let most = 0;
    for (let seq = 1; !all().some(({ ending }) => ending === 'too_slow') && seq < 15_000; seq += 1) {
      worker.piece(id, seq, { content });
      most = Math.max(most, ...all().map(({ bufferedBytes }) => bufferedBytes));
      await sleep(2);
    }
    // The limit, and one frame that went over it.
    expect(most).toBeGreaterThan(64 * 1024);
    expect(most).toBeLessThan(256 * 1024);
    slow.socket.resume();
    expect((await slow.closed).code).toBe(1013);
    expect(slow.frames.at(-1)).toMatchObject({ type: 'error', error: { code: 'too_slow' } });
    expect(quick.of('mine').some(({ type }) => type === 'error')).toBe(false);
    expect(await quick.ask({ type: 'ping' })).toMatchObject({ type: 'pong' });
  });

  it('is cut off before what waits of all its subscriptions together is more than it may be', async () => {
    const mostBytes = 512 * 1024;
    const websocket = {
      ...{ max_buffered_bytes: 64 * 1024, max_waiting_bytes: mostBytes },
      slow_timeout_ms: 60_000,
    };
    const gateway = await start({ server: { websocket } });
    const { worker, baseUrl } = gateway;
    const [slow, quick] = [await open(baseUrl), await open(baseUrl)];
    const ids: string[] = [];
    for (let at = 0; at < 20; at += 1) {
      ids.push(await submit(slow, {}, `${at}`));
      await quick.ask({ type: 'subscribe', request_id: `${at}`, message_id: ids[at] });
    }
    slow.socket.pause();
    const clients = gateway.part(OpenClients) as unknown as { clients: Set<{ room: { units: number } }> };
    // Of each far less than one subscription may hold, and of all far more than the client may.
    const content = 'x'.repeat(8 * 1024);
    let most = 0;
    for (let seq = 1; seq <= 100; seq += 1) {
      for (const id of ids) worker.piece(id, seq, { content });
      await sleep(20);
      for (const { room } of clients.clients) most = Math.max(most, room.units);
    }
    expect(most).toBeGreaterThan(mostBytes / 4);
    // The limit, in units of two bytes, and of each message a piece that went over it.
    expect(most).toBeLessThan(mostBytes / 2 + ids.length * 2 * content.length);
    slow.socket.resume();
    expect((await slow.closed).code).toBe(1013);
    expect(await quick.ask({ type: 'ping' })).toMatchObject({ type: 'pong' });
  });

  it('is not read from either, whatever it sends', async () => {
    const websocket = {
      max_buffered_bytes: 64 * 1024,
      max_frames_per_second: 100_000,
      slow_timeout_ms: 60_000,
    };
    const gateway = await start({ server: { websocket } });
    const socket = await open(gateway.baseUrl);
    const clients = gateway.part(OpenClients) as unknown as { clients: Set<FrameClient> };
    socket.socket.pause();
    const request_id = 'r'.repeat(256);
    let most = 0;
    for (let round = 0; round < 200; round += 1) {
      for (let n = 0; n < 500; n += 1) socket.send({ type: 'ping', request_id });
      await sleep(2);
      for (const client of clients.clients) most = Math.max(most, client.bufferedBytes);
    }
    // One chunk of the socket's frames is answered whole.
    expect(most).toBeLessThan(1024 * 1024);
    socket.socket.resume();
    await eventually(() => expect(socket.frames).toHaveLength(100_000), { withinMs: 240_000 });
  });
});

describe('when the service stops', () => {
  it('each subscription is told, and the client goes on at another process', async () => {
    const stopping = await start({});
    const { worker, baseUrl, close } = stopping;
    const other = await start();
    const socket = await open(baseUrl);
    const id = await submit(socket, {}, 'mine');
    const received = await worker.receivedAs(id);
    worker.piece(id, 1, { content: 'A ' });
    const { id: last } = await socket.find(isPiece('A '));
    gateway = undefined;
    const closing = close();
    expect(await socket.closed).toEqual({ code: 1001, reason: 'service_stopping' });
    const told = { type: 'error', error: { code: 'service_stopping' } };
    expect(socket.frames.slice(-2)).toMatchObject([{ ...told, subscription: 'mine' }, told]);
    const again = await open(other.baseUrl);
    await again.ask({ type: 'subscribe', request_id: 'mine', message_id: id, starting_after: last });
    other.worker.piece(id, 2, { content: 'queue' });
    await again.find(isPiece('queue'));
    await other.worker.complete(received, { content: 'A queue' });
    expect(joined(await again.untilEnded('mine'))).toBe('queue');
    await closing;
  });
});
