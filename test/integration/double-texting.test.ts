import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NatsConnection } from '@nats-io/transport-node';
import { Claims } from '../../src/conversations/nats/claims.js';
import { eventually } from '../support/eventually.js';
import {
  type Answer,
  connectTo,
  type Gateway,
  request,
  type Servers,
  startGateway,
  startServers,
} from './gateway.rig.js';

let servers: Servers;
/** Two processes in all that counts: with connections, readers and claims of their own. */
let gateways: Gateway[];
let nats: NatsConnection;

beforeAll(async () => {
  servers = await startServers();
  const config = { queue: { levels: { low: { max_size: 1 } } } };
  gateways = [await startGateway(servers, config), await startGateway(servers, config)];
  nats = await connectTo(servers.nats);
});
afterAll(async () => {
  for (const gateway of gateways ?? []) await gateway.close();
  await nats?.close();
  await servers?.stop();
});

const call = (at: number, method: string, path: string, body?: unknown) =>
  request(method, `${gateways[at % 2]!.baseUrl}/api/v1${path}`, body);
const conversation = async (mode: string): Promise<string> =>
  (await call(0, 'POST', '/conversations', { user_id: 'u', double_texting: mode })).json.id;
const send = (at: number, id: string, more: object = {}) =>
  call(at, 'POST', `/conversations/${id}/messages`, { content: `message ${at}`, ...more });
const statusOf = async (id: string) => (await call(0, 'GET', `/messages/${id}`)).json.status;

async function answer(id: string): Promise<void> {
  const [first] = gateways;
  await first!.worker.complete(await first!.worker.receivedAs(id), { content: 'answer' });
}

describe('messages that are sent while a turn is open, to a conversation that rejects them', () => {
  it('are refused but for one, however many come to several processes at once', async () => {
    const id = await conversation('reject');
    for (let round = 0; round < 3; round += 1) {
      const answers = await Promise.all(Array.from({ length: 50 }, (_, at) => send(at, id)));
      const accepted = answers.filter(({ status }) => status === 202);
      const codes = new Set(answers.map(({ status, json }) => `${status} ${json.code}`));
      expect(accepted).toHaveLength(1);
      expect(codes).toEqual(new Set(['202 undefined', '409 turn_open']));
      await answer(accepted[0]!.json.id);
    }
    expect((await call(0, 'GET', `/conversations/${id}/messages`)).json.data).toHaveLength(3);
  });

  it('get in again after a process died over one that it had let in, once that can not come any more', async () => {
    const id = await conversation('reject');
    const lost = '01900000-0000-7000-8000-00000000dead';
    const claims = new Claims(nats, { nats: { append_timeout_ms: 30_000 } });
    const until = (ms: number) => ({ holder: lost, until: Date.now() + ms });
    const revision = await claims.write('turn', id, until(120_000), 0);
    expect(await send(0, id)).toMatchObject({ status: 409, json: { code: 'turn_open' } });
    // Time passes.
    expect(await claims.write('turn', id, until(0), revision!)).not.toBeNull();
    await eventually(async () => expect((await send(1, id)).status).toBe(202));
  });

  it('are not kept out by one that its lane had no room for', async () => {
    const id = await conversation('reject');
    const filler = await send(0, await conversation('enqueue'), { priority: 'low' });
    expect(await send(0, id, { priority: 'low' })).toMatchObject({
      status: 429,
      json: { code: 'queue_full' },
    });
    expect((await send(1, id, { priority: 'normal' })).status).toBe(202);
    await call(0, 'DELETE', `/messages/${filler.json.id}`);
  });
});

describe('the items of a batch', () => {
  const batch = async (items: readonly object[]): Promise<Answer['json'][]> => {
    const messages = items.map((item) => ({ user_id: 'u', content: 'x', ...item }));
    return (await call(0, 'POST', '/messages/batch', { messages })).json.results;
  };

  it('find those before them open, where they are to be rejected', async () => {
    const [fresh, other, busy] = [
      await conversation('reject'),
      await conversation('enqueue'),
      await conversation('reject'),
    ];
    expect((await send(0, busy)).status).toBe(202);
    const results = await batch([
      { conversation_id: fresh },
      { conversation_id: fresh },
      { conversation_id: fresh, double_texting: 'enqueue' },
      { conversation_id: other },
      { conversation_id: other, double_texting: 'reject' },
      { conversation_id: busy },
    ]);
    expect(results.map(({ status }) => status)).toEqual([202, 409, 202, 202, 409, 409]);
    expect(results[1].error).toMatchObject({ code: 'turn_open' });
    expect(JSON.stringify(results[1])).toContain(results[0].id);
  });

  it('find those not open that their lanes had no room for', async () => {
    const id = await conversation('enqueue');
    const filler = await send(0, await conversation('enqueue'), { priority: 'low' });
    const results = await batch([
      { conversation_id: id, priority: 'low' },
      { conversation_id: id, double_texting: 'reject' },
    ]);
    expect(results.map(({ status }) => status)).toEqual([429, 202]);
    await call(0, 'DELETE', `/messages/${filler.json.id}`);
  });

  it('interrupt those before them, and not those behind', async () => {
    const id = await conversation('enqueue');
    const waiting = (await send(0, id)).json.id;
    const results = await batch([
      { conversation_id: id },
      { conversation_id: id, double_texting: 'interrupt' },
      { conversation_id: id },
      { conversation_id: id, double_texting: 'interrupt' },
      { conversation_id: id },
    ]);
    expect(results.map(({ status }) => status)).toEqual([202, 202, 202, 202, 202]);
    await gateways[0]!.projected();
    const statuses = await Promise.all([waiting, ...results.map((result) => result.id)].map(statusOf));
    expect(statuses).toEqual([...Array(4).fill('cancelled'), 'pending', 'pending']);
  });
});
