import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '@nats-io/transport-node';
import { ensureStreams } from '../../src/broker/ensure-streams.js';
import type { HealthChange } from '../../src/dispatch/endpoints/registry/registry-events.js';
import { eventually } from '../support/eventually.js';
import { inOneOf } from '../support/in-one-of.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';
import { FaultyServer, limitedTo, type Served, status, TestWorker, well } from './endpoints.rig.js';

let nats: TestNats;
const closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  nats = await startTestNats();
  const connection = await connect({ servers: nats.url, user: nats.user, pass: nats.password });
  await ensureStreams(connection, 1);
  await connection.close();
});
afterEach(closeAll);

async function closeAll(): Promise<void> {
  for (const close of closing.splice(0).reverse()) await close();
}

afterAll(() => nats.stop());

async function serverOf(...given: ConstructorParameters<typeof FaultyServer>): Promise<FaultyServer> {
  const server = await new FaultyServer(...given).start();
  closing.push(() => server.kill());
  return server;
}

async function workerOf(
  served: readonly Served[],
  { alone = false, careful = false } = {},
): Promise<TestWorker> {
  const worker = await TestWorker.start(alone ? null : nats, served, careful);
  closing.push(() => worker.stop());
  return worker;
}

function statesOf({ registry }: TestWorker): string[] {
  return registry.watches.statuses().map(({ state }) => state);
}

describe('an endpoint that limits its calls', () => {
  it('gets 24 calls to two a second within about 12 s, and refuses few', async () => {
    await inOneOf(6, async () => {
      const { answers, refused } = limitedTo(2, 1_000, { 'retry-after': '1' });
      const server = await serverOf(answers);
      const worker = await workerOf([{ name: 'one', server, settings: { places: 24 } }], {
        alone: true,
        careful: true,
      });
      const startedMs = performance.now();
      await Promise.all(Array.from({ length: 24 }, () => worker.message()));
      const tookMs = performance.now() - startedMs;
      expect(tookMs).toBeGreaterThan(10_500);
      expect(tookMs).toBeLessThan(16_000);
      expect(refused()).toBeLessThanOrEqual(6);
      expect(statesOf(worker)).toEqual(['healthy']);
    });
  });

  it('is left alone for as long as it says, by every worker', async () => {
    // A machine that is held up for some seconds sees nothing of it.
    await inOneOf(
      5,
      async () => {
        const server = await serverOf(status(429, { 'retry-after': '5' }));
        const served = [{ name: 'one', server }];
        const [one, two] = [await workerOf(served), await workerOf(served)];
        await eventually(() => expect(one.peers!.members).toHaveLength(2));
        expect(await one.nextCall()).toBe('not_now');
        // No free place would be no proof: the other worker has all of them until this one asks.
        await eventually(
          () => expect(two.registry.watches.statuses()[0]!.coolsForMs).toBeGreaterThan(2_000),
          {
            everyMs: 10,
          },
        );
        server.answers = well();
        const startedMs = performance.now();
        await two.message();
        expect(performance.now() - startedMs).toBeGreaterThan(1_500);
      },
      closeAll,
    );
  });
});

describe('a check of a server', () => {
  it('tells a server that is slow to answer from one that refuses', async () => {
    const server = await serverOf(well(), null);
    const { registry } = await workerOf([{ name: 'one', server }], { alone: true });
    expect(await registry.check('one', AbortSignal.timeout(200))).toBe('silent');
    server.health = 503;
    expect(await registry.check('one', AbortSignal.timeout(60_000))).toBe('down');
    await server.kill();
    // The connection of the check before breaks, which says nothing; a new one is refused.
    await eventually(async () =>
      expect(await registry.check('one', AbortSignal.timeout(60_000))).toBe('down'),
    );
  });
});

describe('an endpoint that goes away', () => {
  it('costs its waiting messages nothing but time, and answers them all when it is back', async () => {
    // What is tried every few seconds is tried more often while a machine is held up.
    await inOneOf(
      3,
      async () => {
        const server = await serverOf(well(20), 503);
        const served = [{ name: 'one', server, settings: { places: 8 } }];
        const workers = [await workerOf(served), await workerOf(served)];
        await eventually(() => expect(workers[0]!.peers!.members).toHaveLength(2));
        const counts = { attempts: 0 };
        const messages = Array.from({ length: 1_000 }, (_, at) => workers[at % 2]!.message('m', counts));
        for (const message of messages) message.catch(() => undefined);
        await eventually(() => expect(server.peak).toBeGreaterThanOrEqual(4));
        await server.kill();
        const before = server.calls;
        await sleep(3_000);
        server.answers = status(503);
        await server.start();
        await sleep(4_000);
        // Two refusals at first, and then the calls that try: not one for each message that waits.
        expect(server.calls - before).toBeLessThan(8);
        server.answers = well(20);
        server.health = 200;
        await Promise.all(messages);
        // No more than were under way when it went: as many as it has places.
        expect(counts.attempts).toBeLessThanOrEqual(8);
        await eventually(() => expect(workers.flatMap(statesOf)).toEqual(['healthy', 'healthy']));
      },
      closeAll,
    );
  });

  it('gets nearly none of the calls while another one serves, and its part back in steps', async () => {
    const [first, second] = [await serverOf(well(5)), await serverOf(well(5))];
    const worker = await workerOf(
      [
        { name: 'first', server: first },
        { name: 'second', server: second },
      ],
      { alone: true },
    );
    const changes: HealthChange[] = [];
    worker.registry.events.on('health', (change) => changes.push(change));
    let failed = 0;
    let stop = false;
    const clients = Array.from({ length: 8 }, async () => {
      while (!stop) {
        const result = await worker.call();
        // Another endpoint at once, as a worker's failover does.
        if (result !== 'answered' && (await worker.call('m', new Set(['first']))) !== 'answered') failed += 1;
        await sleep(5);
      }
    });
    for (let round = 0; round < 3; round += 1) {
      await sleep(1_500);
      first.answers = status(500);
      const [bad, all] = [first.calls, first.calls + second.calls];
      await sleep(2_500);
      const [gotBad, gotAll] = [first.calls - bad, first.calls + second.calls - all];
      // Those that show how it is, however few the others are on a slow machine.
      expect(gotBad).toBeLessThan(Math.max(20, 0.02 * gotAll));
      first.answers = well(5);
      await eventually(() => expect(worker.registry.watches.statuses()[0]!.share).toBeGreaterThan(0));
    }
    await eventually(() => expect(statesOf(worker)).toEqual(['healthy', 'healthy']));
    stop = true;
    await Promise.all(clients);
    expect(failed).toBe(0);
    expect(changes[0]).toMatchObject({ endpoint: 'first', model: 'm', to: 'unhealthy' });
    expect(changes.every(({ endpoint }) => endpoint === 'first')).toBe(true);
  });
});

describe('what workers know of endpoints', () => {
  it('is the same in all of them, and known to who comes later', async () => {
    const server = await serverOf(status(500), 500);
    const served = [{ name: 'one', server }];
    const workers = [await workerOf(served), await workerOf(served)];
    await eventually(() => expect(workers[0]!.peers!.members).toHaveLength(2));
    for (const worker of [workers[0]!, workers[1]!, workers[0]!, workers[1]!, workers[0]!]) {
      expect(await worker.nextCall()).toBe('failed');
      await sleep(100);
    }
    await eventually(() => expect(workers.flatMap(statesOf)).toEqual(['unhealthy', 'unhealthy']));
    await eventually(() => expect(workers.filter(({ peers }) => peers!.leads)).toHaveLength(1));
    const late = await workerOf(served);
    await eventually(() => expect(statesOf(late)).toEqual(['unhealthy']));
    await eventually(() => expect(late.registry.freePlaces('m')).toBe(0));
  });

  it('is tried from another worker where the one whose turn it is has no message', async () => {
    // It is degraded for some seconds only.
    await inOneOf(
      3,
      async () => {
        const server = await serverOf(status(500));
        const served = [{ name: 'one', server }];
        const workers = [await workerOf(served), await workerOf(served)];
        await eventually(() => expect(workers[0]!.peers!.members).toHaveLength(2));
        const leader = await eventually(() => {
          const [found, ...more] = workers.filter(({ peers }) => peers!.leads);
          expect([found, more]).toEqual([expect.anything(), []]);
          return found!;
        });
        const other = workers.find((worker) => worker !== leader)!;
        for (let call = 0; call < 5; call += 1) expect(await leader.nextCall()).toBe('failed');
        await eventually(() => expect(statesOf(other)).toEqual(['unhealthy']));
        server.answers = well();
        await other.message();
        await eventually(() => expect(workers.flatMap(statesOf)).toEqual(['degraded', 'degraded']));
      },
      closeAll,
    );
  });
});
