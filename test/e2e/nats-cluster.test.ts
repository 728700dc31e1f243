import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { eventually } from '../support/eventually.js';
import { type RunningService, startService } from '../support/service.js';
import { startTestNatsCluster, type TestNatsCluster } from '../support/test-nats-cluster.js';
import { startTestPostgres, type TestPostgres } from '../support/test-postgres.js';

let cluster: TestNatsCluster;
let postgres: TestPostgres;
let services: RunningService[];

beforeEach(async () => {
  services = [];
  [cluster, postgres] = await Promise.all([startTestNatsCluster(), startTestPostgres()]);
}, 120_000);
afterEach(async () => {
  for (const service of services) await service.stop();
  await Promise.all([cluster.stop(), postgres.stop()]);
}, 120_000);

function addresses(): NodeJS.ProcessEnv {
  const all = cluster.names.map((name) => cluster.address(name));
  const { user, password } = all[0]!;
  const nats = { NATS_URL: all.map(({ url }) => url).join(','), NATS_USER: user, NATS_PASSWORD: password };
  return { ...nats, DATABASE_URL: postgres.url };
}

async function start(replicas: number): Promise<RunningService> {
  const service = await startService({ env: { ...addresses(), NATS_REPLICAS: String(replicas) } });
  services.push(service);
  return service;
}

async function readiness(service: RunningService) {
  const response = await fetch(`${service.baseUrl}/health/ready`);
  const { parts } = (await response.json()) as { parts: { event_log: { ok: boolean; detail: string } } };
  return { status: response.status, log: parts.event_log.detail };
}

async function copies(): Promise<Map<string, number>> {
  const { url, user, password } = cluster.address('one');
  const connection = await connect({ servers: url, user, pass: password });
  try {
    const found = new Map<string, number>();
    for await (const { config } of (await jetstreamManager(connection)).streams.list())
      found.set(config.name, config.num_replicas);
    return found;
  } finally {
    await connection.close();
  }
}

async function answered(service: RunningService): Promise<void> {
  const response = await fetch(`${service.baseUrl}/api/v1/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user_id: 'u', content: 'Hello. [[demo:rate 0]]' }),
  });
  const { id } = (await response.json()) as { id: string };
  expect(response.status).toBe(202);
  // A lane that had nothing for long finds out after 40 s that the broker has forgotten its request.
  await eventually(
    async () => {
      const read = await fetch(`${service.baseUrl}/api/v1/messages/${id}?wait=10s`);
      expect(await read.json()).toMatchObject({ status: 'completed' });
    },
    { withinMs: 120_000 },
  );
}

it('is not ready without a majority, says which servers are missing, and is ready when they are back', async () => {
  const service = await start(3);
  expect(await readiness(service)).toMatchObject({ status: 200 });
  await answered(service);
  await cluster.kill('two');
  await cluster.kill('three');
  await eventually(
    async () => {
      const { status, log } = await readiness(service);
      expect(status).toBe(503);
      expect(log).toMatch(/no majority|no leader|no answer/);
    },
    { withinMs: 20_000 },
  );
  // What is away is told, and not again and again by everybody who reads.
  const told = () => service.logs().split('\n').length;
  const before = told();
  await sleep(10_000);
  expect(told() - before).toBeLessThan(40);
  await cluster.start('two');
  await eventually(async () => expect(await readiness(service)).toMatchObject({ status: 200 }), {
    withinMs: 60_000,
  });
  await answered(service);
}, 240_000);

it('waits at its start for the servers of the cluster', async () => {
  await cluster.kill('two');
  await cluster.kill('three');
  const starting = start(3);
  setTimeout(() => void cluster.start('two'), 12_000);
  await answered(await starting);
}, 240_000);

it('ends a start where the servers stay away, and names what is missing', async () => {
  await cluster.kill('two');
  await cluster.kill('three');
  await expect(start(3)).rejects.toThrow(/JetStream does not .*More than half|more than half/s);
}, 240_000);

it('adds copies while it runs, and says that it takes none away', async () => {
  await answered(await start(1));
  expect(new Set((await copies()).values())).toEqual(new Set([1]));
  // Another process of the same service; the first goes on.
  const more = await start(3);
  expect(new Set((await copies()).values())).toEqual(new Set([3]));
  await answered(more);
  await answered(services[0]!);
  const fewer = await start(1);
  expect(fewer.logs()).toContain('more copies than nats.replicas');
  expect(new Set((await copies()).values())).toEqual(new Set([3]));
}, 300_000);

it('names the setting where there are fewer servers than copies', async () => {
  await expect(start(5)).rejects.toThrow(/nats\.replicas \(NATS_REPLICAS\) is 5/);
}, 240_000);
