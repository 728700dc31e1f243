import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Kvm } from '@nats-io/kv';
import OpenAI from 'openai';
import { IDEMPOTENCY_BUCKET } from '../../src/broker/streams.js';
import {
  begun,
  connectTo,
  type Gateway,
  MODEL,
  request,
  type Servers,
  startGateway,
  startServers,
} from './gateway.rig.js';

let servers: Servers;
let gateway: Gateway;
let client: OpenAI;

beforeAll(async () => {
  servers = await startServers();
  gateway = await startGateway(servers);
  client = new OpenAI({ baseURL: `${gateway.baseUrl}/v1`, apiKey: 'none', maxRetries: 0 });
});
afterAll(async () => {
  await gateway?.close();
  await servers?.stop();
});

const question = { model: MODEL, input: 'Hi' };

const begin = <T>(ask: () => Promise<T>) => begun(gateway, ask);

/** A response that is answered. */
async function answered(
  body: Omit<OpenAI.Responses.ResponseCreateParamsNonStreaming, 'model'>,
  content: string,
): Promise<OpenAI.Responses.Response> {
  const { answer, message } = await begin(() => client.responses.create({ ...question, ...body }));
  await gateway.worker.complete(message, { content });
  return answer;
}

describe('a response that goes on from another one', () => {
  it('names it, and is told so', async () => {
    const first = await answered({ input: 'One' }, 'Yes');
    const { answer, message } = await begin(() =>
      client.responses.create({ ...question, previous_response_id: first.id }),
    );
    expect(message.data).toMatchObject({ request: { behind: first.id.slice(5) }, conversation_id: null });
    await gateway.worker.complete(message, { content: 'Two' });
    expect(await answer).toMatchObject({ previous_response_id: first.id });
    expect(await client.responses.retrieve((await answer).id)).toMatchObject({
      ...{ status: 'completed', previous_response_id: first.id },
    });
  });

  it('needs one that is stored, and has ended', async () => {
    const waiting = await begin(() => client.responses.create({ ...question, background: true }));
    const { id } = await waiting.answer;
    const after = (previous: string) =>
      client.responses.create({ ...question, previous_response_id: previous });
    await expect(after(id)).rejects.toMatchObject({ status: 400, param: 'previous_response_id' });
    await client.responses.delete(id);
    await expect(after(id)).rejects.toMatchObject({ status: 400, param: 'previous_response_id' });
  });
});

describe('a conversation', () => {
  it('in which nothing was said needs something new, and takes nothing in without it', async () => {
    const { id } = await client.conversations.create();
    const spoken = (conversation: string, more: object = {}) =>
      client.responses.create({ model: MODEL, conversation, background: true, ...more });
    // The second is a new one, by an id of the client's own.
    for (const name of [id, 'nobody-spoke-here']) {
      await expect(spoken(name)).rejects.toMatchObject({
        ...{ status: 400, param: 'input', type: 'invalid_request_error' },
      });
    }
    expect(await request('GET', `${gateway.baseUrl}/api/v1/conversations/${id.slice(5)}`)).toMatchObject({
      json: { message_count: 0 },
    });
    expect((await request('GET', `${gateway.baseUrl}/api/v1/conversations/nobody-spoke-here`)).status).toBe(
      404,
    );
    expect(await spoken(id, { instructions: 'Greet.' })).toMatchObject({ status: 'queued' });
    expect(await spoken(id)).toMatchObject({ status: 'queued' });
  });

  it('is made, read, changed and deleted', async () => {
    const made = await client.conversations.create({ metadata: { topic: 'cats' } });
    expect(made).toMatchObject({ object: 'conversation', metadata: { topic: 'cats' } });
    expect(made.id).toMatch(/^conv_/);
    expect(await client.conversations.retrieve(made.id)).toEqual(made);
    expect(await client.conversations.update(made.id, { metadata: { topic: 'dogs' } })).toEqual({
      ...made,
      metadata: { topic: 'dogs' },
    });
    expect(await client.conversations.delete(made.id)).toEqual({
      ...{ id: made.id, object: 'conversation.deleted', deleted: true },
    });
    await expect(client.conversations.retrieve(made.id)).rejects.toMatchObject({ status: 404 });
  });

  it('holds the responses that name it, which are its turns over REST too', async () => {
    const { id } = await client.conversations.create();
    const first = await answered({ input: 'One', conversation: id }, 'Yes');
    expect(first.conversation).toEqual({ id });
    const second = await answered({ input: 'Two', conversation: { id } }, 'No');
    await gateway.projected();
    const turns = await request('GET', `${gateway.baseUrl}/api/v1/conversations/${id.slice(5)}/messages`);
    expect(turns.json.data.map((turn: { id: string }) => `resp_${turn.id}`).sort()).toEqual(
      [first.id, second.id].sort(),
    );
    const items = await client.conversations.items.list(id, { order: 'asc' });
    expect(items.data).toMatchObject([
      { role: 'user', content: [{ type: 'input_text', text: 'One' }] },
      { role: 'assistant', content: [{ type: 'output_text', text: 'Yes' }] },
      { role: 'user', content: [{ type: 'input_text', text: 'Two' }] },
      { role: 'assistant', content: [{ type: 'output_text', text: 'No' }] },
    ]);
    const [, item] = items.data;
    expect(await client.conversations.items.retrieve(item!.id!, { conversation_id: id })).toEqual(item);
    const ids: string[] = [];
    for await (const each of client.conversations.items.list(id, { limit: 3 })) ids.push(each.id!);
    expect(ids).toEqual(items.data.map((each) => each.id).reverse());
  });

  it('pages through many turns, in both directions', async () => {
    const { id } = await client.conversations.create();
    for (let at = 0; at < 12; at += 1) await answered({ input: `Q${at}`, conversation: id }, `A${at}`);
    const texts = async (order: 'asc' | 'desc', limit: number) => {
      const said: string[] = [];
      for await (const item of client.conversations.items.list(id, { order, limit })) {
        said.push((item as { content: { text: string }[] }).content[0]!.text);
      }
      return said;
    };
    const all = Array.from({ length: 12 }, (_, at) => [`Q${at}`, `A${at}`]).flat();
    expect(await texts('asc', 5)).toEqual(all);
    expect(await texts('desc', 7)).toEqual([...all].reverse());
  });

  it('takes what was said elsewhere, as items of their own', async () => {
    const { id } = await client.conversations.create({
      items: [{ role: 'user', content: 'I am Ann.' }],
    });
    const added = await client.conversations.items.create(id, {
      items: [
        { type: 'message', role: 'assistant', content: 'Hello Ann.' },
        { type: 'function_call', call_id: 'c1', name: 'f', arguments: '{}' },
        { type: 'function_call_output', call_id: 'c1', output: 'done' },
      ],
    });
    expect(added.data.map(({ type }) => type)).toEqual([
      ...['message', 'function_call', 'function_call_output'],
    ]);
    const listed = await client.conversations.items.list(id, { order: 'asc' });
    expect(listed.data.slice(1)).toEqual(added.data);
    expect(listed.data[0]).toMatchObject({ role: 'user', content: [{ text: 'I am Ann.' }] });
    const [first] = added.data;
    expect(await client.conversations.items.delete(first!.id!, { conversation_id: id })).toMatchObject({
      ...{ id, object: 'conversation' },
    });
    expect((await client.conversations.items.list(id)).data).toHaveLength(3);
    const { output } = await answered({ conversation: id }, 'Yes');
    await expect(
      client.conversations.items.delete(output[0]!.id!, { conversation_id: id }),
    ).rejects.toMatchObject({ status: 400, param: 'item_id' });
    await expect(
      client.conversations.items.create(id, { items: [{ type: 'item_reference', id: 'x' }] }),
    ).rejects.toMatchObject({ status: 400, param: 'items[0].type' });
  });

  it('is made once under a key, with its items, and none of it stays there', async () => {
    const keyed = (path: string, body: unknown, key: string) =>
      request('POST', `${gateway.baseUrl}/v1/conversations${path}`, body, { 'idempotency-key': key });
    const create = () =>
      keyed('', { metadata: { topic: 'kept words' }, items: [{ role: 'user', content: 'kept words' }] }, 'c');
    const made = await create();
    expect((await create()).json).toEqual(made.json);
    const { id } = made.json;
    const add = () => keyed(`/${id}/items`, { items: [{ role: 'user', content: 'kept words' }] }, 'i');
    const added = await add();
    const again = await add();
    expect(again.json).toEqual(added.json);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect((await client.conversations.items.list(id)).data).toHaveLength(2);
    const other = await keyed(`/${id}/items`, { items: [{ role: 'user', content: 'other' }] }, 'i');
    expect(other).toMatchObject({ status: 422, json: { error: { code: 'idempotency_key_reused' } } });
    expect(await underKeys()).not.toContain('kept words');
    await client.conversations.items.delete(added.json.data[0].id, { conversation_id: id });
    expect((await add()).status).toBe(404);
    await client.conversations.delete(id);
    expect((await create()).status).toBe(404);
  });

  async function underKeys(): Promise<string> {
    const nats = await connectTo(servers.nats);
    const bucket = await new Kvm(nats).open(IDEMPOTENCY_BUCKET);
    const values: string[] = [];
    for await (const key of await bucket.keys()) values.push((await bucket.get(key))?.string() ?? '');
    await nats.close();
    return values.join('\n');
  }

  it('is not made where what it is to hold is too large', async () => {
    const user = 'large';
    const items = [{ role: 'user', content: 'x'.repeat(2 * 1024 * 1024) }];
    const headers = { 'x-llmq-user-id': user };
    const { status } = await request('POST', `${gateway.baseUrl}/v1/conversations`, { items }, headers);
    expect(status).toBe(413);
    const made = await request('GET', `${gateway.baseUrl}/api/v1/conversations?user_id=${user}`);
    expect(made.json.data).toEqual([]);
  });

  it('that is not there is told so', async () => {
    const nobody = 'conv_019a0000-0000-7000-8000-000000000001';
    await expect(client.conversations.retrieve(nobody)).rejects.toMatchObject({ status: 404 });
    await expect(client.responses.create({ ...question, conversation: nobody })).rejects.toMatchObject({
      param: expect.stringContaining('conversation'),
    });
    const { id } = await client.conversations.create();
    await expect(client.conversations.items.retrieve('msg_1', { conversation_id: id })).rejects.toMatchObject(
      { status: 404 },
    );
    const unknown = await request('POST', `${gateway.baseUrl}/v1/conversations`, { title: 'x' });
    expect(unknown).toMatchObject({ status: 400, json: { error: { param: 'title' } } });
  });
});
