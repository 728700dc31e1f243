import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { type Gateway, MODEL, request, type Servers, startGateway, startServers } from './gateway.rig.js';

let servers: Servers;
let gateway: Gateway | undefined;
let url: string;

beforeAll(async () => {
  servers = await startServers();
});
afterEach(async () => {
  await gateway?.close();
});
afterAll(async () => {
  await servers?.stop();
});

async function start(overrides: Record<string, unknown>): Promise<void> {
  gateway = await startGateway(servers, overrides);
  url = `${gateway.baseUrl}/api/v1/messages`;
}

const post = () => request('POST', url, { user_id: 'u', content: 'x' });

it('says in time that nothing can be stored while NATS is away, and serves again when it is back', async () => {
  await start({ nats: { append_timeout_ms: 3_000 } });
  await servers.nats.kill();
  const refused = await post();
  expect(refused).toMatchObject({ status: 503, json: { code: 'log_unavailable' } });
  expect(refused.headers.get('retry-after')).toBe('1');
  const chat = { model: MODEL, messages: [{ role: 'user', content: 'x' }] };
  const chatted = await request('POST', `${gateway!.baseUrl}/v1/chat/completions`, chat);
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
  await start({ projection: { read_wait_ms: 2_000 } });
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
  await start({});
  const { log, worker, baseUrl } = gateway!;
  const before = await log.lastSequence();
  await servers.postgres.kill();
  const chat = { model: MODEL, messages: [{ role: 'user', content: 'x' }] };
  const answer = request('POST', `${baseUrl}/v1/chat/completions`, chat);
  await worker.complete(await worker.received(before), { content: 'without it' });
  expect((await answer).json.choices[0].message.content).toBe('without it');
  await servers.postgres.restart();
});
