import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { type Gateway, request, type Servers, startGateway, startServers } from './gateway.rig.js';

let servers: Servers;
let gateway: Gateway;
let url: string;

beforeAll(async () => {
  servers = await startServers();
  gateway = await startGateway(servers);
  url = `${gateway.baseUrl}/api/v1/messages`;
});
afterAll(async () => {
  await gateway?.close();
  await servers?.stop();
});

const message = (at: number, more: object = {}) => ({ user_id: 'batch', content: `number ${at}`, ...more });
const submit = (messages: unknown) => request('POST', `${url}/batch`, { messages });

describe('POST /api/v1/messages/batch', () => {
  it('stores a thousand in their order, but for those that are wrong, and says of each what became of it', async () => {
    const wrong = new Map<number, unknown>([
      [3, message(3, { priority: 'urgent' })],
      [499, 'not a message'],
      [500, message(500, { model: 'nobody-has-it' })],
      [999, { user_id: 'batch' }],
    ]);
    const before = await gateway.log.lastSequence();
    const { status, json } = await submit(
      Array.from({ length: 1_000 }, (_, at) => wrong.get(at) ?? message(at)),
    );
    expect(status).toBe(200);
    expect(json).toMatchObject({ accepted: 996, rejected: 4 });
    expect(json.results.map((result: { index: number }) => result.index)).toEqual([...Array(1_000).keys()]);
    expect(json.results[0]).toEqual({
      ...{ index: 0, status: 202, id: expect.any(String), priority: 'normal', priority_reason: 'default' },
      created_at: expect.any(String),
    });
    expect(json.results[3]).toMatchObject({
      status: 422,
      error: { code: 'invalid_fields', field: 'priority' },
    });
    expect(json.results[499]).toMatchObject({
      status: 422,
      error: { code: 'invalid_fields', field: 'body' },
    });
    expect(json.results[500]).toMatchObject({
      status: 422,
      error: { code: 'unknown_model', field: 'model' },
    });
    expect(json.results[999]).toMatchObject({ status: 422, error: { field: 'content' } });
    expect(await receivedAfter(before)).toEqual(
      json.results.flatMap(({ id }: { id?: string }) => id ?? []).slice(0, 996),
    );
    await eventually(async () => {
      const last = await request('GET', `${url}/${json.results[998].id}`);
      expect(last).toMatchObject({ status: 200, json: { content: 'number 998' } });
    });
  });

  it.each([
    ['is no array', 'x'],
    ['is empty', []],
    ['is too long', Array.from({ length: 1_001 }, (_, at) => message(at))],
  ])('refuses a batch that %s, and stores nothing of it', async (_, messages) => {
    const before = await gateway.log.lastSequence();
    const refused = await submit(messages);
    expect(refused).toMatchObject({ status: 422, json: { code: 'invalid_fields', field: 'messages' } });
    expect(await gateway.log.lastSequence()).toBe(before);
  });

  it('fails as a whole while the broker is away', async () => {
    const impatient = await startGateway(servers, { nats: { append_timeout_ms: 5_000 } });
    await servers.nats.kill();
    const refused = await request('POST', `${impatient.baseUrl}/api/v1/messages/batch`, {
      messages: [message(1), 'wrong'],
    });
    expect(refused).toMatchObject({ status: 503, json: { code: 'log_unavailable' } });
    await servers.nats.restart();
    await impatient.close();
    await eventually(async () => expect((await submit([message(1)])).json.accepted).toBe(1));
  });
});

/** The ids of the messages that the log received, in its order. */
async function receivedAfter(sequence: number): Promise<string[]> {
  const last = await gateway.log.lastSequence();
  const reading = new AbortController();
  const ids: string[] = [];
  for await (const batch of gateway.log.read(sequence + 1, { signal: reading.signal, maxBatch: 1_000 })) {
    for (const { event } of batch) if (event.type === 'llmq.message.received.v1') ids.push(event.subject);
    if (batch[batch.length - 1]!.sequence >= last) reading.abort();
  }
  return ids;
}
