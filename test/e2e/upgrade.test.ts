import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { eventually } from '../support/eventually.js';
import { runLlmq } from '../support/llmq-command.js';
import { type RunningService, startService } from '../support/service.js';
import { serviceAddresses } from '../support/service-addresses.js';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';
import { type FixtureContents, layOutDataFolder, readContents } from '../support/upgrade-fixture.js';

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes.
type Json = any;

/** Made by `test/support/make-upgrade-fixture.ts` with the version of that month. */
const FIXTURE = resolve(import.meta.dirname, '../fixtures/data-folder-2026-11');
const DAY_MS = 86_400_000;

let dataDir: string;
let service: RunningService;
let before: FixtureContents;

const CONFIG = {
  queue: { retry: { max_delay_ms: 20 * DAY_MS } },
  // However old the fixture is, its conversations are not idle.
  conversation: { max_idle_time_ms: 36_500 * DAY_MS, conversation_ttl_ms: 36_500 * DAY_MS },
};

async function start(...beforeEnd: [] | [Parameters<typeof layOutDataFolder>[2]]): Promise<void> {
  before = await readContents(FIXTURE);
  dataDir = await makeTempDir('llmq-upgrade');
  await layOutDataFolder(FIXTURE, dataDir, ...beforeEnd);
  service = await startService({ dataDir, config: CONFIG });
}

async function stop(): Promise<void> {
  await service?.stop();
  if (dataDir !== undefined) await removeTempDir(dataDir);
}

/** How many messages each stream of the running service holds. */
async function streams(): Promise<Record<string, number>> {
  const { url, user, password } = (await serviceAddresses(dataDir)).nats;
  const nats = await connect({ servers: url, user, pass: password });
  try {
    const manager = await jetstreamManager(nats);
    const found: Record<string, number> = {};
    for await (const { config, state } of manager.streams.list()) found[config.name] = state.messages;
    return found;
  } finally {
    await nats.close();
  }
}

async function call(method: string, path: string, body?: object, headers: Record<string, string> = {}) {
  const response = await fetch(`${service.baseUrl}/api/v1${path}`, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const json = (text === '' ? null : JSON.parse(text)) as Json;
  return { status: response.status, json, headers: response.headers };
}
const get = async (path: string) => (await call('GET', path)).json;
const ENDED = ['completed', 'failed', 'cancelled', 'expired'];
const ended = () => Object.values(before.messages).filter(({ status }) => ENDED.includes(status));
/** What an answer cost was not kept then. */
const asNow = (message: Json): Json =>
  message.result === null ? message : { ...message, result: { ...message.result, cost: null } };
const idOf = (name: string): string => before.messages[name].id;
const cancel = async (id: string) => (await call('POST', `/messages/${id}/cancel`)).json.status;
const turnsOf = async (conversation: string) =>
  (await get(`/conversations/${conversation}/messages?order=oldest_first`)).data;

describe('a start on the data folder of an earlier version', () => {
  beforeAll(() => start());
  afterAll(stop);

  it('finds every message that had ended, as it was, with its timeline', async () => {
    expect(ended().length).toBeGreaterThan(10);
    for (const message of ended()) {
      expect(await get(`/messages/${message.id}`)).toEqual(asNow(message));
      const { data } = await get(`/messages/${message.id}/events`);
      // That its lane was paused was not told in its timeline then.
      const own = data.filter(({ type }: Json) => !type.startsWith('llmq.admin.lane-'));
      expect(own.map(({ type }: Json) => type)).toEqual(before.timelines[message.id]);
    }
  });

  it('finds every conversation, with its turns in order, and nothing of the erased one', async () => {
    for (const { conversation, turns } of Object.values(before.conversations)) {
      expect(await get(`/conversations/${conversation.id}`)).toEqual(conversation);
      expect((await turnsOf(conversation.id)).map(({ id }: Json) => id)).toEqual(turns);
    }
    const { conversation, message } = before.erased;
    expect((await call('GET', `/conversations/${conversation}`)).status).toBe(404);
    expect((await call('GET', `/messages/${message}`)).status).toBe(404);
  });

  it('finds the priority rules, the priorities of users, and that a lane is paused', async () => {
    // They asked nothing of metadata and length then.
    const asked = { metadata: {}, min_tokens: null, max_tokens: null };
    expect((await get('/admin/preprocessor/rules')).data).toEqual(
      before.rules.map((rule: object) => ({ ...asked, ...rule })),
    );
    expect((await get('/admin/preprocessor/user-priorities')).data).toEqual(before.userPriorities);
    const sent = async (body: object) => (await call('POST', '/messages', { user_id: 'u', ...body })).json;
    expect(await sent({ content: 'One more banana.' })).toMatchObject({
      ...{ priority: 'high', priority_reason: 'rule:fruit' },
    });
    expect(await sent({ user_id: 'vip', content: 'Hello.' })).toMatchObject({
      ...{ priority: 'realtime', priority_reason: 'user_default' },
    });
    const paused = await call('POST', '/admin/queues/low/pause', { reason: 'again' });
    expect(paused.json).toEqual({ ...before.pause, lane: 'low' });
    for (const name of ['waiting_1', 'waiting_2', 'turn_waiting'])
      await eventually(async () =>
        expect(await get(`/messages/${idOf(name)}`)).toMatchObject({
          ...{ status: 'pending', attempts: 0, waiting_for: 'paused' },
        }),
      );
  });

  it('answers a key that was used with its first response, and makes nothing', async () => {
    const { key, body, response } = before.idempotent;
    const again = await call('POST', '/messages', body, { 'idempotency-key': key });
    expect([again.status, again.json, again.headers.get('idempotency-replayed')]).toEqual([
      ...[202, response, 'true'],
    ]);
  });

  it('keeps what was to wait waiting, and cancels it when it is told to', async () => {
    // Once the fixture is older than the delay, it waits in its lane, which is paused.
    const delayed = async (name: string) => {
      const { scheduled_at: due } = before.messages[name];
      const waits = Date.parse(due) > Date.now() ? 'scheduled' : 'pending';
      await eventually(async () =>
        expect(await get(`/messages/${idOf(name)}`)).toMatchObject({ status: waits, attempts: 0 }),
      );
    };
    await delayed('delayed');
    await delayed('due_meanwhile');
    // This one is called once more when its day is over. Its endpoint refuses it, which counts no attempt any more: it
    // waits for the endpoint (pending), or for the next day where its own request was found to be the cause.
    const late = before.messages['retried_later'];
    const told = before.timelines[late.id]!;
    await eventually(async () => {
      const { data } = await get(`/messages/${late.id}/events`);
      const since = data.slice(told.length).map(({ type }: Json) => type);
      if (Date.parse(late.scheduled_at) > Date.now()) expect(since).toEqual([]);
      else expect(since).toContain('llmq.message.dispatched.v1');
      const { status, attempts } = await get(`/messages/${late.id}`);
      expect(['scheduled', ...(since.length === 0 ? [] : ['pending'])]).toContain(status);
      expect(attempts).toBeGreaterThanOrEqual(late.attempts);
    });
    // A call that a cancel crosses leaves an event behind the end: here there is no call, and none begins.
    await call('POST', '/admin/queues/normal/pause', {});
    await eventually(async () => {
      const { data } = await get(`/messages/${late.id}/events`);
      expect(data.at(-1).type).not.toBe('llmq.message.dispatched.v1');
      const { data: lanes } = await get('/queues/status');
      expect(lanes.find(({ lane }: Json) => lane === 'normal').running).toBe(0);
    });
    for (const name of ['delayed', 'retried_later']) {
      expect(await cancel(idOf(name))).toBe('cancelled');
      await eventually(async () => expect((await get(`/messages/${idOf(name)}`)).status).toBe('cancelled'));
    }
    await call('POST', '/admin/queues/normal/resume');
  });

  it('finds every dead letter, and runs one once more', async () => {
    expect((await get('/admin/dead-letters')).data).toEqual(before.deadLetters);
    const { id, content } = before.messages['dead_by_retries'];
    // The demo model, which was started anew, refuses the first call with these words by a 503: the message waits.
    const first = await call('POST', '/messages', { user_id: 'u', content, max_retries: 0 });
    expect((await get(`/messages/${first.json.id}?wait=60s`)).status).toBe('completed');
    expect((await call('POST', `/admin/dead-letters/${id}/requeue`)).status).toBe(200);
    expect(await get(`/messages/${id}?wait=60s`)).toMatchObject({ status: 'completed', attempts: 2 });
  });

  it('takes the waiting up again, in the order of their conversation, beside what is new', async () => {
    const fresh = await call('POST', '/messages', { user_id: 'u', content: 'New. [[demo:rate 0]]' });
    expect((await get(`/messages/${fresh.json.id}?wait=60s`)).status).toBe('completed');
    const { conversation, turns } = before.conversations['talk']!;
    const turn = await call('POST', `/conversations/${conversation.id}/messages`, { content: 'four' });
    expect((await get(`/messages/${turn.json.id}?wait=60s`)).status).toBe('completed');
    expect((await turnsOf(conversation.id)).map(({ id }: Json) => id)).toEqual([...turns, turn.json.id]);

    await call('POST', '/admin/queues/low/resume');
    const waiting = ['waiting_1', 'waiting_2', 'due_meanwhile', 'turn_waiting', 'turn_held'].map(idOf);
    for (const id of waiting)
      expect(await get(`/messages/${id}?wait=60s`)).toMatchObject({ status: 'completed', attempts: 1 });
    const [one, two] = await turnsOf(before.conversations['waiting']!.conversation.id);
    expect([one.id, two.id]).toEqual(['turn_waiting', 'turn_held'].map(idOf));
    expect(Date.parse(two.started_at)).toBeGreaterThanOrEqual(Date.parse(one.completed_at));
  });

  it('leaves a log that goes with the projection, old records and new ones', async () => {
    await eventually(async () => {
      const { code, output } = await runLlmq(dataDir, 'events', 'verify', '--json');
      const { ok, findings } = JSON.parse(output);
      // That the turn of a conversation was erased is all that there is to tell.
      expect([code, ok, findings.map(({ rule }: Json) => rule)]).toEqual([0, true, ['erased']]);
    });
  });
  it('has an empty stream for direct publishers, which was of use to nobody before', async () => {
    expect((await streams())['LLMQ_INTAKE']).toBe(0);
    expect(service.logs()).not.toContain('The stream LLMQ_INTAKE');
  });
});

describe('a start on one whose stream for direct publishers holds messages', () => {
  beforeAll(() =>
    start(async (nats) => {
      const asked = { user_id: 'late', content: 'Taken in late. [[demo:rate 0]]' };
      for (const sent of ['no JSON', JSON.stringify(asked)])
        await jetstream(nats, { timeout: 60_000 }).publish('llmq.intake.normal', sent);
    }),
  );
  afterAll(stop);

  it('takes them in, and tells of what is no message', async () => {
    await eventually(async () => {
      const { LLMQ_INTAKE: waiting, LLMQ_REJECTED: rejected } = await streams();
      expect([waiting, rejected]).toEqual([0, 1]);
    });
    await eventually(async () =>
      expect((await get('/messages?user_id=late')).data).toMatchObject([{ status: 'completed' }]),
    );
  });
});
