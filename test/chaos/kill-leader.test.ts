import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { type MeteredModel, startMeteredModel } from '../support/metered-model.js';
import { type RunningService, startService } from '../support/service.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';
import { startTestPostgres, type TestPostgres } from '../support/test-postgres.js';
import { rounds, tell } from './rounds.js';

/** A minute of them in the long rounds. */
const TICKS = rounds(0) >= 20 ? 12 : 4;
const TICK_MS = 5_000;
const SCHEDULERS = 3;
const [MIN_SLOTS, MAX_SLOTS] = [2, 8];
/** More than the smallest size serves, so that there is something to decide. */
const BATCH = 25;
const CALL_MS = 1_000;

let nats: TestNats;
let postgres: TestPostgres;
let model: MeteredModel;
let front: RunningService;
let schedulers: RunningService[];

beforeEach(async () => {
  [nats, postgres, model] = await Promise.all([
    startTestNats(),
    startTestPostgres(),
    startMeteredModel(CALL_MS),
  ]);
  front = await start('api,projector,worker');
  schedulers = await Promise.all(Array.from({ length: SCHEDULERS }, () => start('scheduler')));
}, 300_000);
afterEach(async () => {
  await Promise.all([...(schedulers ?? []), front].map((service) => service?.stop()));
  await model?.close();
  await Promise.all([nats?.stop(), postgres?.stop()]);
}, 120_000);

function start(roles: string): Promise<RunningService> {
  return startService({
    env: {
      ...{ NATS_URL: nats.url, NATS_USER: nats.user, NATS_PASSWORD: nats.password },
      ...{ DATABASE_URL: postgres.url, LLMQ_ROLES: roles },
    },
    config: {
      endpoints: [{ name: 'model', base_url: model.url, models: ['m'], max_concurrency: 64 }],
      queue: { worker: { concurrency: MIN_SLOTS } },
      scheduler: {
        ...{ enabled: true, actuator: 'slots', strategy: 'adaptive', interval_ms: 200 },
        ...{ min_slots: MIN_SLOTS, max_slots: MAX_SLOTS },
      },
    },
  });
}

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes.
async function call(method: string, path: string, body?: unknown): Promise<any> {
  const sent =
    body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
  const response = await fetch(`${front.baseUrl}/api/v1/${path}`, { method, ...sent });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

async function leads({ baseUrl }: RunningService): Promise<boolean> {
  const response = await fetch(`${baseUrl}/metrics`).catch(() => null);
  return /^llmq_scheduler_leader(\{[^}]*\})? 1( |$)/m.test((await response?.text()) ?? '');
}

async function leading(): Promise<RunningService[]> {
  const told = await Promise.all(schedulers.map(leads));
  return schedulers.filter((_, at) => told[at]);
}

/** Whoever leads is killed, and another process comes in its place. Returns whether there was one. */
async function killLeader(): Promise<boolean> {
  const [old] = await leading();
  if (old === undefined) return false;
  await old.kill('SIGKILL');
  schedulers = schedulers.filter((each) => each !== old);
  await old.stop();
  schedulers.push(await start('scheduler'));
  return true;
}

/** As the log has them, in its order. */
async function decided(): Promise<{ term: number; to: number }[]> {
  const response = await fetch(`${front.baseUrl}/api/v1/audit/events?type=scale-decided`);
  const lines = (await response.text()).trim().split('\n');
  return lines.map((line) => JSON.parse(line).event?.data).filter((data) => data !== undefined);
}

it(`keeps the size between its bounds and every message while the leader is killed each 5 s, ${TICKS} times`, async () => {
  const ids: string[] = [];
  let batches = 0;
  const submit = async () => {
    const messages = Array.from({ length: BATCH }, (_, at) => ({
      user_id: 'u',
      content: `${batches}.${at}`,
    }));
    batches += 1;
    const { results } = await call('POST', 'messages/batch', { messages });
    ids.push(...results.map(({ id }: { id: string }) => id));
  };
  let kills = 0;
  // A lease is taken over after six seconds, so that there is a leader at every second tick or so.
  for (let ticks = 0; ticks < TICKS || kills < 2; ticks += 1) {
    const began = performance.now();
    await submit();
    if (await killLeader()) kills += 1;
    await sleep(Math.max(0, TICK_MS - (performance.now() - began)));
  }
  // On a slow machine all may have been answered between two leaders: until one has decided, something waits.
  await eventually(
    async () => {
      const { data } = await call('GET', 'queues/status?lane=normal');
      if (data[0].waiting < BATCH) await submit();
      expect((await decided()).some(({ to }) => to > MIN_SLOTS)).toBe(true);
    },
    { withinMs: 120_000, everyMs: 500 },
  );
  for (const id of ids) expect((await call('GET', `messages/${id}?wait=60s`)).status).toBe('completed');

  const [leader] = await eventually(
    async () => {
      const all = await leading();
      expect(all).toHaveLength(1);
      return all;
    },
    { withinMs: 120_000 },
  );
  expect(leader).toBeDefined();
  const told = await decided();
  const terms = told.map(({ term }) => term);
  expect(terms).toEqual([...terms].sort((a, b) => a - b));
  for (const { to } of told) {
    expect(to).toBeGreaterThanOrEqual(MIN_SLOTS);
    expect(to).toBeLessThanOrEqual(MAX_SLOTS);
  }
  expect([...model.asked].sort()).toEqual(messagesAsked(batches).sort());
  expect(model.cut).toBe(0);
  tell(`${kills} leaders killed; sizes ${told.map(({ to }) => to).join(', ')}`);
}, 900_000);

function messagesAsked(batches: number): string[] {
  return Array.from({ length: batches * BATCH }, (_, at) => `${Math.floor(at / BATCH)}.${at % BATCH}`);
}
