import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { type MeteredModel, startMeteredModel } from '../support/metered-model.js';
import { type RunningService, startService } from '../support/service.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';
import { startTestPostgres, type TestPostgres } from '../support/test-postgres.js';

const ROUNDS = 3;
/** What else this machine does can hold up some of the changes of leaders. */
const MOST_ROUNDS = 10;
const FOLLOWED_WITHIN_MS = 10_000;

let nats: TestNats;
let postgres: TestPostgres;
let model: MeteredModel;
let front: RunningService;
let schedulers: RunningService[] = [];

beforeAll(async () => {
  [nats, postgres, model] = await Promise.all([startTestNats(), startTestPostgres(), startMeteredModel(150)]);
  [front, ...schedulers] = await Promise.all([
    start('api,projector,worker'),
    start('scheduler'),
    start('scheduler'),
  ]);
}, 300_000);
afterAll(async () => {
  await Promise.all([...schedulers, front].map((service) => service?.stop()));
  await model?.close();
  await Promise.all([nats?.stop(), postgres?.stop()]);
});

function start(roles: string): Promise<RunningService> {
  return startService({
    env: {
      ...{ NATS_URL: nats.url, NATS_USER: nats.user, NATS_PASSWORD: nats.password },
      ...{ DATABASE_URL: postgres.url, LLMQ_ROLES: roles },
    },
    config: {
      endpoints: [{ name: 'model', base_url: model.url, models: ['m'], max_concurrency: 64 }],
      queue: { worker: { concurrency: 2 } },
      scheduler: {
        ...{ enabled: true, actuator: 'slots', strategy: 'static', static_slots: 3 },
        ...{ interval_ms: 200, up_cool_down_ms: 0, down_cool_down_ms: 0 },
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
  const text = await (await fetch(`${baseUrl}/metrics`)).text();
  return /^llmq_scheduler_leader(\{[^}]*\})? 1( |$)/m.test(text);
}

/** Of those that still answer. */
async function leader(): Promise<RunningService> {
  return eventually(
    async () => {
      const leading = await Promise.all(schedulers.map((each) => leads(each).catch(() => false)));
      expect(leading.filter(Boolean)).toHaveLength(1);
      return schedulers[leading.indexOf(true)]!;
    },
    { withinMs: 60_000 },
  );
}

/** As the log has them, in its order. */
async function decided(): Promise<{ term: number; by: string; to: number }[]> {
  const response = await fetch(`${front.baseUrl}/api/v1/audit/events?type=scale-decided`);
  const lines = (await response.text()).trim().split('\n');
  return lines.map((line) => JSON.parse(line).event?.data).filter((data) => data !== undefined);
}

it('a leader that is killed is followed within ten seconds, and what it ordered stays until then', async () => {
  let slots = 3;
  const took: number[] = [];
  await eventually(async () =>
    expect(await call('GET', 'scheduler')).toMatchObject({ slots, wanted_slots: slots }),
  );
  const isQuick = () => Math.min(...took) < FOLLOWED_WITHIN_MS;
  for (let round = 1; round <= ROUNDS || (round <= MOST_ROUNDS && !isQuick()); round += 1) {
    const old = await leader();
    const { term } = await call('GET', 'scheduler');
    await old.kill('SIGKILL');
    const killedMs = Date.now();
    slots += 1;
    await call('PUT', 'scheduler', { static_slots: slots });
    await eventually(
      async () => {
        const told = await call('GET', 'scheduler');
        expect(told.term).toBeGreaterThan(term);
        expect(told).toMatchObject({ slots, wanted_slots: slots });
      },
      { withinMs: 120_000 },
    );
    took.push(Date.now() - killedMs);
    const { baseUrl } = await leader();
    await eventually(async () => {
      const metrics = await (await fetch(`${baseUrl}/metrics`)).text();
      expect(metrics).toMatch(/^llmq_scheduler_waiting\{[^}]*model="m"[^}]*\} 0( |$)/m);
      expect(metrics).toMatch(new RegExp(`^llmq_scheduler_ordered_slots(\\{[^}]*\\})? ${slots}( |$)`, 'm'));
    });
    const by = `:${old.pid}`;
    schedulers = schedulers.filter((each) => each !== old);
    await old.stop();
    schedulers.push(await start('scheduler'));
    const all = await decided();
    expect(all.at(-1)!.to).toBe(slots);
    // Nothing of the old one behind its successor, and terms only grow.
    const after = all.filter((each) => each.term > term);
    expect(after.filter((each) => each.by.endsWith(by))).toEqual([]);
    expect(all.map((each) => each.term)).toEqual(all.map((each) => each.term).sort((a, b) => a - b));
  }
  expect(Math.min(...took)).toBeLessThan(FOLLOWED_WITHIN_MS);
  const messages = Array.from({ length: 30 }, (_, at) => ({ user_id: 'u', content: `q ${at}` }));
  const { results } = await call('POST', 'messages/batch', { messages });
  for (const { id } of results) {
    expect((await call('GET', `messages/${id}?wait=60s`)).status).toBe('completed');
  }
  expect([model.asked.length, model.cut]).toEqual([30, 0]);
}, 1_200_000);

it('a leader that was frozen decides nothing when it goes on', async () => {
  const old = await leader();
  const before = await call('GET', 'scheduler');
  process.kill(old.pid, 'SIGSTOP');
  try {
    await call('PUT', 'scheduler', { static_slots: 20 });
    await eventually(
      async () => {
        const told = await call('GET', 'scheduler');
        expect(told.term).toBeGreaterThan(before.term);
        expect(told).toMatchObject({ slots: 20, wanted_slots: 20 });
      },
      { withinMs: 60_000 },
    );
  } finally {
    process.kill(old.pid, 'SIGCONT');
  }
  await call('PUT', 'scheduler', { static_slots: 2 });
  await eventually(async () =>
    expect(await call('GET', 'scheduler')).toMatchObject({ slots: 2, wanted_slots: 2 }),
  );
  await sleep(3_000);
  expect(await leads(old)).toBe(false);
  expect(await call('GET', 'scheduler')).toMatchObject({ slots: 2, wanted_slots: 2 });
  const since = (await decided()).filter(({ term }) => term > before.term);
  expect(since.map(({ to }) => to)).toEqual([20, 2]);
  expect(since.filter(({ by }) => by.endsWith(`:${old.pid}`))).toEqual([]);
}, 300_000);
