import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { inOneOf } from '../support/in-one-of.js';
import { type RecordingModel, startRecordingModel } from '../support/recording-model.js';
import { type RunningService, startService } from '../support/service.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';
import { startTestPostgres, type TestPostgres } from '../support/test-postgres.js';

const BACKLOG = 300;
const QUICK_MS = 100;
/** Of calls of the lane that is paused and resumed: all of it takes the eight slots longer than any machine needs for that. */
const LONG_MS = 3_000;
const PATIENT = { withinMs: 180_000, everyMs: 250 };

let nats: TestNats;
let postgres: TestPostgres;
let model: RecordingModel;
let api: RunningService;
let projector: RunningService;
let workers: RunningService[] = [];
let lowMs = QUICK_MS;

beforeAll(async () => {
  [nats, postgres, model] = await Promise.all([
    startTestNats(),
    startTestPostgres(),
    startRecordingModel({
      failing: 0,
      takesMs: (question) => (question.startsWith('long') ? 60_000 : question === 'low' ? lowMs : QUICK_MS),
      answer: (question) => question,
    }),
  ]);
  [api, projector, ...workers] = await Promise.all([
    start('api'),
    start('projector'),
    start('worker'),
    start('worker'),
  ]);
});
afterAll(async () => {
  await Promise.all([...workers, api, projector].map((service) => service?.stop()));
  await model?.close();
  await Promise.all([nats?.stop(), postgres?.stop()]);
});

function start(roles: string): Promise<RunningService> {
  const ENDPOINTS = JSON.stringify([
    { name: 'model', base_url: model.url, models: ['m'], max_concurrency: 64 },
  ]);
  return startService({
    env: {
      NATS_URL: nats.url,
      NATS_USER: nats.user,
      NATS_PASSWORD: nats.password,
      DATABASE_URL: postgres.url,
      // Who only projects needs no endpoint.
      ...(roles === 'projector' ? { DEMO_ENABLED: 'false' } : { ENDPOINTS }),
      LLMQ_ROLES: roles,
    },
    config: { queue: { worker: { ack_wait_ms: 1_500, concurrency: 4, prefetch: 8 } } },
  });
}

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes.
async function call(method: string, path: string, body?: unknown): Promise<any> {
  const response = await fetch(`${api.baseUrl}/api/v1/${path}`, {
    method,
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

/** @returns the ids */
async function submit(priority: string, count: number): Promise<string[]> {
  const messages = Array.from({ length: count }, () => ({ user_id: 'u', content: priority, priority }));
  const { results } = await call('POST', 'messages/batch', { messages });
  return results.map(({ id }: { id: string }) => id);
}

const called = (priority: string) =>
  model.calls.filter(({ messages }) => messages.at(-1)?.content === priority).length;

/** The processes that called a model for one of the messages. */
async function workersOf(ids: readonly string[]): Promise<Set<number>> {
  const timelines = await Promise.all(ids.map((id) => call('GET', `messages/${id}/events`)));
  return new Set(
    timelines
      .flatMap(({ data }) => data)
      .filter(({ type }) => type === 'llmq.message.dispatched.v1')
      .map(({ data }) => Number(data.worker.split(':')[1])),
  );
}

async function completed(ids: readonly string[]): Promise<void> {
  const messages = await Promise.all(ids.map((id) => call('GET', `messages/${id}?wait=60s`)));
  expect(new Set(messages.map(({ status }) => status))).toEqual(new Set(['completed']));
}

/** Every worker process has heard of the pause, and has no call any more that it began before. */
async function isLeftAlone(paused: string): Promise<void> {
  await eventually(async () => {
    for (const { baseUrl } of workers) {
      const metrics = await (await fetch(`${baseUrl}/metrics`)).text();
      expect(metrics).toMatch(new RegExp(`^llmq_lane_paused\\{[^}]*lane="${paused}"[^}]*\\} 1( |$)`, 'm'));
      expect(metrics).toMatch(/^llmq_worker_running(\{[^}]*\})? 0( |$)/m);
    }
  }, PATIENT);
}

/** Both serve another lane, which shows that they are there, while nothing of the paused one is called. */
async function serveAllBut(paused: string): Promise<void> {
  const before = called(paused);
  const served = new Set<number>();
  await eventually(async () => {
    const others = await submit('normal', 40);
    await completed(others);
    for (const pid of await workersOf(others)) served.add(pid);
    expect(served).toEqual(new Set(workers.map(({ pid }) => pid)));
  }, PATIENT);
  expect(called(paused)).toBe(before);
}

it('a paused lane is left alone by two worker processes, over the restart of both, until it is resumed', async () => {
  const ids = await submit('low', BACKLOG);
  await eventually(() => expect(called('low')).toBeGreaterThan(30));
  lowMs = LONG_MS;
  expect((await call('POST', 'admin/lanes/low/pause', { reason: 'repair' })).paused).toBe(true);
  await isLeftAlone('low');
  expect(called('low')).toBeLessThan(BACKLOG);
  await serveAllBut('low');

  const [first, second] = workers;
  const before = await workersOf(ids);
  await Promise.all([first!.kill('SIGKILL'), second!.stop()]);
  workers = await Promise.all([start('worker'), start('worker')]);
  await serveAllBut('low');
  // Long enough for the broker to hand out again what the killed worker held.
  await sleep(2_000);
  await serveAllBut('low');

  expect((await call('POST', 'admin/lanes/low/resume')).paused).toBe(false);
  // What one has no slot for the other takes.
  await eventually(async () => {
    const since = [...(await workersOf(ids))].filter((pid) => !before.has(pid));
    expect(new Set(since)).toEqual(new Set(workers.map(({ pid }) => pid)));
  }, PATIENT);
  lowMs = QUICK_MS;
  await completed(ids);
}, 900_000);

it('a running call is left within a second of its cancelling, in whichever process it runs, and its slot is free', async () => {
  const callOf = (content: string) =>
    model.calls.find(({ messages }) => messages.at(-1)?.content === content);
  let rounds = 0;
  // What else this machine does may hold up one round or another.
  await inOneOf(5, async () => {
    rounds += 1;
    const contents = Array.from({ length: 8 }, (_, at) => `long ${rounds} ${at}`);
    const ids: string[] = [];
    for (const content of contents) {
      ids.push((await call('POST', 'messages', { user_id: 'u', content, priority: 'realtime' })).id);
    }
    await eventually(() => {
      for (const content of contents) expect(callOf(content)).toBeDefined();
    });
    // All slots of both: their processes have nothing in common with the one that is asked to cancel.
    await eventually(async () =>
      expect(await workersOf(ids)).toEqual(new Set(workers.map(({ pid }) => pid))),
    );
    const late = await Promise.all(
      ids.map(async (id, at) => {
        const asked = Date.now();
        expect((await call('DELETE', `messages/${id}`)).status).toBe('cancelled');
        const hungUpAt = await eventually(() => {
          expect(callOf(contents[at]!)?.hungUpAtMs).not.toBeNull();
          return callOf(contents[at]!)!.hungUpAtMs!;
        });
        return hungUpAt - asked;
      }),
    );
    // Most of them.
    expect(late.toSorted((one, other) => one - other)[5]).toBeLessThan(1_000);
    expect(Math.max(...late)).toBeLessThan(10_000);
  });
  await completed(await submit('realtime', 20));
}, 900_000);
