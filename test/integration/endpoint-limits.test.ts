import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { ensureStreams } from '../../src/broker/ensure-streams.js';
import { eventually } from '../support/eventually.js';
import { inOneOf } from '../support/in-one-of.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';
import { FaultyServer, measured, mostBegun, type Served, TestWorker, well } from './endpoints.rig.js';

let nats: TestNats;
let connection: NatsConnection;
const closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  nats = await startTestNats();
  connection = await connect({ servers: nats.url, user: nats.user, pass: nats.password });
  await ensureStreams(connection, 1);
});
afterEach(closeAll);

async function closeAll(): Promise<void> {
  for (const close of closing.splice(0).reverse()) await close();
}

afterAll(async () => {
  await connection.close();
  await nats.stop();
});

async function serverOf(takesMs: number): Promise<FaultyServer> {
  const server = await new FaultyServer(well(takesMs)).start();
  closing.push(() => server.kill());
  return server;
}

async function workersOf(count: number, served: readonly Served[]): Promise<TestWorker[]> {
  const workers: TestWorker[] = [];
  for (let at = 0; at < count; at += 1) workers.push(await workerOf(served));
  await eventually(() => {
    for (const { peers } of workers) expect(peers!.members).toHaveLength(count);
  });
  return workers;
}

async function workerOf(served: readonly Served[]): Promise<TestWorker> {
  const worker = await TestWorker.start(nats, served);
  closing.push(() => worker.stop());
  return worker;
}

/** Calls as often as places are free, as a worker with a backlog does. */
function busy(worker: TestWorker): () => void {
  let isBusy = true;
  const fill = () => {
    while (isBusy && worker.registry.freePlaces('m') > 0) {
      void worker.call().then((result) => {
        if (result === 'answered') fill();
      });
    }
  };
  worker.registry.events.on('freed', fill);
  const timer = setInterval(fill, 100);
  fill();
  const end = () => {
    isBusy = false;
    clearInterval(timer);
  };
  worker.stops.push(end);
  return end;
}

/** The part of the places that calls held over a time, a busy machine's own slowness included. */
async function used(workers: readonly TestWorker[], places: number, forMs: number): Promise<number> {
  const samples: number[] = [];
  const endMs = performance.now() + forMs;
  while (performance.now() < endMs) {
    samples.push(workers.reduce((sum, { running }) => sum + running, 0));
    await sleep(10);
  }
  return samples.reduce((sum, each) => sum + each, 0) / (samples.length * places);
}

/** The shares settle a few seconds after each change. */
function nearlyAllUsed(workers: readonly TestWorker[], places: number, forMs = 2_000): Promise<void> {
  return eventually(async () => expect(await used(workers, places, forMs)).toBeGreaterThan(0.9));
}

describe('max_concurrency over all workers', () => {
  it('is taken whole by a worker that is alone, without a word to anybody', async () => {
    const server = await serverOf(20);
    const worker = await workerOf([{ name: 'alone', server, settings: { places: 12 } }]);
    await eventually(() => expect(worker.registry.freePlaces('m')).toBe(12));
    let said = 0;
    const hear = (subject: string) =>
      connection.subscribe(subject, {
        callback: () => {
          said += 1;
        },
      });
    const subjects = ['llmq.endpoints.want', 'llmq.endpoints.shares', '$KV.llmq_endpoint_shares.>'];
    const heard = subjects.map(hear);
    await Promise.all(Array.from({ length: 200 }, () => worker.message()));
    await sleep(1_500);
    for (const each of heard) each.unsubscribe();
    expect([said, server.calls]).toEqual([0, 200]);
    expect(server.peak).toBeLessThanOrEqual(12);
  });

  it('is never exceeded and nearly all used, by four, by one of four, and while one is killed and one joins', async () => {
    const places = 12;
    const servers: FaultyServer[] = [];
    // A machine that is held up uses less for a while; more than there are it never uses.
    await inOneOf(
      3,
      async () => {
        const server = await serverOf(500);
        servers.push(server);
        const served = [{ name: `shared-${servers.length}`, server, settings: { places } }];
        const workers = await workersOf(4, served);
        const ends = workers.map(busy);
        await nearlyAllUsed(workers, places, 3_000);
        // All demand at the last one.
        for (const end of ends.slice(0, 3)) end();
        await nearlyAllUsed(workers, places);
        // It is killed with nearly every place, and its share must come back.
        const [dead] = workers.splice(3, 1);
        await dead!.crash();
        const killedMs = performance.now();
        for (const worker of workers) busy(worker);
        await eventually(() => expect(server.running).toBeGreaterThanOrEqual(places - 1), {
          withinMs: 20_000,
        });
        expect(performance.now() - killedMs).toBeLessThan(10_000);
        await nearlyAllUsed(workers, places);
        workers.push(await workerOf(served));
        busy(workers.at(-1)!);
        await eventually(() => expect(workers.at(-1)!.running).toBeGreaterThan(0));
        await nearlyAllUsed(workers, places);
        await workers.shift()!.stop();
        await nearlyAllUsed(workers, places);
      },
      closeAll,
    );
    for (const { peak } of servers) expect(peak).toBeLessThanOrEqual(places);
  }, 900_000);

  it('begins nothing new where a worker may not have been heard, and all of it when the broker is back', async () => {
    const server = await serverOf(10);
    const worker = await workerOf([{ name: 'cut', server, settings: { places: 4 } }]);
    await eventually(() => expect(worker.registry.freePlaces('m')).toBe(4));
    await nats.kill();
    await eventually(() => expect(worker.registry.freePlaces('m')).toBe(0));
    await nats.restart();
    await eventually(() => expect(worker.registry.freePlaces('m')).toBe(4));
  });
});

describe('rpm over all workers', () => {
  it('is never exceeded, and nearly all used, also by one of four and when one is killed', async () => {
    const rpm = 240;
    let [most, rounds] = [0, 0];
    // As above.
    await inOneOf(
      3,
      async () => {
        const server = await serverOf(5);
        rounds += 1;
        const served = [{ name: `minute-${rounds}`, server, settings: { places: 50, rpm } }];
        const workers = await workersOf(4, served);
        const ends = workers.map(busy);
        await sleep(20_000);
        await workers[3]!.crash();
        await sleep(10_000);
        for (const end of ends.slice(1, 3)) end();
        await sleep(35_000);
        most = Math.max(most, mostBegun(workers, 60_000));
        expect(server.calls).toBeGreaterThan(rpm * 0.9);
      },
      closeAll,
    );
    expect(most).toBeLessThanOrEqual(rpm);
  }, 900_000);
});

describe('tpm over all workers', () => {
  it('holds within 5 %, and is nearly all used, also by one of four and when one is killed', async () => {
    let rounds = 0;
    // As above; and calls that were held up on their way come to the server together.
    await inOneOf(
      3,
      async () => {
        rounds += 1;
        const tpm = 60_000;
        const { answers, inSpan, most } = measured(1_000, () => 100 + Math.floor(Math.random() * 800));
        const server = await new FaultyServer(answers).start();
        closing.push(() => server.kill());
        const workers = await workersOf(4, [
          { name: `tokens-${rounds}`, server, settings: { places: 50, tpm } },
        ]);
        const ends = workers.map(busy);
        const startedMs = performance.now();
        await sleep(20_000);
        await workers[3]!.crash();
        await sleep(40_000);
        for (const end of ends.slice(1, 3)) end();
        await sleep(65_000);
        expect(most(60_000)).toBeLessThanOrEqual(1.05 * tpm);
        expect(inSpan(startedMs, 60_000)).toBeGreaterThan(0.9 * tpm);
        expect(inSpan(performance.now() - 60_000, 60_000)).toBeGreaterThan(0.9 * tpm);
      },
      closeAll,
    );
  }, 900_000);
});
