import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { tell } from '../chaos/rounds.js';
import { readLog, readRows } from '../chaos/story.js';
import { eventually } from '../support/eventually.js';
import { inOneOf } from '../support/in-one-of.js';
import { type RecordingModel, startRecordingModel } from '../support/recording-model.js';
import { type RunningService, startService } from '../support/service.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';
import { startTestPostgres, type TestPostgres } from '../support/test-postgres.js';

const MESSAGES = 8;
/** The broker itself hands on after a third of it at the earliest: a worker extends its deadlines only then. */
const ACK_WAIT_MS = 180_000;
/** Some seconds, and what else this machine does. */
const BEGUN_WITHIN_MS = 45_000;
/** Of the first call of a message; the next one is answered at once. */
const CALL_MS = 60_000;
/** Within it a worker tells what it holds. */
const TOLD_MS = 1_500;

let nats: TestNats;
let postgres: TestPostgres;
let model: RecordingModel;
let api: RunningService;
const workers: RunningService[] = [];
const killed = new Set<RunningService>();

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
    if (!killed.has(worker)) process.kill(worker.pid, 'SIGCONT');
    await worker.stop();
  }
});
afterAll(async () => {
  await api?.stop();
  await model?.close();
  await Promise.all([nats?.stop(), postgres?.stop()]);
});

function start(roles: string): Promise<RunningService> {
  const ENDPOINTS = JSON.stringify([
    { name: 'model', base_url: model.url, models: ['m'], max_concurrency: 64 },
  ]);
  return startService({
    env: {
      ...{ NATS_URL: nats.url, NATS_USER: nats.user, NATS_PASSWORD: nats.password },
      ...{ DATABASE_URL: postgres.url, LLMQ_ROLES: roles, ENDPOINTS },
    },
    config: { queue: { worker: { concurrency: 2 * MESSAGES, ack_wait_ms: ACK_WAIT_MS } } },
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

/** Messages in calls, most of them of the first worker, with room for all of them at the second. */
async function twoAtWork(test: string) {
  workers.push(...(await Promise.all([start('worker'), start('worker')])));
  const contents = Array.from({ length: MESSAGES }, (_, at) => `long ${test} ${at}`);
  const ids: string[] = [];
  for (const content of contents) ids.push(await submit(content));
  const pids = await eventually(async () => {
    const stories = await Promise.all(ids.map((id) => story(id)));
    for (const { calls } of stories) expect(calls).toHaveLength(1);
    return stories.map(({ calls }) => calls[0]!.pid);
  });
  const of = ({ pid }: RunningService) => ids.filter((_, at) => pids[at] === pid);
  const [first, second] = workers.sort((a, b) => of(b).length - of(a).length) as [
    RunningService,
    RunningService,
  ];
  await sleep(TOLD_MS);
  const seconds = contents.filter((_, at) => pids[at] === second.pid);
  return { first, second, ofFirst: of(first), ofSecond: of(second), seconds };
}

/** Each of them, when the worker began with it as the second one. */
async function begunAgainBy({ pid }: RunningService, ids: readonly string[]): Promise<number[]> {
  return eventually(
    async () => {
      const stories = await Promise.all(ids.map((id) => story(id)));
      for (const { calls } of stories) expect(calls[1]?.pid).toBe(pid);
      return stories.map(({ calls }) => calls[1]!.atMs);
    },
    { withinMs: 120_000 },
  );
}

async function completed(ids: readonly string[]): Promise<void> {
  await eventually(
    async () => {
      for (const id of ids) expect(await story(id)).toMatchObject({ status: 'completed' });
    },
    { withinMs: 180_000, everyMs: 500 },
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
  killed.add(first);
  const late = (await begunAgainBy(second, ofFirst)).map((atMs) => atMs - killedAt);
  tell(`begun again ${late} ms after the kill`);
  expect(Math.max(...late)).toBeLessThan(BEGUN_WITHIN_MS);
  await eventually(() => expect(second.logs()).toContain('a worker is gone'));
  const all = [...ofFirst, ...ofSecond];
  await completed(all);
  for (const id of all) expect((await story(id)).completions).toBe(1);
  expect(await resultsOf(all)).toEqual(all.map(() => 1));
  for (const content of seconds) expect(callsOf(content)).toHaveLength(1);
}, 900_000);

it('counts one result of a message whose worker stood still and went on, and that worker goes on working', async () => {
  const { first, second, ofFirst, ofSecond, seconds } = await twoAtWork('frozen');
  const frozenAt = Date.now();
  process.kill(first.pid, 'SIGSTOP');
  // The broker still has requests of the one that stands still, and gives it some of them again: those stay where they are.
  const handedOn = await eventually(async () => {
    const stories = await Promise.all(ofFirst.map(async (id) => ({ id, ...(await story(id)) })));
    const begun = stories.filter(({ calls }) => calls[1]?.pid === second.pid);
    expect(begun.length).toBeGreaterThan(0);
    return begun.map(({ id, calls }) => ({ id, lateMs: calls[1]!.atMs - frozenAt }));
  });
  tell(`begun again ${handedOn.map(({ lateMs }) => lateMs)} ms after the freeze`);
  for (const { lateMs } of handedOn) expect(lateMs).toBeLessThan(BEGUN_WITHIN_MS);
  const twice = handedOn.map(({ id }) => id);
  await completed(twice);
  process.kill(first.pid, 'SIGCONT');
  await eventually(() => expect(first.logs()).toContain('this worker was taken for gone'));
  // The answers to its own calls come, and count no more.
  await eventually(
    async () => {
      for (const id of twice) expect((await story(id)).completions).toBe(2);
    },
    { withinMs: 120_000, everyMs: 500 },
  );
  const all = [...ofFirst, ...ofSecond];
  await completed(all);
  expect(await resultsOf(all)).toEqual(all.map(() => 1));
  for (const content of seconds) expect(callsOf(content)).toHaveLength(1);
  // It may be held up while the other one takes all of some.
  let rounds = 0;
  await inOneOf(5, async () => {
    rounds += 1;
    const later: string[] = [];
    for (let at = 0; at < 40; at += 1) later.push(await submit(`quick ${rounds} ${at}`));
    await completed(later);
    const pids = await Promise.all(later.map(async (id) => (await story(id)).calls[0]?.pid));
    expect(pids).toContain(first.pid);
  });
}, 900_000);
