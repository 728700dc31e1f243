import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { type ObjectStore, Objm } from '@nats-io/obj';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { LOST } from '../../src/domain/message/large-text.policy.js';
import { eventually } from '../support/eventually.js';
import { type RunningService, startService } from '../support/service.js';
import { serviceAddresses } from '../support/service-addresses.js';
import { type StrictChatServer, startStrictChatServer } from '../support/strict-chat-server.js';

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes.
type Json = any;

const MIB = 1024 * 1024;

describe('pictures that are too large for the log', () => {
  let server: StrictChatServer;
  let service: RunningService;
  let nats: NatsConnection;
  let store: ObjectStore;

  beforeAll(async () => {
    server = await startStrictChatServer(1_000_000_000);
    const endpoints = [{ name: 'strict', base_url: server.url, models: ['m'], max_concurrency: 8 }];
    const queue = { max_content_bytes: 20 * MIB };
    const conversation = { sweep_interval_ms: 100 };
    service = await startService({ config: { endpoints, queue, conversation } });
    const { url, user, password } = (await serviceAddresses(service.dataDir)).nats;
    nats = await connect({ servers: url, user, pass: password });
    store = await new Objm(jetstream(nats)).open('llmq_parts');
  });
  afterAll(async () => {
    await nats?.close();
    await service?.stop();
    await server?.close();
  });

  async function call(
    method: string,
    path: string,
    body?: object,
    more: Record<string, string> = {},
  ): Promise<Json> {
    const response = await fetch(`${service.baseUrl}${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      headers: body === undefined ? {} : { 'content-type': 'application/json', ...more },
    });
    const text = await response.text();
    return text === '' ? null : JSON.parse(text);
  }

  const show = (bytes: number) => {
    const url = `data:image/jpeg;base64,${randomBytes(Math.floor(bytes * 0.75)).toString('base64')}`;
    return [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is it?' },
          { type: 'image_url', image_url: { url } },
        ],
      },
    ];
  };
  const send = async (messages: Json, more: object = {}, path = '/api/v1/messages') =>
    (await call('POST', path, { user_id: 'u', messages, ...more })).id as string;
  const ended = (id: string) => call('GET', `/api/v1/messages/${id}?wait=60s`);
  const logged = async (id: string) => (await call('GET', `/api/v1/messages/${id}/events`)).data;
  const stored = async () => {
    const { state } = await (await jetstreamManager(nats)).streams.info('OBJ_llmq_parts', {
      subjects_filter: '$O.*.C.>',
    });
    return Object.keys(state.subjects ?? {}).length;
  };

  it('reach the model and are shown again, and the log holds their digest', async () => {
    const messages = show(5 * MIB);
    const id = await send(messages);
    expect(await ended(id)).toMatchObject({ status: 'completed', messages });
    expect(server.answered.at(-1)).toEqual(messages);
    const events = await logged(id);
    expect(JSON.stringify(events).length).toBeLessThan(20_000);
    expect(events[0].data.request.large).toMatchObject({
      parts: [{ at: '/messages/0/content/1/image_url/url', bytes: expect.any(Number) }],
    });
    const { data } = await call('GET', '/api/v1/messages?limit=1');
    expect(data[0].large_parts).toEqual([
      { at: '/messages/0/content/1/image_url/url', bytes: expect.any(Number) },
    ]);
  });

  it('may be as large as photos are, also under /v1', async () => {
    const messages = show(19 * MIB);
    const answer = await call('POST', '/v1/chat/completions', { model: 'm', messages });
    expect(answer.choices[0].finish_reason).toBe('stop');
    expect(server.answered.at(-1)).toEqual(messages);
    const refused = await call('POST', '/api/v1/messages', { user_id: 'u', messages: show(21 * MIB) });
    expect(refused.code).toBe('content_too_large');
  });

  it('are sent again with later turns, and are gone with their conversation', async () => {
    const before = await stored();
    const { id } = await call('POST', '/api/v1/conversations', { user_id: 'u', title: 't' });
    const path = `/api/v1/conversations/${id}/messages`;
    const messages = show(2 * MIB);
    await ended(await send(messages, {}, path));
    expect((await ended(await send([{ role: 'user', content: 'And now?' }], {}, path))).status).toBe(
      'completed',
    );
    expect(server.answered.at(-1)![0]).toEqual(messages[0]);
    expect(await stored()).toBe(before + 1);
    await call('DELETE', `/api/v1/conversations/${id}`);
    await eventually(async () => expect(await stored()).toBe(before));
  });

  it('that are lost are told: in a later turn, to a reader, and by the end of their own message', async () => {
    const { id } = await call('POST', '/api/v1/conversations', { user_id: 'u', title: 't' });
    const path = `/api/v1/conversations/${id}/messages`;
    const shown = await send(show(MIB), {}, path);
    await ended(shown);
    await store.delete(shown);
    expect((await ended(await send([{ role: 'user', content: 'And now?' }], {}, path))).status).toBe(
      'completed',
    );
    expect(server.answered.at(-1)![0].content[1]).toEqual({ type: 'text', text: LOST });
    expect((await call('GET', `/api/v1/messages/${shown}`)).large_parts).toHaveLength(1);
    const later = await send(show(MIB), { delay: '40s' });
    await store.delete(later);
    expect(await ended(later)).toMatchObject({ status: 'failed', error: { code: 'parts_missing' } });
  });
});
