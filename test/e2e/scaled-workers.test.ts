import { devNull } from 'node:os';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { ConnectionWatch } from '../../src/broker/connection-watch.js';
import { WorkerBeats } from '../../src/dispatch/workers/nats/worker-beats.js';
import { WorkerRegistry } from '../../src/dispatch/workers/worker-registry.js';
import { systemSources } from '../../src/platform/clock.js';
import type { Actuator } from '../../src/scheduler/actuators/actuator.port.js';
import { HeardOrders } from '../../src/scheduler/actuators/nats/heard-orders.js';
import { processesActuator } from '../../src/scheduler/actuators/processes/processes-actuator.js';
import { eventually } from '../support/eventually.js';
import { type MeteredModel, startMeteredModel } from '../support/metered-model.js';
import { type RunningService, startService } from '../support/service.js';
import { isAlive, supervisedBelow } from '../support/service-processes.js';
import { silentLogger } from '../support/silent-logger.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';
import { startTestPostgres, type TestPostgres } from '../support/test-postgres.js';

const SLOTS = 4;
const CALL_MS = 400;
const STARTED = { withinMs: 180_000, everyMs: 100 };

let nats: TestNats;
let postgres: TestPostgres;
let model: MeteredModel;
let front: RunningService;
let connection: NatsConnection;
let workers: WorkerRegistry;
let actuator: Actuator;

const settingsOfAll = (): NodeJS.ProcessEnv => ({
  ENDPOINTS: JSON.stringify([{ name: 'model', base_url: model.url, models: ['m'], max_concurrency: 64 }]),
  QUEUE_WORKER_CONCURRENCY: String(SLOTS),
  // Calls are held until all workers are there.
  LOADBALANCER_FIRST_TOKEN_TIMEOUT_MS: '600000',
  LOGGING_LEVEL: 'warn',
});

beforeAll(async () => {
  [nats, postgres, model] = await Promise.all([
    startTestNats(),
    startTestPostgres(),
    startMeteredModel(CALL_MS),
  ]);
  const servers = { NATS_URL: nats.url, NATS_USER: nats.user, NATS_PASSWORD: nats.password };
  front = await startService({
    env: { ...settingsOfAll(), ...servers, DATABASE_URL: postgres.url, LLMQ_ROLES: 'api,projector' },
  });
  connection = await connect({ servers: nats.url, user: nats.user, pass: nats.password });
  ConnectionWatch.of(connection);
}, 240_000);
afterAll(async () => {
  await front?.stop();
  await connection?.close();
  await model?.close();
  await Promise.all([nats?.stop(), postgres?.stop()]);
}, 300_000);

beforeEach(() => {
  workers = new WorkerRegistry(systemSources);
  new WorkerBeats(connection).listen(workers);
  const config = { nats, database: { url: postgres.url }, logging: { file: '' } };
  actuator = processesActuator(
    {
      ...{ workers, sources: systemSources, logger: silentLogger, config },
      orders: new HeardOrders(connection, systemSources),
      env: { ...process.env, ...settingsOfAll(), LLMQ_CONFIG: devNull },
    },
    {
      ...{ maxProcesses: 4, slotsPerWorker: SLOTS, startDelayMs: 1 },
      ...{ drainTimeoutMs: 60_000, shutdownTimeoutMs: 10_000 },
    },
  );
});
afterEach(async () => {
  await actuator.close();
  expect(await supervisedBelow(process.pid)).toEqual(new Map());
}, 300_000);

const order = (slots: number, term = 1) => actuator.scale({ slots, term, reason: 'told to' });
const taking = () => workers.alive().filter(({ slots }) => slots > 0).length;

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes.
async function call(method: string, path: string, body?: unknown): Promise<any> {
  const response = await fetch(`${front.baseUrl}/api/v1/${path}`, {
    method,
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

/** @returns the ids */
async function submit(name: string, count: number): Promise<string[]> {
  const messages = Array.from({ length: count }, (_, at) => ({ user_id: 'u', content: `${name} ${at}` }));
  const { results } = await call('POST', 'messages/batch', { messages });
  return results.map(({ id }: { id: string }) => id);
}

/** How often each was called for, as the log tells; all are completed. */
async function dispatches(ids: readonly string[]): Promise<number[]> {
  return Promise.all(
    ids.map(async (id) => {
      expect(await call('GET', `messages/${id}?wait=60s`)).toMatchObject({ status: 'completed' });
      const { data } = await call('GET', `messages/${id}/events`);
      return data.filter(({ type }: { type: string }) => type === 'llmq.message.dispatched.v1').length;
    }),
  );
}

it('scales from none to three worker processes and down to one under load: none is lost, called twice or cut', async () => {
  expect(await actuator.slots()).toBeNull();
  await eventually(async () => expect(await actuator.slots()).toBe(0));
  await order(0);
  // No call ends before all workers are there, however long their starts take.
  model.hold();
  const ids = await submit('load', 200);
  await order(3 * SLOTS);
  // Ordered, and not there yet.
  expect(await actuator.slots()).toBe(3 * SLOTS);
  await eventually(() => expect(model.running).toBeGreaterThan(2 * SLOTS), STARTED);
  await eventually(() => expect(taking()).toBe(3), STARTED);
  expect(actuator.startDelayMs).toBeGreaterThan(100);
  const before = await supervisedBelow(process.pid);
  expect(before.size).toBe(3);

  await order(1);
  expect(await actuator.slots()).toBe(SLOTS);
  expect(model.running).toBeGreaterThan(SLOTS);
  // One call after the other of each slot: else the one that stays may do all the rest while the others end.
  await eventually(
    async () => {
      model.release();
      await nextTurn();
      model.hold();
      expect((await supervisedBelow(process.pid)).size).toBe(1);
    },
    { withinMs: 180_000, everyMs: 5_000 },
  );
  model.release();
  expect(model.asked.length).toBeLessThan(200);
  expect(await actuator.slots()).toBe(SLOTS);
  // More again, before the rest is done.
  await order(2 * SLOTS);
  await eventually(() => expect(taking()).toBe(2), STARTED);

  expect(new Set(await dispatches(ids))).toEqual(new Set([1]));
  expect(model.asked.filter((question) => question.startsWith('load'))).toHaveLength(200);
  expect(new Set(model.asked).size).toBe(200);
  expect(model.cut).toBe(0);
  await actuator.close();
  for (const pid of before.values()) expect(isAlive(pid)).toBe(false);
}, 600_000);

it('starts a worker again that was killed, and one more time later when it ends again', async () => {
  await order(SLOTS);
  await eventually(() => expect(taking()).toBe(1), STARTED);
  for (let round = 0; round < 2; round += 1) {
    const [[name, pid]] = [...(await supervisedBelow(process.pid))] as [[string, number]];
    process.kill(pid, 'SIGKILL');
    await eventually(async () => {
      const now = [...(await supervisedBelow(process.pid))];
      expect(now).toHaveLength(1);
      expect(now[0]![0]).not.toBe(name);
      expect(workers.alive().map(({ worker }) => worker)).toContain(now[0]![0]);
    }, STARTED);
  }
  expect(await dispatches(await submit('after the kills', 8))).toEqual(Array(8).fill(1));
}, 300_000);

it('refuses the order of an older term, and gives way to a newer one of another scheduler', async () => {
  await order(SLOTS, 5);
  await eventually(() => expect(taking()).toBe(1), STARTED);
  await expect(order(0, 4)).rejects.toMatchObject({ code: 'old_term' });
  await sleep(1_500);
  expect(await actuator.slots()).toBe(SLOTS);
  new HeardOrders(connection, systemSources).tell({ slots: SLOTS, term: 6 });
  await eventually(async () => expect((await supervisedBelow(process.pid)).size).toBe(0), STARTED);
  await expect(order(SLOTS, 5)).rejects.toMatchObject({ code: 'old_term' });
  await sleep(1_500);
  expect((await supervisedBelow(process.pid)).size).toBe(0);
}, 300_000);
