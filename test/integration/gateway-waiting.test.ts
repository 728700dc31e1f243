import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import OpenAI from 'openai';
import type { MessageReceived } from '../../src/domain/message/message.events.js';
import { eventually } from '../support/eventually.js';
import { type Gateway, MODEL, request, type Servers, startGateway, startServers } from './gateway.rig.js';

const HEADERS_AFTER_MS = 1_000;
const UNKNOWN_ID = '019b0000-0000-7000-8000-000000000000';
const MADE_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;

let servers: Servers;
let gateway: Gateway;

beforeAll(async () => {
  servers = await startServers();
  const openai = { stream_headers_after_ms: HEADERS_AFTER_MS, heartbeat_ms: 200 };
  gateway = await startGateway(servers, { openai });
});
afterAll(async () => {
  await gateway?.close();
  await servers?.stop();
});

const question = { model: MODEL, messages: [{ role: 'user' as const, content: 'Hi' }] };

interface Stream {
  readonly message: MessageReceived;
  readonly response: Promise<Response>;
  /** All that has come. */
  readonly text: () => string;
  readonly ended: Promise<void>;
}

async function stream(headers: Record<string, string> = {}, at = gateway): Promise<Stream> {
  const before = await at.log.lastSequence();
  const response = fetch(`${at.baseUrl}/v1/chat/completions`, {
    ...{ method: 'POST', body: JSON.stringify({ ...question, stream: true }) },
    headers: { 'content-type': 'application/json', ...headers },
  });
  let text = '';
  const read = async () => {
    for await (const part of (await response).body!.pipeThrough(new TextDecoderStream())) text += part;
  };
  return { response, ended: read(), text: () => text, message: await at.worker.received(before) };
}

const error = { code: 'endpoint_error', message: 'Down.', retryable: true, status: 503 };

describe('a stream that waits', () => {
  it('sends its headers with the id of its message, then tells its position and what it waits for', async () => {
    const startedMs = performance.now();
    const first = await stream({ 'x-request-id': 'req_7' });
    const second = await stream();
    const { headers, status } = await first.response;
    expect(performance.now() - startedMs).toBeGreaterThan(HEADERS_AFTER_MS - 10);
    expect(status).toBe(200);
    expect(headers.get('content-type')).toMatch(/^text\/event-stream/);
    expect(headers.get('x-llmq-message-id')).toBe(first.message.subject);
    expect(headers.get('x-request-id')).toBe('req_7');
    await eventually(() => {
      expect(first.text()).toMatch(/^: waiting position=1 for=slot$/m);
      expect(second.text()).toMatch(/^: waiting position=2 for=slot$/m);
    });
    await gateway.worker.complete(first.message, { content: 'one' });
    await first.ended;
    expect(first.text()).toMatch(/data: \[DONE\]\n\n$/);
    await eventually(() => expect(second.text()).toMatch(/: waiting position=1 for=slot\n\n$/));
    await gateway.worker.complete(second.message, { content: 'two' });
    await second.ended;
    // Nothing is told to a stream that has ended.
    await sleep(400);
    expect(second.text()).toMatch(/data: \[DONE\]\n\n$/);
  });

  it('is told a failure in the stream, in OpenAI’s form', async () => {
    const client = new OpenAI({ baseURL: `${gateway.baseUrl}/v1`, apiKey: 'none', maxRetries: 0 });
    const before = await gateway.log.lastSequence();
    const asked = client.chat.completions.create({ ...question, stream: true }).withResponse();
    const message = await gateway.worker.received(before);
    const { data, response } = await asked;
    expect(response.headers.get('x-llmq-message-id')).toBe(message.subject);
    const reading = (async () => {
      for await (const _ of data) throw new Error('There is no piece.');
    })();
    reading.catch(() => undefined);
    await gateway.worker.deadLetter(message, error);
    await expect(reading).rejects.toMatchObject({
      code: 'endpoint_error',
      error: { message: 'Down.', type: 'server_error', message_id: message.subject },
    });
  });

  it('says nothing between pieces that come, and something where they stop', async () => {
    const { message, text, ended, response } = await stream();
    await response;
    gateway.worker.piece(message.subject, 1, { content: 'a' });
    await eventually(() => expect(text()).toContain('"a"'));
    await eventually(() => expect(text().split('"a"')[1]).toContain('\n: '));
    await gateway.worker.complete(message, { content: 'a' });
    await ended;
  });

  it('has a status of its own where it ends before its headers are out', async () => {
    const patient = await startGateway(servers);
    try {
      const { message, response } = await stream({}, patient);
      await patient.worker.deadLetter(message, error);
      expect((await response).status).toBe(503);
    } finally {
      await patient.close();
    }
  });
});

describe('x-request-id', () => {
  const ask = (path: string, headers: Record<string, string> = {}, method = 'GET', body?: unknown) =>
    request(method, gateway.baseUrl + path, body, headers);

  it('is on every answer, the client’s own where that is well-formed', async () => {
    for (const [method, path, body] of [
      ['GET', '/v1/models'],
      ['GET', '/api/v1/messages'],
      ['GET', `/api/v1/messages/${UNKNOWN_ID}`],
      ['GET', '/nothing'],
      ['GET', '/api/v1/audit/events'],
      ['GET', '/v1/models/%E0%A4%A'],
      ['POST', '/v1/chat/completions', '{'],
      ['PUT', '/v1/chat/completions', {}],
      ['POST', '/api/v1/messages', { user_id: 'u', content: 'x' }],
    ] as const) {
      const own = await ask(path, { 'x-request-id': 'trace:7/a' }, method, body);
      expect([path, own.headers.get('x-request-id')]).toEqual([path, 'trace:7/a']);
      const made = await ask(path, { 'x-request-id': 'not one' }, method, body);
      expect([path, made.headers.get('x-request-id')]).toEqual([path, expect.stringMatching(MADE_ID)]);
    }
  });

  it('belongs to the request, also where the answer is that of an earlier one', async () => {
    const body = { user_id: 'u', content: 'once' };
    const key = { 'idempotency-key': 'request-ids' };
    const [first, again] = [
      await ask('/api/v1/messages', { ...key, 'x-request-id': 'first' }, 'POST', body),
      await ask('/api/v1/messages', { ...key, 'x-request-id': 'second' }, 'POST', body),
    ];
    expect(again.json.id).toBe(first.json.id);
    expect(again.headers.get('x-request-id')).toBe('second');
  });
});
