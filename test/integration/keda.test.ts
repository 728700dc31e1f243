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
import { inOneOf } from '../support/in-one-of.js';
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

/** Asks while the leader is heard: what was heard a few seconds ago is not told. */
function heard(
  models: readonly ModelReadings[],
  wanted: number | null,
  ask: () => Promise<void>,
): Promise<void> {
  return eventually(() => {
    hear(models, wanted);
    return ask();
  });
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
    const told = (asked: Parameters<KedaClient['metrics']>, metric: object) =>
      heard([small, large], 9, async () => expect(await keda.metrics(...asked)).toMatchObject([metric]));
    await told([{}, 'llmq-wanted-slots'], {
      ...{ metricName: 'llmq-wanted-slots', metricValue: 9, metricValueFloat: 9 },
    });
    await told([{ model: 'small' }], { metricValueFloat: 6 });
    await told([waiting()], { metricName: 'llmq-waiting', metricValue: 14 });
    await told([waiting({ metric: 'messages' })], { metricValue: 17 });
    await told([waiting({ metric: 'waiting_tokens' })], { metricValue: 1_400 });
    await told([waiting({ lane: 'high' })], { metricValue: 4 });
    await told([waiting({ lane: 'high', model: 'small' })], { metricValue: 3 });
  });

  it('says whether there shall be any replica', async () => {
    const told = (models: readonly ModelReadings[], metadata: Record<string, string>, active: boolean) =>
      heard(models, 0, async () => expect(await keda.isActive(metadata)).toBe(active));
    await told([small, large], waiting(), true);
    // Calls run, which the last worker has.
    await told([small, large], {}, true);
    await told([model('small', 0, {})], {}, false);
    await told([model('small', 0, {})], waiting(), false);
    await told([model('small', 0, { low: lane(10, 0) })], waiting({ activationTarget: '10' }), false);
    await told([model('small', 0, { low: lane(10, 0) })], waiting({ activationTarget: '9' }), true);
  });

  it('fails for the part that is not known, where a zero would take the workers away', async () => {
    const told = (ask: () => Promise<void>) =>
      heard([{ ...small, lanes: { ...small.lanes, low: { unknown: 'stale' } } }, large], null, ask);
    const unknown = { code: status.UNAVAILABLE };
    await told(() => expect(keda.metrics(waiting())).rejects.toMatchObject(unknown));
    await told(() => expect(keda.metrics(waiting({ lane: 'low' }))).rejects.toMatchObject(unknown));
    await told(() => expect(keda.metrics()).rejects.toMatchObject(unknown));
    await told(() => expect(keda.isActive({ model: 'large' })).rejects.toMatchObject(unknown));
    // One that is gone, or never was.
    await told(() =>
      expect(keda.metrics(waiting({ model: 'samll' }))).rejects.toMatchObject({
        ...unknown,
        details: 'waiting is not known: the scheduler knows no model samll',
      }),
    );
    await told(async () =>
      expect(await keda.metrics(waiting({ lane: 'high' }))).toMatchObject([{ metricValue: 4 }]),
    );
  });

  it('fails when the leader is not heard any more', async () => {
    await heard([small], 6, async () => expect(await keda.isActive()).toBe(true));
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
    // A machine that is held up hears nobody for a while.
    await inOneOf(5, async () => {
      const told: (boolean | number)[] = [];
      hear([model('small', 0, {})], 0);
      const stream = keda.activity();
      stream.on('data', ({ result }: { result: boolean }) => told.push(result));
      stream.on('error', ({ code }: { code?: number }) => told.push(code ?? -1));
      await eventually(
        () => {
          hear([model('small', 0, {})], 0);
          expect(told).toEqual([false]);
        },
        { withinMs: 20_000 },
      );
      await eventually(
        () => {
          hear([small], 6);
          expect(told).toEqual([false, true]);
        },
        { withinMs: 20_000 },
      );
      await eventually(() => expect(told).toEqual([false, true, status.UNAVAILABLE]), { withinMs: 20_000 });
    });
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
