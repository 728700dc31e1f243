import { strict as assert } from 'node:assert';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { startService } from './service.js';
import { serviceAddresses } from './service-addresses.js';
import { makeTempDir, removeTempDir } from './temp-dir.js';
import { type FixtureContents, packDataFolder } from './upgrade-fixture.js';

/**
 * Makes the fixture of the upgrade test: fills a data folder by the built service of an earlier version, and packs it.
 *
 *     node scripts/run.js --with-nats-server test/support/make-upgrade-fixture.ts <its dist/main.js> <its commit> <folder>
 *
 * What it leaves there must not depend on the day on which the test reads it. A time that is past then (a delay of at
 * most 30 days, the wait before a retry) leads to a state in which the message waits all the same: in a lane that is
 * paused, or for the next retry.
 */

// biome-ignore lint/suspicious/noExplicitAny: answers of the service, in many shapes.
type Json = any;

const DAY_MS = 86_400_000;
const FAST = '[[demo:rate 0]] [[demo:tokens 6]]';

const [entry, commit, fixture] = process.argv.slice(2);
assert(entry && commit && fixture, 'usage: make-upgrade-fixture <entry> <commit> <folder>');

const dataDir = await makeTempDir('llmq-upgrade');
const service = await startService({
  ...{ dataDir, entry: resolve(entry) },
  config: { queue: { retry: { max_delay_ms: 20 * DAY_MS } }, conversation: { sweep_interval_ms: 100 } },
});

async function call(method: string, path: string, body?: object, headers: Record<string, string> = {}) {
  const response = await fetch(`${service.baseUrl}${path}`, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  assert(response.ok, `${method} ${path}: ${response.status} ${text}`);
  return (text.startsWith('{') ? JSON.parse(text) : text) as Json;
}
const get = (path: string) => call('GET', `/api/v1${path}`);
const post = (path: string, body: object, headers?: Record<string, string>) =>
  call('POST', `/api/v1${path}`, body, headers);

async function becomes(id: string, status: string): Promise<void> {
  for (let tries = 0; tries < 300; tries += 1) {
    if ((await get(`/messages/${id}`)).status === status) return;
    await sleep(100);
  }
  throw new Error(`${id} did not become ${status}: ${JSON.stringify(await get(`/messages/${id}`))}`);
}

/** By what each message is there for. */
const ids: Record<string, string> = {};
async function submit(name: string, status: string, body: object): Promise<string> {
  const { id } = await post('/messages', { user_id: 'ada', ...body });
  ids[name] = id;
  await becomes(id, status);
  return id;
}

const rule = { id: 'fruit', keywords: ['banana'], priority: 'high', weight: 2 };
await post('/admin/preprocessor/rules', rule);
await call('PUT', '/api/v1/admin/preprocessor/user-priorities/vip', { priority: 'realtime' });

for (const priority of ['realtime', 'high', 'normal', 'low'])
  await submit(`answered_${priority}`, 'completed', { priority, content: `Hello, ${priority}. ${FAST}` });
await submit('by_rule', 'completed', { content: `A banana, 香蕉. ${FAST}`, metadata: { order: 17 } });
await submit('of_vip', 'completed', { user_id: 'vip', content: `Hello. ${FAST}` });
await submit('tried_twice', 'completed', {
  content: `[[demo:fail 503 times=1]] Try again. ${FAST}`,
  retry_backoff: { kind: 'fixed', base_delay_ms: 1 },
});
const chat = { model: 'demo', stream: true, messages: [{ role: 'user', content: `A stream. ${FAST}` }] };
const streamed = await call('POST', '/v1/chat/completions', chat, { 'x-llmq-user-id': 'streamer' });
assert(streamed.includes('[DONE]'));
ids['streamed'] = (await get('/messages?user_id=streamer')).data[0].id;
await becomes(ids['streamed']!, 'completed');

// Its endpoint takes it at the second call with these very words.
const failing = '[[demo:fail 503 times=1]] Given up.';
await submit('dead_by_retries', 'failed', { content: `${failing} ${FAST}`, max_retries: 0 });
await submit('dead_by_refusal', 'failed', { content: '[[demo:fail 400]]', priority: 'high' });
await submit('retried_later', 'scheduled', {
  content: '[[demo:fail 503]] In a day.',
  max_retries: 100,
  retry_backoff: { kind: 'fixed', base_delay_ms: DAY_MS },
});

const conversations: Record<string, string> = {};
async function converse(name: string, more: object = {}): Promise<string> {
  const { id } = await post('/conversations', { user_id: 'ada', title: name, context: 'Be brief.', ...more });
  conversations[name] = id;
  return id;
}
async function say(name: string, conversation: string, content: string): Promise<string> {
  const { id } = await post(`/conversations/${conversation}/messages`, { content: `${content} ${FAST}` });
  ids[name] = id;
  return id;
}
const talk = await converse('talk');
for (const word of ['one', 'two', 'three']) await say(`turn_${word}`, talk, word);
await becomes(ids['turn_three']!, 'completed');
const archived = await converse('archived');
await becomes(await say('turn_archived', archived, 'the last word'), 'completed');
await call('PUT', `/api/v1/conversations/${archived}/state`, { state: 'archived' });

const erased = await converse('erased');
const erasedTurn = await say('erased', erased, 'zq7secret');
await becomes(erasedTurn, 'completed');
await call('DELETE', `/api/v1/conversations/${erased}`);
delete ids['erased'];
delete conversations['erased'];

const pause = await post('/admin/queues/low/pause', { reason: 'repair' });
await sleep(1_500);
const waiting = await converse('waiting', { priority: 'low' });
await say('turn_waiting', waiting, 'first in line');
await say('turn_held', waiting, 'second in line');
for (const place of [1, 2])
  await submit(`waiting_${place}`, 'pending', { priority: 'low', content: `Wait. ${FAST}` });
await submit('expired', 'expired', { priority: 'low', content: `Too late. ${FAST}`, ttl: 1 });
await submit('cancelled', 'scheduled', { content: `Never. ${FAST}`, delay: '1h' });
await post(`/messages/${ids['cancelled']}/cancel`, { reason: 'not needed' });
await submit('delayed', 'scheduled', { priority: 'low', content: `In a month. ${FAST}`, delay: '30d' });

const key = 'order-17';
const body = { user_id: 'ada', content: `Once. ${FAST}` };
const response = await post('/messages', body, { 'idempotency-key': key });
ids['once'] = response.id;
await becomes(response.id, 'completed');

// Due while nobody is there.
await submit('due_meanwhile', 'scheduled', { priority: 'low', content: `Soon. ${FAST}`, delay: 15 });

const messages: Record<string, Json> = {};
const timelines: Record<string, string[]> = {};
for (const [name, id] of Object.entries(ids)) {
  messages[name] = await get(`/messages/${id}`);
  const { data } = await get(`/messages/${id}/events`);
  timelines[id] = data.map(({ type }: Json) => type);
}
const told: Record<string, { conversation: Json; turns: string[] }> = {};
for (const [name, id] of Object.entries(conversations)) {
  const { data } = await get(`/conversations/${id}/messages?order=oldest_first`);
  told[name] = {
    conversation: await get(`/conversations/${id}`),
    turns: data.map((turn: Json) => turn.id),
  };
}
const contents: FixtureContents = {
  ...{ commit, messages, timelines, conversations: told },
  erased: { conversation: erased, message: erasedTurn },
  deadLetters: (await get('/admin/dead-letters')).data,
  rules: (await get('/admin/preprocessor/rules')).data,
  userPriorities: (await get('/admin/preprocessor/user-priorities')).data,
  ...{ pause, idempotent: { key, body, response, entry: await entryOf(response.id) } },
};
assert.equal(messages['due_meanwhile'].status, 'scheduled', 'it came due too early');
const { code, signal } = await service.kill('SIGTERM');
assert.deepEqual([code, signal], [0, null], service.logs());
await packDataFolder(dataDir, fixture, contents);
await removeTempDir(dataDir);
console.log(`${fixture}: ${Object.keys(messages).length} messages`);

/** The entry of the response that tells of this message. */
async function entryOf(id: string): Promise<{ subject: string; value: Json }> {
  const { url, user, password } = (await serviceAddresses(dataDir)).nats;
  const nats = await connect({ servers: url, user, pass: password });
  try {
    const { streams } = await jetstreamManager(nats);
    const { state } = await streams.info('KV_llmq_idempotency');
    for (let seq = state.first_seq; seq <= state.last_seq; seq += 1) {
      const stored = await streams.getMessage('KV_llmq_idempotency', { seq });
      if (stored?.string().includes(id)) return { subject: stored.subject, value: stored.json() };
    }
    throw new Error(`No idempotency key has an entry that tells of ${id}.`);
  } finally {
    await nats.close();
  }
}
