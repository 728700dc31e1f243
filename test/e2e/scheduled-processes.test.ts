import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { type MeteredModel, startMeteredModel } from '../support/metered-model.js';
import { type RunningService, startService } from '../support/service.js';
import { isAlive, supervisedBelow } from '../support/service-processes.js';

const SLOTS = 4;
const LONG = { withinMs: 180_000, everyMs: 100 };

let model: MeteredModel;
let service: RunningService;

beforeAll(async () => {
  model = await startMeteredModel(1_000);
  service = await startService({
    env: { LLMQ_ROLES: '-worker' },
    config: {
      endpoints: [{ name: 'model', base_url: model.url, models: ['m'], max_concurrency: 64 }],
      queue: { worker: { concurrency: SLOTS } },
      // Calls are held until all workers are there.
      loadbalancer: { first_token_timeout_ms: 600_000 },
      scheduler: {
        ...{ enabled: true, actuator: 'processes', strategy: 'static', static_slots: SLOTS },
        ...{ interval_ms: 200, up_cool_down_ms: 0, down_cool_down_ms: 0, processes: { max: 3 } },
      },
    },
  });
}, 240_000);
afterAll(async () => {
  await service?.stop();
  await model?.close();
}, 300_000);

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes.
async function call(method: string, path: string, body?: unknown): Promise<any> {
  const sent =
    body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
  const response = await fetch(`${service.baseUrl}/api/v1/${path}`, { method, ...sent });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

async function submit(name: string, count: number): Promise<string[]> {
  const messages = Array.from({ length: count }, (_, at) => ({ user_id: 'u', content: `${name} ${at}` }));
  const { results } = await call('POST', 'messages/batch', { messages });
  return results.map(({ id }: { id: string }) => id);
}

/** The size that the actuator was told, and that is there. */
const workers = (count: number) =>
  eventually(async () => expect((await supervisedBelow(service.pid)).size).toBe(count), LONG);

it('the scheduler of an embedded service starts and ends its worker processes, and nothing is left when it is killed', async () => {
  await workers(1);
  // No call ends before all workers are there, however long their starts take.
  model.hold();
  const ids = await submit('steps', 200);
  await call('PUT', 'scheduler', { static_slots: 3 * SLOTS });
  await eventually(() => expect(model.running).toBeGreaterThan(2 * SLOTS), LONG);
  await workers(3);
  model.release();
  await call('PUT', 'scheduler', { static_slots: SLOTS });
  await workers(1);
  for (const id of ids) {
    expect(await call('GET', `messages/${id}?wait=60s`)).toMatchObject({ status: 'completed' });
  }
  expect([...model.asked].sort()).toEqual(Array.from({ length: 200 }, (_, at) => `steps ${at}`).sort());
  expect(model.cut).toBe(0);

  const left = [...(await supervisedBelow(service.pid)).values()];
  expect(left).toHaveLength(1);
  await service.kill('SIGKILL');
  await eventually(() => expect(left.filter(isAlive)).toEqual([]), LONG);
}, 900_000);
