import { get as httpGet, type IncomingMessage } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { v7 as uuidv7 } from 'uuid';
import type { MessageEvent } from '../../src/domain/message/message.events.js';
import { verifyLog } from '../../src/operations/verify/verify-log.js';
import { newApiKey } from '../../src/platform/security/api-key.js';
import {
  EventIndex,
  eventsOfConversationSql,
  eventsOfMessageSql,
} from '../../src/projection/read/event-index.js';
import { ProjectedMessages } from '../../src/projection/read/projected-messages.js';
import { eventually } from '../support/eventually.js';
import { jetstreamManager } from '../support/jetstream.js';
import { type Gateway, request, type Servers, startGateway, startServers } from './gateway.rig.js';
import { attemptFailed, cancelled, completed, dispatched, life, received } from './projection.fixture.js';

const admin = newApiKey({ name: 'root', role: 'admin', tenant: 'red' });
const client = newApiKey({ name: 'shop', role: 'client', tenant: 'red' });
const stranger = newApiKey({ name: 'other', role: 'admin', tenant: 'blue' });

let servers: Servers;
let gateway: Gateway;

beforeAll(async () => {
  servers = await startServers();
  gateway = await startGateway(servers, {
    security: { api_keys: [admin.config, client.config, stranger.config] },
  });
});
afterAll(async () => {
  await gateway?.close();
  await servers?.stop();
});

const get = (path: string, key = client.key) =>
  request('GET', `${gateway.baseUrl}/api/v1/${path}`, undefined, { authorization: `Bearer ${key}` });

const red = { tenant: 'red', userId: 'ann', conversationId: 'talk' };

describe('the timeline', () => {
  const id = uuidv7();

  beforeAll(async () => {
    await gateway.log.append(received(id, red));
    await gateway.log.append([dispatched(id, 1, 1, red), ...attemptFailed(id, 1, 1, red)]);
    await gateway.log.append([cancelled(id, red)]);
    // A message that is known is read as it is; nobody waits for what came after it.
    await eventually(async () => expect((await get(`messages/${id}`)).json.status).toBe('cancelled'));
  });

  it('has every event of a message with its content, and words for each', async () => {
    const { status, json } = await get(`messages/${id}/events`);
    expect(status).toBe(200);
    expect(json.data.map(({ type }: { type: string }) => type.split('.')[2])).toEqual([
      ...['received', 'prioritized', 'dispatched', 'attempt-failed', 'scheduled', 'cancelled'],
    ]);
    expect(json.data[0]).toMatchObject({
      ...{ subject: id, text: expect.stringContaining('from user ann'), time: expect.any(String) },
      data: { request: { content: `question of ${id}` } },
    });
    const sequences = json.data.map(({ sequence }: { sequence: number }) => sequence);
    expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
    expect(json.data[5].text).toBe('Cancelled by user: changed mind.');
  });

  it('comes in pages', async () => {
    const first = (await get(`messages/${id}/events?limit=4`)).json;
    const rest = (await get(`messages/${id}/events?after=${first.next_after}`)).json;
    expect([first.data.length, rest.data.length, rest.next_after]).toEqual([4, 2, null]);
  });

  it("has a conversation's messages in one order", async () => {
    const later = uuidv7();
    await gateway.log.append(life(later, red));
    await gateway.projected();
    const { json } = await get('conversations/talk/events');
    expect(json.data.map(({ subject }: { subject: string }) => subject)).toEqual([
      ...Array(6).fill(id),
      ...Array(4).fill(later),
    ]);
    expect((await get(`conversations/talk/events?after=${json.data.at(-1).sequence}`)).json).toEqual({
      data: [],
      next_after: null,
    });
  });

  it("is not told of others' messages, nor for what is no id", async () => {
    expect((await get(`messages/${id}/events`, stranger.key)).status).toBe(404);
    expect((await get('conversations/talk/events', stranger.key)).status).toBe(404);
    expect((await get(`messages/${uuidv7()}/events`)).status).toBe(404);
    expect((await get('messages/x/events')).status).toBe(400);
    expect((await get(`messages/${id}/events?limit=0`)).json).toMatchObject({ status: 422, field: 'limit' });
  });

  it('is found by indexes, however many events there are', async () => {
    const { dataSource } = gateway;
    await dataSource.query(`
      INSERT INTO llmq.message_events
        SELECT md5(n::text)::uuid, 1000000000 + n, 'llmq.message.received.v1', now() FROM generate_series(1, 60000) n;
      INSERT INTO llmq.message_requests
        SELECT md5(n::text)::uuid, 1000000000 + n, 'green', 'u', 'c' || n % 1000, now(), '{}', '{}', null, 'rest', false, 1, null
        FROM generate_series(1, 30000) n;
      ANALYZE llmq.message_events; ANALYZE llmq.message_requests`);
    const plan = async (sql: string, parameters: unknown[]) =>
      JSON.stringify(await dataSource.query(`EXPLAIN ${sql}`, parameters));
    const ofMessage = await plan(eventsOfMessageSql('llmq'), [id, 0, 100]);
    expect(ofMessage).toContain('message_events_pkey');
    const ofConversation = await plan(eventsOfConversationSql('llmq'), ['green', 'c7', uuidv7(), 0, 100]);
    expect(ofConversation).toMatch(/message_requests_by_(conversation|turn)/);
    expect(ofMessage + ofConversation).not.toContain('Seq Scan');
  });
});

describe('the stream of events', () => {
  const ids = [uuidv7(), uuidv7(), uuidv7()];
  let noon = '';

  beforeAll(async () => {
    noon = new Date().toISOString();
    const now = (events: MessageEvent[]) =>
      events.map((event) => ({ ...event, time: new Date().toISOString() }));
    await gateway.log.append(now(life(ids[0]!, { ...red, userId: 'bob', conversationId: null })));
    await gateway.log.append(
      now(life(ids[1]!, { ...red, userId: 'bob', lane: 'low', conversationId: 'bobs' })),
    );
    await gateway.log.append(now(life(ids[2]!, { tenant: 'blue' })));
  });

  const stream = async (query: string, key = admin.key) => {
    const { status, headers, json: text } = await get(`audit/events?${query}`, key);
    expect([status, headers.get('content-type')]).toEqual([200, 'application/x-ndjson; charset=utf-8']);
    const lines = String(typeof text === 'string' ? text : JSON.stringify(text))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    return { events: lines.slice(0, -1), after: lines.at(-1).end.after as number };
  };

  it('has all of the own tenant and nothing of others, in order, and says where to go on', async () => {
    const { events, after } = await stream('');
    const sequences = events.map(({ sequence }) => sequence);
    expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
    expect(new Set(events.map(({ event }) => event.tenant))).toEqual(new Set(['red']));
    expect((await stream(`after=${sequences.at(-2)}`)).events).toEqual(events.slice(-1));
    expect(await stream(`after=${after}`)).toEqual({ events: [], after });
    expect((await stream('', stranger.key)).events.map(({ event }) => event.subject)).toEqual(
      Array(4).fill(ids[2]),
    );
  });

  it('filters by time, type, user, conversation, priority and message', async () => {
    const of = async (query: string) => (await stream(query)).events.map(({ event }) => event);
    expect(await of(`from=${noon}`)).toHaveLength(8);
    expect(await of(`to=${noon}&user_id=bob`)).toHaveLength(0);
    const completions = await of('type=completed,dead-lettered&user_id=bob');
    expect(completions.map(({ subject }) => subject)).toEqual(ids.slice(0, 2));
    expect((await of('conversation_id=bobs')).map(({ subject }) => subject)).toEqual(Array(4).fill(ids[1]));
    expect(await of('priority=low')).toHaveLength(4);
    expect((await of(`message_id=${ids[0]}&type=received`))[0]).toMatchObject({
      ...{ subject: ids[0], data: { user_id: 'bob' } },
    });
    expect(await of(`message_id=${ids[2]}`)).toEqual([]);
  });

  it('knows whose messages are that were received before the stream began', async () => {
    const { events } = await stream('user_id=bob');
    const behindReceptions = events.filter(({ event }) => event.type.includes('dispatched'))[0].sequence - 1;
    const again = await stream(`user_id=bob&after=${behindReceptions}`);
    expect(again.events).toEqual(events.filter(({ sequence }) => sequence > behindReceptions));
  });

  it('is for admins, and refuses what is no query', async () => {
    expect(await get('audit/events')).toMatchObject({ status: 403, json: { code: 'forbidden' } });
    for (const wrong of ['type=x', 'after=-1', 'from=today', 'priority=x', 'message_id=x', 'colour=red']) {
      expect((await get(`audit/events?${wrong}`, admin.key)).status).toBe(422);
    }
  });
});

describe('the check of the log and PostgreSQL', () => {
  const verify = () => {
    const { log, dataSource } = gateway;
    return verifyLog({
      ...{ log, index: new EventIndex(dataSource), projected: new ProjectedMessages(dataSource) },
      ...{ signal: new AbortController().signal, onProgress: () => undefined, projectionWaitMs: 60_000 },
    });
  };
  const [whole, changed, gone] = [uuidv7(), uuidv7(), uuidv7()];

  beforeAll(async () => {
    // The rows that another test put beside the log's.
    await gateway.dataSource.query(`
      DELETE FROM llmq.message_events WHERE sequence > 1000000000;
      DELETE FROM llmq.message_requests WHERE sequence > 1000000000`);
    for (const id of [whole, changed, gone]) await gateway.log.append(life(id, red));
  });

  it('finds nothing wrong in what the service wrote', async () => {
    expect(await verify()).toMatchObject({ ok: true, counts: {}, findings: [], messages: 8, events: 34 });
  });

  it('finds rows that are changed, gone or made up, and an answer that is not the one that counts', async () => {
    const { dataSource } = gateway;
    const stranger = uuidv7();
    await dataSource.query(`
      UPDATE llmq.messages SET attempts = 7 WHERE id = '${changed}';
      UPDATE llmq.message_results SET answer = '{"content":"forged"}' WHERE message_id = '${whole}';
      DELETE FROM llmq.messages WHERE id = '${gone}';
      INSERT INTO llmq.messages SELECT '${stranger}', tenant, status, priority, priority_reason, model, attempts,
        open_attempts, current_attempt, max_retries, created_at, updated_at, scheduled_at, started_at, completed_at,
        error, 4, last_sequence, terminal_sequence FROM llmq.messages WHERE id = '${whole}'`);
    await dataSource.query(`INSERT INTO llmq.messages SELECT '${uuidv7()}', tenant, status, priority, priority_reason,
        model, attempts, open_attempts, current_attempt, max_retries, created_at, updated_at, scheduled_at,
        started_at, completed_at, error, 4, last_sequence, terminal_sequence FROM llmq.messages WHERE id = '${whole}'`);
    const { ok, counts, findings } = await verify();
    expect([ok, counts]).toEqual([
      false,
      { row_differs: 1, result_differs: 1, row_missing: 1, row_without_event: 2 },
    ]);
    expect(findings.find(({ rule }) => rule === 'row_differs')).toMatchObject({
      ...{ subject: changed, detail: 'attempts is 7 in PostgreSQL and 1 in the log' },
    });
    expect(findings.find(({ rule }) => rule === 'result_differs')?.subject).toBe(whole);
    expect(findings.find(({ rule }) => rule === 'row_missing')?.subject).toBe(gone);
  });

  it('finds turns that overlap and calls that nobody began', async () => {
    const [first, second] = [uuidv7(), uuidv7()];
    const talk = { ...red, conversationId: 'overlapping' };
    await gateway.log.append(received(first, talk));
    await gateway.log.append(received(second, talk));
    await gateway.log.append([dispatched(second, 1, 1, talk)]);
    await gateway.log.append([completed(second, 1, 2, talk)]);
    const { counts, findings } = await verify();
    expect(counts).toMatchObject({ turn_overtaken: 1, end_without_call: 1 });
    expect(findings.find(({ rule }) => rule === 'turn_overtaken')).toMatchObject({ subject: second });
  });
});

describe('a client that reads slowly', () => {
  const tenant = newApiKey({ name: 'slow', role: 'admin', tenant: 'green' });
  const EVENTS = 8_000;
  const EVENT_BYTES = 8_192;
  /** What two sockets may hold, two batches of the log's reader, and what is decoded of one. */
  const AHEAD_BYTES = 24 * 1024 * 1024;
  let own: Gateway;
  let nats: NatsConnection;

  beforeAll(async () => {
    own = await startGateway(servers, { security: { api_keys: [tenant.config] } });
    const { url, user, password } = servers.nats;
    nats = await connect({ servers: url, user, pass: password });
    const content = 'x'.repeat(EVENT_BYTES);
    for (let at = 0; at < EVENTS; at += 500) {
      const ids = Array.from({ length: 250 }, () => uuidv7());
      await own.log.append(ids.flatMap((id) => received(id, { tenant: 'green', content }).slice(0, 1)));
      await own.log.append(ids.flatMap((id) => [cancelled(id, { tenant: 'green' })]));
    }
    // What the projectors hold meanwhile is not looked at.
    await own.projected();
    await gateway.projected();
  }, 400_000);
  afterAll(async () => {
    await nats?.close();
    await own?.close();
  });

  function open(after: number): Promise<IncomingMessage> {
    const headers = { authorization: `Bearer ${tenant.key}` };
    return new Promise((resolve, reject) => {
      httpGet(`${own.baseUrl}/api/v1/audit/events?after=${after}`, { headers }, resolve).on('error', reject);
    });
  }

  /** The readers of the log, by how far the broker has sent it to each. */
  async function readers(): Promise<Map<string, number>> {
    const { consumers } = await jetstreamManager(nats);
    const all = new Map<string, number>();
    for await (const { name, delivered } of consumers.list('LLMQ_EVENTS')) {
      if (name.startsWith('llmq_read_')) all.set(name, delivered.stream_seq);
    }
    return all;
  }

  it('holds up the reading of the log, costs little memory, and goes on where it broke off', async () => {
    const others = await readers();
    const memoryBefore = memoryHeld();
    const response = await open(0);
    let text = '';
    response.once('data', (chunk: Buffer) => {
      text += chunk;
      response.pause();
    });
    const mine = await eventually(async () => {
      const name = [...(await readers()).keys()].find((one) => !others.has(one));
      expect(name).toBeDefined();
      return name!;
    });
    // It comes to a stop, and neither ends nor goes on, though nearly all is still to be read.
    let furthest = 0;
    await eventually(
      async () => {
        const before = furthest;
        furthest = (await readers()).get(mine) ?? Number.POSITIVE_INFINITY;
        expect(before).toBe(furthest);
      },
      { everyMs: 1_000 },
    );
    expect(furthest).toBeLessThan((2 * AHEAD_BYTES) / EVENT_BYTES);
    expect(memoryHeld() - memoryBefore).toBeLessThan(AHEAD_BYTES);
    response.destroy();

    const seen = text.split('\n').slice(0, -1);
    const last = seen.length === 0 ? 0 : JSON.parse(seen.at(-1)!).sequence;
    const rest = await open(last);
    let more = '';
    for await (const chunk of rest.setEncoding('utf8')) more += chunk;
    const lines = [...seen, ...more.trim().split('\n')].map((line) => JSON.parse(line));
    expect(lines.pop()).toHaveProperty('end');
    const sequences = lines.map(({ sequence }) => sequence);
    expect(new Set(sequences).size).toBe(EVENTS);
    expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
  });
});

function memoryHeld(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
