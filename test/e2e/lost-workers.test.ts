import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { readLog, readRows } from '../chaos/story.js';
import { eventually } from '../support/eventually.js';
import { type RecordingModel, startRecordingModel } from '../support/recording-model.js';
import { type RunningService, startService } from '../support/service.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';
import { startTestPostgres, type TestPostgres } from '../support/test-postgres.js';

const HELD = 4;
/** The broker itself hands on after 30 s. */
const BEGUN_WITHIN_MS = 8_000;
/** Of the first call of a message; the next one is answered at once. */
const CALL_MS = 30_000;
/** Within it a worker tells what it holds. */
const TOLD_MS = 1_500;

let nats: TestNats;
let postgres: TestPostgres;
let model: RecordingModel;
let api: RunningService;
const workers: RunningService[] = [];

beforeAll(async () => {
  [nats, postgres, model] = await Promise.all([
    startTestNats(),
    startTestPostgres(),
    startRecordingModel({
      failing: 0,
      takesMs: (question) => (question.startsWith('long') && callsOf(question).length === 1 ? CALL_MS : 20),
      answer: (question) => question,
    }),
  ]);
  api = await start('api,projector');
});
afterEach(async () => {
  for (const worker of workers.splice(0)) {
    process.kill(worker.pid, 'SIGCONT');
    await worker.stop();
  }
});
afterAll(async () => {
  await api?.stop();
  await model?.close();
  await Promise.all([nats?.stop(), postgres?.stop()]);
});

function start(roles: string, concurrency = HELD): Promise<RunningService> {
  const ENDPOINTS = JSON.stringify([
    { name: 'model', base_url: model.url, models: ['m'], max_concurrency: 64 },
  ]);
  return startService({
    env: {
      ...{ NATS_URL: nats.url, NATS_USER: nats.user, NATS_PASSWORD: nats.password },
      ...{ DATABASE_URL: postgres.url, LLMQ_ROLES: roles, ENDPOINTS },
    },
    config: { queue: { worker: { concurrency } } },
  });
}

async function submit(content: string): Promise<string> {
  const response = await fetch(`${api.baseUrl}/api/v1/messages`, {
    method: 'POST',
    body: JSON.stringify({ user_id: 'u', content, priority: 'realtime' }),
    headers: { 'content-type': 'application/json' },
  });
  if (response.status !== 202) throw new Error(`${response.status}: ${await response.text()}`);
  return ((await response.json()) as { id: string }).id;
}

/** In a worker of its own each, as the log names it. */
interface Call {
  readonly pid: number;
  readonly atMs: number;
}

async function story(id: string): Promise<{ calls: Call[]; completions: number; status: string }> {
  const addresses = { nats, databaseUrl: postgres.url };
  const calls: Call[] = [];
  let completions = 0;
  for await (const { event } of readLog(addresses)) {
    if (event.subject !== id) continue;
    if (event.type === 'llmq.message.dispatched.v1')
      calls.push({ pid: Number(event.data.worker.split(':')[1]), atMs: Date.parse(event.time) });
    if (event.type === 'llmq.message.completed.v1') completions += 1;
  }
  const read = await fetch(`${api.baseUrl}/api/v1/messages/${id}`);
  return { calls, completions, status: ((await read.json()) as { status: string }).status };
}

const callsOf = (content: string) =>
  model.calls.filter(({ messages }) => messages.at(-1)?.content === content);

/** So many messages, each in a call of this worker. */
async function calledBy({ pid }: RunningService, contents: readonly string[]): Promise<string[]> {
  const ids: string[] = [];
  for (const content of contents) ids.push(await submit(content));
  await eventually(async () => {
    for (const id of ids) expect((await story(id)).calls).toMatchObject([{ pid }]);
  });
  return ids;
}

/** All slots of the first are taken by messages in calls, and the second has as many calls and room for those of the first. */
async function twoAtWork(test: string) {
  const contents = (of: string) => Array.from({ length: HELD }, (_, at) => `long ${test} ${of} ${at}`);
  const [firsts, seconds] = [contents('first'), contents('second')];
  const first = await start('worker');
  workers.push(first);
  const ofFirst = await calledBy(first, firsts);
  const second = await start('worker', 2 * HELD);
  workers.push(second);
  const ofSecond = await calledBy(second, seconds);
  await sleep(TOLD_MS);
  return { first, second, ofFirst, ofSecond, seconds };
}

/** Each of them, when the worker began with it as the second one. */
async function begunAgainBy({ pid }: RunningService, ids: readonly string[]): Promise<number[]> {
  return eventually(
    async () => {
      const stories = await Promise.all(ids.map((id) => story(id)));
      for (const { calls } of stories) expect(calls[1]?.pid).toBe(pid);
      return stories.map(({ calls }) => calls[1]!.atMs);
    },
    { withinMs: 60_000 },
  );
}

async function completed(ids: readonly string[]): Promise<void> {
  await eventually(
    async () => {
      for (const id of ids) expect(await story(id)).toMatchObject({ status: 'completed' });
    },
    { withinMs: 60_000, everyMs: 500 },
  );
}

async function resultsOf(ids: readonly string[]): Promise<number[]> {
  const rows = await readRows({ nats, databaseUrl: postgres.url });
  return ids.map((id) => rows.get(id)!.results);
}

it('has another worker begin with what a killed one held, in seconds, and calls nothing of a living one twice', async () => {
  const { first, second, ofFirst, ofSecond, seconds } = await twoAtWork('killed');
  const killedAt = Date.now();
  await first.kill('SIGKILL');
  const late = (await begunAgainBy(second, ofFirst)).map((atMs) => atMs - killedAt);
  expect(Math.max(...late)).toBeLessThan(BEGUN_WITHIN_MS);
  expect(second.logs()).toContain('a worker is gone');
  const all = [...ofFirst, ...ofSecond];
  await completed(all);
  for (const id of all) expect((await story(id)).completions).toBe(1);
  expect(await resultsOf(all)).toEqual(all.map(() => 1));
  for (const content of seconds) expect(callsOf(content)).toHaveLength(1);
}, 180_000);

it('counts one result of a message whose worker stood still and went on, and that worker goes on working', async () => {
  const { first, second, ofFirst, ofSecond, seconds } = await twoAtWork('frozen');
  const frozenAt = Date.now();
  process.kill(first.pid, 'SIGSTOP');
  const late = (await begunAgainBy(second, ofFirst)).map((atMs) => atMs - frozenAt);
  expect(Math.max(...late)).toBeLessThan(BEGUN_WITHIN_MS);
  await completed(ofFirst);
  process.kill(first.pid, 'SIGCONT');
  await eventually(() => expect(first.logs()).toContain('this worker was taken for gone'));
  // The answers to its own calls come, and count no more.
  await eventually(
    async () => {
      for (const id of ofFirst) expect((await story(id)).completions).toBe(2);
    },
    { withinMs: 60_000, everyMs: 500 },
  );
  const all = [...ofFirst, ...ofSecond];
  await completed(all);
  expect(await resultsOf(all)).toEqual(all.map(() => 1));
  for (const content of seconds) expect(callsOf(content)).toHaveLength(1);
  const later: string[] = [];
  for (let at = 0; at < 40; at += 1) later.push(await submit(`quick ${at}`));
  await completed(later);
  const pids = await Promise.all(later.map(async (id) => (await story(id)).calls[0]?.pid));
  expect(pids).toContain(first.pid);
}, 180_000);
