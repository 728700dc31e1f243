import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type NatsConnection, nanos } from '@nats-io/transport-node';
import { v7 as uuidv7 } from 'uuid';
import { connectNats } from '../../src/broker/connect-nats.js';
import { DEDUPE_WINDOW_MS } from '../../src/broker/streams.js';
import { configSchema } from '../../src/platform/config/config.schema.js';
import type { ServiceConfig } from '../../src/platform/config/service-config.js';
import { derivedId, digestOf, fingerprintOf } from '../../src/submission/idempotency/digest.js';
import { ReservationStore } from '../../src/submission/idempotency/nats/reservation-store.js';
import { eventually } from '../support/eventually.js';
import { jetstreamManager } from '../support/jetstream.js';
import { silentLogger } from '../support/silent-logger.js';
import { type Gateway, MODEL, request, type Servers, startGateway, startServers } from './gateway.rig.js';

let servers: Servers;
let gateways: Gateway[];
let connection: NatsConnection;
let store: ReservationStore;

beforeAll(async () => {
  servers = await startServers();
  const { url, user, password } = servers.nats;
  const nats = { url, user, password, append_timeout_ms: 30_000 };
  gateways = [await startGateway(servers), await startGateway(servers)];
  const config = configSchema.parse({ nats });
  connection = await connectNats(config, silentLogger);
  store = new ReservationStore(connection, config as unknown as ServiceConfig);
});
afterAll(async () => {
  await connection?.close();
  for (const gateway of gateways ?? []) await gateway.close();
  await servers?.stop();
});

const PATH = '/api/v1/messages';
const BODY = { user_id: 'u', content: 'once' };
const send = (key: string, body: unknown = BODY, at = 0, path = PATH) =>
  request('POST', `${gateways[at]!.baseUrl}${path}`, body, { 'idempotency-key': key });

describe('Idempotency-Key', () => {
  it('has 100 requests on two processes carried out once, all with the first response', async () => {
    const before = await gateways[0]!.log.lastSequence();
    const answers = await Promise.all(Array.from({ length: 100 }, (_, at) => send('hundred', BODY, at % 2)));
    const [first] = answers;
    expect(await receivedAfter(before)).toEqual([first!.json.id]);
    for (const { status, headers, json } of answers) {
      expect({ status, json, location: headers.get('location') }).toEqual({
        ...{ status: 202, json: first!.json, location: `${PATH}/${first!.json.id}` },
      });
      expect(headers.get('idempotency-key-ttl')).toBe('86400');
    }
    expect(answers.filter(({ headers }) => headers.get('idempotency-replayed') === null)).toHaveLength(1);
    // A client may write the same request differently.
    expect((await send('hundred', { content: 'once', user_id: 'u' })).json).toEqual(first!.json);
  });

  it('belongs to one request: another one is refused, on every process', async () => {
    await send('reused');
    for (const at of [0, 1]) {
      const refused = await send('reused', { ...BODY, content: 'twice' }, at);
      expect(refused).toMatchObject({ status: 422, json: { code: 'idempotency_key_reused' } });
    }
    expect((await send('reused', { messages: [BODY] }, 0, `${PATH}/batch`)).status).toBe(200);
  });

  it('is remembered longer than the broker remembers what it stored', async () => {
    const { streams } = await jetstreamManager(connection);
    await streams.update('LLMQ_EVENTS', { duplicate_window: nanos(1_000) });
    const seed = uuidv7();
    await reserve('long-ago', { state: 'uncertain', seed });
    const first = await send('long-ago');
    const before = await gateways[0]!.log.lastSequence();
    await sleep(1_500);
    expect((await send('long-ago', BODY, 1)).json).toEqual(first.json);
    // Nor is it stored again where what came of the first one is not known.
    await reserve('long-ago-too', { state: 'uncertain', seed });
    expect((await send('long-ago-too')).json).toMatchObject({ id: first.json.id });
    expect(await gateways[0]!.log.lastSequence()).toBe(before);
    await streams.update('LLMQ_EVENTS', { duplicate_window: nanos(DEDUPE_WINDOW_MS) });
  });

  it('refuses what is no key', async () => {
    for (const key of ['x'.repeat(256), 'é']) {
      expect(await send(key)).toMatchObject({ status: 400, json: { code: 'invalid_idempotency_key' } });
    }
  });

  it('is free again after a refusal, which left nothing', async () => {
    expect((await send('corrected', { user_id: 'u' })).status).toBe(422);
    expect((await send('corrected')).status).toBe(202);
  });

  it('gives a batch its first results again', async () => {
    const messages = [BODY, { user_id: 'u' }, BODY];
    const first = await send('batch', { messages }, 0, `${PATH}/batch`);
    expect(first.json).toMatchObject({ accepted: 2, rejected: 1 });
    const again = await send('batch', { messages }, 1, `${PATH}/batch`);
    expect(again.json).toEqual(first.json);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
  });

  it('is taken over from a process that died before it stored anything', async () => {
    await reserve('died', { state: 'running', seed: uuidv7(), beat: 0 });
    const before = await gateways[0]!.log.lastSequence();
    const [one, other] = await Promise.all([send('died', BODY, 0), send('died', BODY, 1)]);
    expect(one).toMatchObject({ status: 202, json: other.json });
    expect(await receivedAfter(before)).toEqual([one.json.id]);
  });

  it('finds what was stored before the outcome became unknown, and does the rest', async () => {
    const seed = uuidv7();
    const messages = [BODY, BODY];
    await reserve('uncertain', { state: 'uncertain', seed }, { messages }, `${PATH}/batch`);
    // The first of the two, as an earlier run would have stored it.
    await reserve('helper', { state: 'uncertain', seed });
    const there = await send('helper');
    expect(there.json.id).toBe(derivedId(seed, 0));
    const before = await gateways[0]!.log.lastSequence();
    const { json } = await send('uncertain', { messages }, 1, `${PATH}/batch`);
    expect(json.results.map(({ id }: { id: string }) => id)).toEqual([0, 1].map((at) => derivedId(seed, at)));
    expect(json.results[0].created_at).toBe(there.json.created_at);
    expect(await receivedAfter(before)).toEqual([derivedId(seed, 1)]);
  });

  it('makes a conversation, and a message of it, once though the first outcome is unknown', async () => {
    const path = '/api/v1/conversations';
    const seed = uuidv7();
    const wanted = { user_id: 'conversing', title: 'once' };
    for (const key of ['unknown-1', 'unknown-2'])
      await reserve(key, { state: 'uncertain', seed }, wanted, path);
    const made = await send('unknown-1', wanted, 0, path);
    const again = await send('unknown-2', wanted, 1, path);
    expect(again).toMatchObject({ status: 201, json: { ...made.json, id: derivedId(seed, 0) } });
    const list = await request('GET', `${gateways[0]!.baseUrl}${path}?user_id=conversing`);
    expect(list.json.data).toHaveLength(1);

    const messages = `${path}/${made.json.id}/messages`;
    const other = uuidv7();
    const turn = { content: 'once' };
    for (const key of ['turn-1', 'turn-2'])
      await reserve(key, { state: 'uncertain', seed: other }, turn, messages);
    const before = await gateways[0]!.log.lastSequence();
    const turns = [await send('turn-1', turn, 0, messages), await send('turn-2', turn, 1, messages)];
    expect(turns.map(({ status, json }) => [status, json.id])).toEqual(
      [1, 2].map(() => [202, derivedId(other, 0)]),
    );
    expect(await receivedAfter(before)).toEqual([derivedId(other, 0)]);
  });

  it('joins a chat to its first message, while it runs and when it is answered', async () => {
    const chat = { model: MODEL, messages: [{ role: 'user', content: 'x' }] };
    const ask = (at: number) => send('chat', chat, at, '/v1/chat/completions');
    const before = await gateways[0]!.log.lastSequence();
    const both = [ask(0), ask(1)];
    const { worker } = gateways[0]!;
    await worker.complete(await worker.received(before), { content: 'the answer' });
    const [one, other] = await Promise.all(both);
    expect(one!.json.choices[0].message.content).toBe('the answer');
    expect(other!.json).toEqual(one!.json);
    expect((await ask(1)).json).toEqual(one!.json);
    expect(await receivedAfter(before)).toHaveLength(1);
  });

  it('streams the answer of the first message again', async () => {
    const chat = { model: MODEL, messages: [{ role: 'user', content: 'x' }], stream: true };
    const ask = (at: number) => send('stream', chat, at, '/v1/chat/completions');
    const before = await gateways[0]!.log.lastSequence();
    const first = ask(0);
    const { worker } = gateways[0]!;
    const message = await worker.received(before);
    worker.piece(message.subject, 1, { content: 'piece by ' });
    worker.piece(message.subject, 2, { content: 'piece' });
    await worker.complete(message, { content: 'piece by piece' });
    expect(textOf((await first).json)).toBe('piece by piece');
    const again = await ask(1);
    expect(textOf(again.json)).toBe('piece by piece');
    expect(again.json).toContain(`"chatcmpl-${message.subject}"`);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
  });

  it('stores nothing while the broker is away, says so, and serves the same key afterwards', async () => {
    const impatient = await startGateway(servers, { nats: { append_timeout_ms: 5_000 } });
    await servers.nats.kill();
    const refused = await request('POST', `${impatient.baseUrl}${PATH}`, BODY, { 'idempotency-key': 'away' });
    expect(refused).toMatchObject({ status: 503, json: { code: 'log_unavailable' } });
    await servers.nats.restart();
    await impatient.close();
    const before = await eventually(() => gateways[0]!.log.lastSequence());
    const { json } = await eventually(async () => {
      const accepted = await send('away');
      expect(accepted.status).toBe(202);
      return accepted;
    });
    expect(await receivedAfter(before)).toEqual([json.id]);
  });
});

async function reserve(key: string, state: object, body: unknown = BODY, path = PATH): Promise<void> {
  const reservation = { ...state, fingerprint: fingerprintOf(['', body, null]) };
  await store.write(digestOf(['default', 'POST', path, key]), reservation as never, 0);
}

function textOf(stream: string): string {
  const data = stream.split('\n').filter((line) => line.startsWith('data: {'));
  return data.map((line) => JSON.parse(line.slice(6)).choices[0]?.delta?.content ?? '').join('');
}

/** The ids of the messages that the log received behind this sequence. */
async function receivedAfter(sequence: number): Promise<string[]> {
  const { log } = gateways[0]!;
  const last = await log.lastSequence();
  const reading = new AbortController();
  const ids: string[] = [];
  if (last <= sequence) return ids;
  for await (const batch of log.read(sequence + 1, { signal: reading.signal, maxBatch: 1_000 })) {
    for (const { event } of batch) if (event.type === 'llmq.message.received.v1') ids.push(event.subject);
    if (batch[batch.length - 1]!.sequence >= last) reading.abort();
  }
  return ids;
}
