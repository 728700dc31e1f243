import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { EVENTS_STREAM } from '../../src/broker/streams.js';
import { routeConsumerName } from '../../src/dispatch/lanes/jetstream/route-consumers.js';
import { DispatcherModule } from '../../src/dispatch/worker/dispatcher.module.js';
import { WorkerRegistry } from '../../src/dispatch/workers/worker-registry.js';
import { routeOf } from '../../src/log/subjects.js';
import { Scheduler } from '../../src/scheduler/scheduler.js';
import { SchedulerModule } from '../../src/scheduler/scheduler.module.js';
import { eventually } from '../support/eventually.js';
import { jetstreamManager } from '../support/jetstream.js';
import { type MeteredModel, startMeteredModel } from '../support/metered-model.js';
import { connectTo, type Gateway, request, type Servers, startGateway, startServers } from './gateway.rig.js';

let servers: Servers;
let model: MeteredModel | undefined;
let gateways: Gateway[] = [];
/** Each test has its own, so that none finds what another left waiting. */
let tests = 0;
let served = '';

beforeEach(() => {
  tests += 1;
  served = `model-${tests}`;
});
beforeAll(async () => {
  servers = await startServers();
});
afterEach(async () => {
  // What operators change lasts, for the next test as well.
  if (gateways[0] !== undefined) await put(gateways[0], {});
  await Promise.all(gateways.map((gateway) => gateway.close()));
  gateways = [];
  await model?.close();
  model = undefined;
});
afterAll(async () => {
  await servers?.stop();
});

interface Started {
  readonly scheduler?: Record<string, unknown>;
  readonly worker?: boolean;
  readonly takesMs?: number;
}

async function start({ scheduler = {}, worker = false, takesMs = 200 }: Started = {}): Promise<Gateway> {
  model ??= await startMeteredModel(takesMs);
  const config = {
    scheduler: { enabled: true, interval_ms: 200, ...scheduler },
    endpoints: [{ name: 'test', base_url: model.url, models: [served], max_concurrency: 100 }],
    queue: { worker: { concurrency: 2, realtime_reserve: 0 } },
    // Some calls are held until all of a test is seen.
    loadbalancer: { first_token_timeout_ms: 300_000 },
  };
  const modules = worker ? [SchedulerModule, DispatcherModule] : [SchedulerModule];
  const roles = ['api', 'projector', 'scheduler', ...(worker ? (['worker'] as const) : [])] as const;
  const gateway = await startGateway(servers, config, { modules, roles: [...roles] });
  gateways.push(gateway);
  return gateway;
}

const get = ({ baseUrl }: Gateway, path = '') => request('GET', `${baseUrl}/api/v1/scheduler${path}`);
const put = ({ baseUrl }: Gateway, body: object) => request('PUT', `${baseUrl}/api/v1/scheduler`, body);

function completed({ baseUrl }: Gateway, id: string): Promise<void> {
  return eventually(
    async () => {
      const { json } = await request('GET', `${baseUrl}/api/v1/messages/${id}?wait=30s`);
      expect(json.status).toBe('completed');
    },
    { withinMs: 120_000 },
  );
}

async function submit({ baseUrl }: Gateway, count: number): Promise<string[]> {
  const messages = Array.from({ length: count }, (_, at) => ({
    ...{ user_id: 'u', content: `question ${at}`, priority: 'normal', model: served },
  }));
  const { json } = await request('POST', `${baseUrl}/api/v1/messages/batch`, { messages });
  return json.results.map(({ id }: { id: string }) => id);
}

describe('a scheduler before any worker', () => {
  it('knows what waits for a model that nobody ever served, and starts a first slot for it', async () => {
    const gateway = await start({ scheduler: { min_slots: 0, zero_after_ms: 1_000 } });
    await eventually(async () => expect((await get(gateway)).json.term).toBeGreaterThan(0));
    const lane = `/metrics?model=${served}&lane=normal`;
    await eventually(async () => {
      expect((await get(gateway, lane)).json).toMatchObject({ wanted_slots: 0, waiting: 0, running: 0 });
    });
    const ids = await submit(gateway, 5);
    await eventually(async () => {
      const { json } = await get(gateway, lane);
      expect(json).toMatchObject({ waiting: 5, running: 0 });
      expect(json.wanted_slots).toBeGreaterThanOrEqual(1);
    });
    await eventually(async () => {
      const { json: listed } = await get(gateway, `/decisions?model=${served}`);
      expect(listed.data).toContainEqual(expect.objectContaining({ from: 0, to: 1 }));
    });
    expect((await get(gateway, '/metrics?model=nobodys')).status).toBe(503);

    // The first worker makes the consumers. From then on they tell what waits.
    await start({ scheduler: { enabled: false }, worker: true });
    for (const id of ids) await completed(gateway, id);
    await eventually(async () => expect((await get(gateway, lane)).json).toMatchObject({ waiting: 0 }));
  });

  it('is off until it is switched on, and says so', async () => {
    const gateway = await start({ scheduler: { enabled: false }, worker: true });
    expect((await get(gateway)).json).toMatchObject({ settings: { enabled: false }, term: null });
    const { status, json } = await get(gateway, '/metrics');
    expect({ status, detail: json.detail }).toEqual({ status: 503, detail: expect.stringContaining('off') });
    expect(gateway.part(Scheduler).leads).toBe(false);
    const changed = await put(gateway, { enabled: true, strategy: 'static', static_slots: 3 });
    expect(changed.json).toMatchObject({ settings: { enabled: true, static_slots: 3 }, changed_by: 'local' });
    await eventually(() => expect(gateway.part(Scheduler).leads).toBe(true));
    await eventually(async () => expect((await get(gateway)).json.wanted_slots).toBe(3));
    expect((await put(gateway, {})).json).toMatchObject({ settings: { enabled: false }, changed: {} });
    await eventually(() => expect(gateway.part(Scheduler).leads).toBe(false));
  });

  it('refuses settings that can not be', async () => {
    const gateway = await start({ scheduler: { enabled: false } });
    const wrong = await put(gateway, { min_slots: 5, max_slots: 2 });
    expect([wrong.status, wrong.json.field]).toEqual([422, 'min_slots']);
    expect((await put(gateway, { strategy: 'guess' })).status).toBe(422);
    expect((await put(gateway, { lanes: { lowest: {} } })).status).toBe(422);
    expect((await put(gateway, { slots: 2 })).status).toBe(422);
  });
});

describe('a scheduler with workers', () => {
  const quick = { up_cool_down_ms: 400, down_cool_down_ms: 1_500, strategy: 'dynamic', actuator: 'slots' };

  it('answers a load step with more slots and its end with fewer, and cuts nothing', async () => {
    const gateway = await start({ scheduler: { ...quick, max_slots: 12 }, worker: true, takesMs: 400 });
    const workers = gateway.part(WorkerRegistry);
    await eventually(() => expect([workers.count, gateway.part(Scheduler).leads]).toEqual([1, true]));
    // The load lasts until all of it has been seen, however slow this machine is.
    model!.hold();
    const ids = await submit(gateway, 80);
    await eventually(() => expect(workers.slots).toBe(12));
    await eventually(() => expect(model!.peak).toBeGreaterThanOrEqual(10));
    await eventually(async () => {
      const { json: metrics } = await get(gateway, `/metrics?model=${served}&lane=normal`);
      expect(metrics).toMatchObject({
        wanted_slots: 12,
        slots: expect.any(Number),
        waiting: expect.any(Number),
      });
    });
    model!.release();
    for (const id of ids) await completed(gateway, id);
    await eventually(() => expect(workers.slots).toBeLessThanOrEqual(2));
    expect(model!.cut).toBe(0);
    expect(model!.asked).toHaveLength(80);

    const { json: listed } = await get(gateway, `/decisions?limit=100&model=${served}`);
    const sizes = listed.data.map(({ from, to }: { from: number; to: number }) => [from, to]).reverse();
    expect(sizes[0][0]).toBe(2);
    for (let at = 1; at < sizes.length; at += 1) expect(sizes[at][0]).toBe(sizes[at - 1][1]);
    expect(listed.data.some(({ to }: { to: number }) => to === 12)).toBe(true);
    for (const decision of listed.data) {
      expect(decision).toMatchObject({
        model: served,
        strategy: 'dynamic',
        actuator: 'slots',
        dry_run: false,
      });
      expect(decision.reason).not.toBe('');
    }
    const page = (await get(gateway, `/decisions?limit=1&model=${served}`)).json;
    const rest = (await get(gateway, `/decisions?limit=100&model=${served}&cursor=${page.next_cursor}`)).json;
    expect([...page.data, ...rest.data]).toEqual(listed.data);
  });

  it('takes slots away from under running calls without ending one', async () => {
    const gateway = await start({
      scheduler: { ...quick, strategy: 'static', static_slots: 6 },
      worker: true,
    });
    const workers = gateway.part(WorkerRegistry);
    await put(gateway, { strategy: 'static', static_slots: 6, down_cool_down_ms: 0 });
    await eventually(() => expect(workers.slots).toBe(6));
    model!.hold();
    const ids = await submit(gateway, 6);
    await eventually(() => expect(model!.running).toBe(6));
    await put(gateway, { strategy: 'static', static_slots: 1, down_cool_down_ms: 0 });
    await eventually(() => expect(workers.slots).toBe(1));
    expect(model!.running).toBe(6);
    model!.release();
    for (const id of ids) await completed(gateway, id);
    expect([model!.cut, model!.asked.length]).toEqual([0, 6]);
  });

  it('decides and orders nothing in a dry run', async () => {
    const gateway = await start({
      scheduler: { ...quick, strategy: 'static', static_slots: 7, dry_run: true },
      worker: true,
    });
    await eventually(async () => {
      const { json } = await get(gateway, `/decisions?model=${served}`);
      expect(json.data[0]).toMatchObject({ to: 7, dry_run: true });
    });
    await sleep(1_000);
    expect(gateway.part(WorkerRegistry).slots).toBe(2);
  });

  it('tells age, tokens and deadlines of what waits, and asks for no slots where the lane is paused', async () => {
    const gateway = await start({ scheduler: quick, worker: true });
    const workers = gateway.part(WorkerRegistry);
    await eventually(async () => expect((await get(gateway, '/metrics')).status).toBe(200));
    await request('POST', `${gateway.baseUrl}/api/v1/admin/lanes/normal/pause`, { reason: 'a test' });
    try {
      const messages = ['59s', '59s', '10m'].map((ttl) => ({
        ...{ user_id: 'u', content: 'How many tokens are in this question?', priority: 'normal' },
        ...{ ttl, model: served },
      }));
      await request('POST', `${gateway.baseUrl}/api/v1/messages/batch`, { messages });
      await eventually(async () => {
        const { json } = await get(gateway, `/metrics?model=${served}&lane=normal`);
        expect(json).toMatchObject({ waiting: 3, running: 0, load: 3, due_within_minute: 2 });
        expect(json.waiting_tokens).toBeGreaterThanOrEqual(3 * 7);
        expect(json.oldest_age_seconds).toBeGreaterThan(2);
      });
      expect(workers.slots).toBeLessThanOrEqual(2);
    } finally {
      await request('POST', `${gateway.baseUrl}/api/v1/admin/lanes/normal/resume`);
    }
    await eventually(() => expect(model!.asked).toHaveLength(3));
    await eventually(async () => {
      const { json } = await get(gateway, '/metrics');
      const [{ service }] = json.models;
      expect(service.seconds_per_message).toBeGreaterThanOrEqual(0.2);
    });
  });

  it('knows a lane as unknown while its consumer is gone', async () => {
    const gateway = await start({ worker: true });
    const connection = await connectTo(servers.nats);
    const { consumers } = await jetstreamManager(connection);
    await eventually(async () => expect((await get(gateway, '/metrics?lane=low')).status).toBe(200));
    const consumer = routeConsumerName('low', routeOf(served));
    const deleting = setInterval(
      () => void consumers.delete(EVENTS_STREAM, consumer).catch(() => undefined),
      20,
    );
    try {
      await eventually(async () => {
        expect((await get(gateway, '/metrics?lane=low')).status).toBe(503);
        const high = await get(gateway, '/metrics?lane=high');
        expect(high.status).toBe(200);
        expect(high.json.lanes.low.waiting).toBeNull();
      });
    } finally {
      clearInterval(deleting);
      await connection.close();
    }
    await eventually(async () => expect((await get(gateway, '/metrics?lane=low')).status).toBe(200));
  });

  it('knows nothing while the broker is away, and goes on when it is back', async () => {
    const gateway = await start({ worker: true });
    await eventually(async () => expect((await get(gateway, '/metrics')).status).toBe(200));
    await servers.nats.kill();
    try {
      await eventually(async () => expect((await get(gateway, '/metrics')).status).toBe(503));
    } finally {
      await servers.nats.restart();
    }
    await eventually(async () => expect((await get(gateway, '/metrics')).status).toBe(200));
  });
});

describe('several schedulers', () => {
  it('have one that decides, and its successor goes on with the size in a greater term', async () => {
    const settings = { strategy: 'static', static_slots: 5, actuator: 'slots' };
    const first = await start({ scheduler: settings, worker: true });
    await eventually(async () =>
      expect((await get(first)).json).toMatchObject({ slots: 5, wanted_slots: 5 }),
    );
    const second = await start({ scheduler: settings });
    const { term } = (await get(first)).json;
    await eventually(async () => expect((await get(second)).json.term).toBe(term));
    expect([first, second].map((each) => each.part(Scheduler).leads)).toEqual([true, false]);
    const decided = (await get(second, `/decisions?model=${served}`)).json.data.length;
    await first.part(Scheduler).stop();
    await eventually(() => expect(second.part(Scheduler).leads).toBe(true));
    await eventually(async () =>
      expect((await get(second)).json).toMatchObject({ term: term + 1, slots: 5 }),
    );
    await sleep(1_000);
    expect((await get(second, `/decisions?model=${served}`)).json.data).toHaveLength(decided);
  });
});
