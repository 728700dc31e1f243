import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { type Gateway, MODEL, request, type Servers, startGateway, startServers } from './gateway.rig.js';

let servers: Servers;
let gateway: Gateway;
let url: string;

beforeAll(async () => {
  servers = await startServers();
  gateway = await startGateway(servers, {
    nats: {
      ...{ url: servers.nats.url, user: servers.nats.user, password: servers.nats.password },
      append_timeout_ms: 3_000,
    },
    projection: { read_wait_ms: 2_000 },
  });
  url = `${gateway.baseUrl}/api/v1/messages`;
});
afterAll(async () => {
  await gateway?.close();
  await servers?.stop();
});

const post = () => request('POST', url, { user_id: 'u', content: 'x' });

it('says in time that nothing can be stored while NATS is away, and serves again when it is back', async () => {
  await servers.nats.kill();
  const refused = await post();
  expect(refused).toMatchObject({ status: 503, json: { code: 'log_unavailable' } });
  expect(refused.headers.get('retry-after')).toBe('1');
  const chat = { model: MODEL, messages: [{ role: 'user', content: 'x' }] };
  const chatted = await request('POST', `${gateway.baseUrl}/v1/chat/completions`, chat);
  expect(chatted).toMatchObject({
    status: 503,
    json: { error: { type: 'server_error', code: 'log_unavailable' } },
  });
  await servers.nats.restart();
  const { json } = await eventually(async () => {
    const accepted = await post();
    expect(accepted.status).toBe(202);
    return accepted;
  });
  await eventually(async () => expect((await request('GET', `${url}/${json.id}`)).status).toBe(200));
});

it('accepts while PostgreSQL is away, tells reads to come back, and shows everything when it is back', async () => {
  await servers.postgres.kill();
  const { status, json } = await post();
  expect(status).toBe(202);
  for (const path of [`/${json.id}`, `/${json.id}?wait=1s`, '']) {
    const refused = await request('GET', url + path);
    expect(refused).toMatchObject({ status: 503, json: { code: 'projection_unavailable' } });
    expect(refused.headers.get('retry-after')).toBe('1');
  }
  await servers.postgres.restart();
  await eventually(async () => expect((await request('GET', `${url}/${json.id}`)).status).toBe(200));
});

it('answers a chat while PostgreSQL is away', async () => {
  const before = await gateway.log.lastSequence();
  await servers.postgres.kill();
  const chat = { model: MODEL, messages: [{ role: 'user', content: 'x' }] };
  const answer = request('POST', `${gateway.baseUrl}/v1/chat/completions`, chat);
  await gateway.worker.complete(await gateway.worker.received(before), { content: 'without it' });
  expect((await answer).json.choices[0].message.content).toBe('without it');
  await servers.postgres.restart();
});
