import type { EndpointRegistry } from '../../src/dispatch/endpoints/endpoint-registry.js';
import { OpenAiEndpoint } from '../../src/dispatch/endpoints/openai/openai-endpoint.js';
import { LANES } from '../../src/domain/message/lane.policy.js';
import { eventually } from '../support/eventually.js';
import { type MeteredModel, startMeteredModel } from '../support/metered-model.js';
import { Rig } from './dispatcher.rig.js';

let rig: Rig;
const models: MeteredModel[] = [];

beforeAll(async () => {
  rig = await Rig.start();
});
afterEach(async () => {
  await rig.stopWorkers();
  for (const model of models.splice(0)) await model.close();
});
afterAll(() => rig?.stop());

async function metered(
  name: string,
  maxConcurrency: number,
  served: readonly string[] = ['model'],
): Promise<{ model: MeteredModel; endpoint: OpenAiEndpoint }> {
  const model = await startMeteredModel(200);
  models.push(model);
  const endpoint = new OpenAiEndpoint({
    ...{ name, baseUrl: model.url, models: served, maxConcurrency, apiKey: null },
    ...{ connectTimeoutMs: 60_000, firstTokenTimeoutMs: 60_000 },
  });
  return { model, endpoint };
}

/** Messages of all lanes, with their numbers as their contents. */
function backlog(count: number, model = 'model'): Promise<string[]> {
  return Promise.all(
    Array.from({ length: count }, (_, at) =>
      rig.submit(LANES[at % LANES.length]!, { model, content: `${model} ${at}` }),
    ),
  );
}

/** Each message was called once, by one endpoint, and ended once. */
async function answeredOnce(ids: readonly string[]): Promise<void> {
  await rig.lanesEmpty();
  for (const id of ids) await rig.history(id, ['received', 'prioritized', 'dispatched', 'completed']);
  const asked = models.flatMap((model) => model.asked);
  expect(new Set(asked).size).toBe(asked.length);
  expect(asked).toHaveLength(ids.length);
  expect(models.map(({ cut }) => cut)).toEqual(models.map(() => 0));
}

/** Calls under way, those included that have not reached the endpoint yet. */
function taken(registry: EndpointRegistry, name: string): number {
  return registry.states().find((state) => state.name === name)!.taken;
}

/** The most calls at once over a while in which calls began. */
async function peakOver(model: MeteredModel, ms: number): Promise<number> {
  const before = model.asked.length;
  model.resetPeak();
  await new Promise((resolve) => setTimeout(resolve, ms));
  await eventually(() => expect(model.asked.length).toBeGreaterThan(before));
  return model.peak;
}

it('uses more slots at once and lets calls end with fewer, without losing or doubling a message', async () => {
  const { model, endpoint } = await metered('one', 100);
  const ids = await backlog(400);
  model.hold();
  const { worker } = await rig.startWorker({ endpoints: [endpoint], concurrency: 16, prefetch: 32 });
  await eventually(() => expect(model.running).toBe(16));
  expect(worker.status).toMatchObject({ slots: 16, capacity: { realtime: 16, normal: 15 } });
  model.release();

  worker.resize(2);
  expect(worker.status).toMatchObject({ slots: 2, capacity: { realtime: 2, normal: 2 } });
  await eventually(() => expect(worker.status.running).toBeLessThanOrEqual(2));
  expect(await peakOver(model, 1_000)).toBeLessThanOrEqual(2);
  expect(model.cut).toBe(0);

  model.hold();
  worker.resize(64);
  expect(worker.status).toMatchObject({ slots: 64, capacity: { realtime: 64, normal: 58 } });
  await eventually(() => expect(model.peak).toBeGreaterThan(58));
  model.release();
  await answeredOnce(ids);
  expect(model.peak).toBeLessThanOrEqual(64);
});

it('has endpoints added, changed, drained and removed under load, without losing or doubling a message', async () => {
  const one = await metered('one', 4);
  const two = await metered('two', 8);
  const three = await metered('three', 8, ['model', 'other']);
  const ids = await backlog(500);
  one.model.hold();
  const { worker, registry } = await rig.startWorker({
    ...{ endpoints: [one.endpoint], concurrency: 64, prefetch: 32 },
  });
  await eventually(() => expect([one.model.running, worker.status.slots]).toEqual([4, 4]));
  one.model.release();

  two.model.hold();
  registry.add(two.endpoint);
  expect(worker.status.slots).toBe(12);
  await eventually(() => expect(two.model.running).toBeGreaterThan(6));
  two.model.release();
  expect(await peakOver(one.model, 500)).toBeLessThanOrEqual(4);

  registry.drain('one');
  expect(worker.status.slots).toBe(8);
  await eventually(() => expect(taken(registry, 'one')).toBe(0));
  const drainedAt = one.model.asked.length;

  registry.change('two', { places: 2 });
  await eventually(() => expect(taken(registry, 'two')).toBeLessThanOrEqual(2));
  expect(await peakOver(two.model, 1_000)).toBeLessThanOrEqual(2);
  expect(one.model.asked).toHaveLength(drainedAt);

  for (const { model } of [one, three]) model.hold();
  registry.undrain('one');
  registry.change('one', { places: 6 });
  registry.add(three.endpoint);
  ids.push(...(await backlog(20, 'other')));
  await eventually(() => expect([one.model.peak, three.model.peak]).toEqual([6, 8]));
  for (const { model } of [one, three]) model.release();

  const removed = registry.remove('two');
  await removed;
  const removedAt = two.model.asked.length;
  expect([two.model.running, worker.status.slots]).toEqual([0, 14]);
  await answeredOnce(ids);
  expect(two.model.asked).toHaveLength(removedAt);
  expect(three.model.asked.filter((content) => content.startsWith('other'))).toHaveLength(20);
  await eventually(() => expect(worker.status).toMatchObject({ running: 0, counters: { workerErrors: 0 } }));
  // One whose place was closed while it was looked up goes back untouched: at most one for each place that was closed.
  expect(worker.status.counters.handedBack).toBeLessThanOrEqual(4 + 6 + 2);
});

it('keeps messages while no endpoint takes calls, and goes on when one does', async () => {
  const one = await metered('one', 4);
  const two = await metered('two', 4);
  const { worker, registry } = await rig.startWorker({ endpoints: [one.endpoint], prefetch: 8 });
  registry.drain('one');
  const ids = await backlog(20);
  await registry.remove('one');
  expect([one.model.asked.length, worker.status.slots]).toEqual([0, 0]);
  registry.add(two.endpoint);
  await answeredOnce(ids);
  expect(two.model.asked).toHaveLength(20);
});
