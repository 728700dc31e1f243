import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import OpenAI from 'openai';
import { ResponsesWS } from 'openai/resources/responses/ws';
import { WebSocket } from 'ws';
import { parse } from 'yaml';
import type { MessageReceived } from '../../src/domain/message/message.events.js';
import { newApiKey } from '../../src/platform/security/api-key.js';
import { eventually } from '../support/eventually.js';
import { type Gateway, MODEL, request, type Servers, startGateway, startServers } from './gateway.rig.js';

const writer = newApiKey({ name: 'writer', role: 'client', tenant: 'red' });
const reader = newApiKey({ name: 'reader', role: 'viewer', tenant: 'red' });

// biome-ignore lint/suspicious/noExplicitAny: tests look into events of many shapes.
type Event = any;

let servers: Servers;
let gateway: Gateway;
const sockets: ResponsesWS[] = [];

beforeAll(async () => {
  servers = await startServers();
  gateway = await startGateway(servers, { security: { api_keys: [writer.config, reader.config] } });
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.close();
});
afterAll(async () => {
  await gateway?.close();
  await servers?.stop();
});

const question = { type: 'response.create' as const, model: MODEL, input: 'Hi' };

/** A client of OpenAI's own, whose events are kept. */
async function connected(): Promise<{ socket: ResponsesWS; events: Event[] }> {
  const client = new OpenAI({ baseURL: `${gateway.baseUrl}/v1`, apiKey: writer.key });
  const socket = new ResponsesWS(client);
  sockets.push(socket);
  const events: Event[] = [];
  socket.on('event', (event) => events.push(event));
  socket.on('error', () => undefined);
  await once(socket.socket.platformSocket, 'open');
  return { socket, events };
}

async function begin(ask: () => void): Promise<MessageReceived> {
  const before = await gateway.log.lastSequence();
  ask();
  return gateway.worker.received(before);
}

const textIn = (events: readonly Event[]) =>
  events.map(({ type, delta }) => (type === 'response.output_text.delta' ? delta : '')).join('');

describe('responses over a WebSocket', () => {
  it('come as the events of a stream, one response after the other', async () => {
    const { socket, events } = await connected();
    for (const content of ['Hello', 'Hello again']) {
      events.length = 0;
      const message = await begin(() => socket.send(question));
      expect(message).toMatchObject({ tenant: 'red', data: { stream: true, source: 'openai' } });
      gateway.worker.piece(message.subject, 1, { content: 'Hel' });
      await gateway.worker.complete(message, { content });
      await eventually(() => expect(events.at(-1)?.type).toBe('response.completed'));
      expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, at) => at));
      expect(events[0]).toMatchObject({
        ...{ type: 'response.created', response: { id: `resp_${message.subject}` } },
      });
      expect(textIn(events)).toBe(content);
    }
  });

  it('come beside each other under the names that the client gives them', async () => {
    const { socket, events } = await connected();
    const named = (stream_id: string) =>
      begin(() => socket.send({ ...question, stream_id } as typeof question));
    const [one, two] = [await named('one'), await named('two')];
    await gateway.worker.complete(two, { content: 'Second' });
    await gateway.worker.complete(one, { content: 'First' });
    const of = (name: string) => events.filter(({ stream_id }) => stream_id === name);
    await eventually(() => {
      for (const name of ['one', 'two']) expect(of(name).at(-1)?.type).toBe('response.completed');
    });
    expect([textIn(of('one')), textIn(of('two'))]).toEqual(['First', 'Second']);
  });

  it('that can not be served are refused, and the next one is', async () => {
    const { socket, events } = await connected();
    socket.send({ ...question, tools: [{ type: 'web_search' }] });
    await eventually(() =>
      expect(events).toMatchObject([
        { type: 'error', status: 400, param: 'tools[0].type', error: { type: 'invalid_request_error' } },
      ]),
    );
    socket.send({ ...question, type: 'response.delete' as 'response.create' });
    await eventually(() => expect(events.at(-1)).toMatchObject({ type: 'error', param: 'type' }));
    socket.send({ ...question, stream_id: 'x'.repeat(300) } as typeof question);
    await eventually(() => expect(events.at(-1)).toMatchObject({ type: 'error', param: 'stream_id' }));
    socket.socket.send('{"type": "response.create"');
    await eventually(() => expect(events.at(-1)).toMatchObject({ type: 'error', code: 'invalid_json' }));
    const message = await begin(() => socket.send(question));
    await gateway.worker.complete(message, { content: 'x' });
    await eventually(() => expect(events.at(-1)?.type).toBe('response.completed'));
  });

  it('are described in AsyncAPI, with examples of which each is taken', async () => {
    // Another test holds the document against the code.
    const { channels, components } = parse(await readFile('docs/asyncapi.yaml', 'utf8')) as Event;
    expect(channels.Responses.address).toBe('/v1/responses');
    const ajv = new Ajv2020({ strict: false });
    formats.default(ajv);
    ajv.addSchema({ components }, 'document');
    const isA = (name: string, frame: Event) => {
      const check = ajv.getSchema(`document#/components/schemas/${name}`)!;
      expect([frame, check(frame), check.errors]).toEqual([frame, true, null]);
    };
    const { socket, events } = await connected();
    const examples: Event[] = components.messages.ResponseCreateFrame.examples;
    for (const { payload } of examples) {
      events.length = 0;
      isA('ResponseCreateFrame', payload);
      const message = await begin(() => socket.send({ ...payload, model: MODEL }));
      await gateway.worker.complete(message, { content: 'Hello' });
      await eventually(() => expect(events.at(-1)?.type).toBe('response.completed'));
      for (const event of events) {
        isA('ResponseEventFrame', event);
        expect(event.stream_id).toBe(payload.stream_id);
      }
    }
    socket.send({ ...question, tools: [{ type: 'web_search' }] });
    await eventually(() => expect(events.at(-1)?.type).toBe('error'));
    isA('ResponseErrorFrame', events.at(-1));
  });

  it('end though their client has left', async () => {
    const { socket, events } = await connected();
    const message = await begin(() => socket.send({ ...question, background: true }));
    await eventually(() => expect(events.length).toBeGreaterThan(0));
    const closed = once(socket.socket.platformSocket, 'close');
    socket.close();
    await closed;
    await gateway.worker.complete(message, { content: 'Still here' });
    const headers = { authorization: `Bearer ${writer.key}` };
    const url = `${gateway.baseUrl}/v1/responses/resp_${message.subject}`;
    await eventually(async () => {
      expect((await request('GET', url, undefined, headers)).json).toMatchObject({ status: 'completed' });
    });
  });

  it('are for keys that may submit', async () => {
    const url = `${gateway.baseUrl.replace('http', 'ws')}/v1/responses`;
    const statusFor = async (headers: Record<string, string>) => {
      const socket = new WebSocket(url, { headers });
      const [, response] = await once(socket, 'unexpected-response');
      socket.on('error', () => undefined);
      socket.terminate();
      return response.statusCode;
    };
    expect(await statusFor({})).toBe(401);
    expect(await statusFor({ authorization: `Bearer ${reader.key}` })).toBe(403);
    const headers = { authorization: `Bearer ${writer.key}` };
    const plain = await fetch(`${gateway.baseUrl}/v1/responses`, { headers });
    expect([plain.status, plain.headers.get('allow')]).toEqual([405, 'POST']);
  });
});
