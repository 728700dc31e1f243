import { once } from 'node:events';
import { Server } from 'node:net';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { perLaneOf } from '../../src/domain/message/per-lane.js';
import { KedaModule } from '../../src/interfaces/keda/keda.module.js';
import { serveKeda } from '../../src/interfaces/keda/scaler-server.js';
import { configSchema } from '../../src/platform/config/config.schema.js';
import { KnownReadings } from '../../src/scheduler/readings/known-readings.js';
import type { LaneFigures, ModelReadings } from '../../src/scheduler/readings/scheduler-readings.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { KedaClient } from '../support/keda-client.js';
import { type Gateway, type Servers, startGateway, startServers } from './gateway.rig.js';

let servers: Servers;
let gateway: Gateway;
let keda: KedaClient;

beforeAll(async () => {
  servers = await startServers();
  const port = await freePort();
  gateway = await startGateway(servers, { scheduler: { keda: { port } } }, { modules: [KedaModule] });
  keda = new KedaClient(`127.0.0.1:${port}`);
});
afterAll(async () => {
  keda?.close();
  await gateway?.close();
  await servers?.stop();
});

const lane = (waiting: number, running: number): LaneFigures => ({
  ...{ waiting, running, redelivering: 0, oldest_age_seconds: 0 },
  ...{ arrivals_per_second: null, due_within_minute: 0, waiting_tokens: 100 * waiting },
});
const model = (
  name: string,
  wanted: number | null,
  lanes: Partial<ModelReadings['lanes']>,
): ModelReadings => ({
  ...{ model: name, wanted_slots: wanted, lanes: { ...perLaneOf(() => lane(0, 0)), ...lanes } },
  service: {
    ...{ seconds_per_message: null, messages_per_second_and_slot: null, tokens_per_second_and_slot: null },
  },
});
const small = model('small', 6, { high: lane(3, 2), low: lane(10, 0) });
const large = model('large', null, { high: lane(1, 1) });

/** As the leader's next reading comes to every process. */
function hear(models: readonly ModelReadings[], wanted: number | null): void {
  const at = new Date().toISOString();
  gateway.part(KnownReadings).heard({ term: 1, at, slots: 4, wanted_slots: wanted, models: [...models] });
}

const waiting = (more: Record<string, string> = {}) => ({ metric: 'waiting', target: '4', ...more });

describe("KEDA's external scaler", () => {
  it('knows nothing before a leader is heard, and says so', async () => {
    const unknown = {
      code: status.UNAVAILABLE,
      details: 'wanted_slots is not known: no scheduler is heard; see scheduler.enabled',
    };
    await expect(keda.metrics()).rejects.toMatchObject(unknown);
    await expect(keda.isActive()).rejects.toMatchObject(unknown);
    const [error] = await once(keda.activity(), 'error');
    expect(error).toMatchObject(unknown);
  });

  it('says how much one replica takes: of slots what a worker has, of the rest what the trigger says', async () => {
    expect(await keda.spec()).toEqual([
      { metricName: 'llmq-wanted-slots', targetSize: 16, targetSizeFloat: 16 },
    ]);
    expect(await keda.spec({ metric: 'messages', target: '2.5' })).toEqual([
      { metricName: 'llmq-messages', targetSize: 3, targetSizeFloat: 2.5 },
    ]);
  });

  it('tells what the leader tells, of all or of one model and lane', async () => {
    const metrics = (...asked: Parameters<KedaClient['metrics']>) => {
      // What was heard a few seconds ago is not told.
      hear([small, large], 9);
      return keda.metrics(...asked);
    };
    expect(await metrics({}, 'llmq-wanted-slots')).toEqual([
      { metricName: 'llmq-wanted-slots', metricValue: 9, metricValueFloat: 9 },
    ]);
    expect(await metrics({ model: 'small' })).toMatchObject([{ metricValueFloat: 6 }]);
    expect(await metrics(waiting())).toMatchObject([{ metricName: 'llmq-waiting', metricValue: 14 }]);
    expect(await metrics(waiting({ metric: 'messages' }))).toMatchObject([{ metricValue: 17 }]);
    expect(await metrics(waiting({ metric: 'waiting_tokens' }))).toMatchObject([{ metricValue: 1_400 }]);
    expect(await metrics(waiting({ lane: 'high' }))).toMatchObject([{ metricValue: 4 }]);
    expect(await metrics(waiting({ lane: 'high', model: 'small' }))).toMatchObject([{ metricValue: 3 }]);
  });

  it('says whether there shall be any replica', async () => {
    hear([small, large], 0);
    expect(await keda.isActive(waiting())).toBe(true);
    hear([small, large], 0);
    // Calls run, which the last worker has.
    expect(await keda.isActive()).toBe(true);
    hear([model('small', 0, {})], 0);
    expect(await keda.isActive()).toBe(false);
    hear([model('small', 0, {})], 0);
    expect(await keda.isActive(waiting())).toBe(false);
    hear([model('small', 0, { low: lane(10, 0) })], 0);
    expect(await keda.isActive(waiting({ activationTarget: '10' }))).toBe(false);
    hear([model('small', 0, { low: lane(10, 0) })], 0);
    expect(await keda.isActive(waiting({ activationTarget: '9' }))).toBe(true);
  });

  it('fails for the part that is not known, where a zero would take the workers away', async () => {
    const again = () =>
      hear([{ ...small, lanes: { ...small.lanes, low: { unknown: 'stale' } } }, large], null);
    again();
    const unknown = { code: status.UNAVAILABLE };
    await expect(keda.metrics(waiting())).rejects.toMatchObject(unknown);
    await expect(keda.metrics(waiting({ lane: 'low' }))).rejects.toMatchObject(unknown);
    await expect(keda.metrics()).rejects.toMatchObject(unknown);
    await expect(keda.isActive({ model: 'large' })).rejects.toMatchObject(unknown);
    again();
    // One that is gone, or never was.
    await expect(keda.metrics(waiting({ model: 'samll' }))).rejects.toMatchObject({
      ...unknown,
      details: 'waiting is not known: the scheduler knows no model samll',
    });
    again();
    expect(await keda.metrics(waiting({ lane: 'high' }))).toMatchObject([{ metricValue: 4 }]);
  });

  it('fails when the leader is not heard any more', async () => {
    hear([small], 6);
    expect(await keda.isActive()).toBe(true);
    await eventually(() => expect(keda.metrics()).rejects.toMatchObject({ code: status.UNAVAILABLE }));
  });

  it('refuses a trigger that asks for what there is not', async () => {
    const wrong = {
      code: status.INVALID_ARGUMENT,
      details: 'metric is "lag", and must be one of wanted_slots, waiting, messages, waiting_tokens',
    };
    await expect(keda.metrics({ metric: 'lag' })).rejects.toMatchObject(wrong);
    await expect(keda.spec({ metric: 'lag' })).rejects.toMatchObject(wrong);
    const [error] = await once(keda.activity({ metric: 'lag' }), 'error');
    expect(error).toMatchObject(wrong);
    await expect(keda.metrics({}, 'llmq-waiting')).rejects.toMatchObject({ code: status.NOT_FOUND });
  });

  it('pushes whether there shall be replicas: at once, as it changes, and no more once it is not known', async () => {
    const told: (boolean | number)[] = [];
    hear([model('small', 0, {})], 0);
    const stream = keda.activity();
    stream.on('data', ({ result }: { result: boolean }) => told.push(result));
    stream.on('error', ({ code }: { code?: number }) => told.push(code ?? -1));
    await eventually(() => {
      hear([model('small', 0, {})], 0);
      expect(told).toEqual([false]);
    });
    await eventually(() => {
      hear([small], 6);
      expect(told).toEqual([false, true]);
    });
    await eventually(() => expect(told).toEqual([false, true, status.UNAVAILABLE]));
  });

  it('does not know what newer KEDAs go on without', async () => {
    const [error] = await once(keda.specStream(), 'error');
    expect(error).toMatchObject({ code: status.UNIMPLEMENTED });
  });
});

it('tells which setting to change where its port is taken', async () => {
  const taken = new Server().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };
  @Module({})
  class Nothing {}
  const app = await NestFactory.create<NestFastifyApplication>(Nothing, new FastifyAdapter(), {
    logger: false,
  });
  serveKeda(app, configSchema.parse({ scheduler: { keda: { port } } }));
  await expect(app.startAllMicroservices()).rejects.toMatchObject({
    code: 'keda_port_unusable',
    message: expect.stringContaining('SCHEDULER_KEDA_PORT'),
  });
  await app.close();
  taken.close();
});
