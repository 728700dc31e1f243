import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { EVENTS_STREAM } from '../../src/broker/streams.js';
import { eventually } from '../support/eventually.js';
import { type RunningService, startService } from '../support/service.js';
import {
  type ClusterServer,
  startTestNatsCluster,
  type TestNatsCluster,
} from '../support/test-nats-cluster.js';
import { startTestPostgres, type TestPostgres } from '../support/test-postgres.js';

let cluster: TestNatsCluster;
let postgres: TestPostgres;
let services: RunningService[];

beforeEach(async () => {
  services = [];
  [cluster, postgres] = await Promise.all([startTestNatsCluster(), startTestPostgres()]);
}, 300_000);
afterEach(async () => {
  for (const service of services) await service.stop();
  await Promise.all([cluster.stop(), postgres.stop()]);
}, 300_000);

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

/** Servers whose loss leaves the log its leader, which goes on answering what it can't know. */
async function followers(): Promise<ClusterServer[]> {
  const { url, user, password } = cluster.address('one');
  const connection = await connect({ servers: url, user, pass: password });
  try {
    const { streams } = await jetstreamManager(connection);
    const { cluster: standing } = await streams.info(EVENTS_STREAM);
    return (standing?.replicas ?? []).map(({ name }) => name as ClusterServer);
  } finally {
    await connection.close();
  }
}

/** @returns the id of the message */
async function answered(service: RunningService): Promise<string> {
  const response = await fetch(`${service.baseUrl}/api/v1/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user_id: 'u', content: 'Hello. [[demo:rate 0]]' }),
  });
  const { id } = (await response.json()) as { id: string };
  expect(response.status).toBe(202);
  await eventually(
    async () => {
      const read = await fetch(`${service.baseUrl}/api/v1/messages/${id}?wait=10s`);
      expect(await read.json()).toMatchObject({ status: 'completed' });
    },
    { withinMs: 120_000 },
  );
  return id;
}

async function read(service: RunningService, path: string) {
  const response = await fetch(`${service.baseUrl}/api/v1/${path}`);
  const { code } = (await response.json()) as { code?: string };
  return { status: response.status, code };
}

it('is not ready without a majority, says which servers are missing, and is ready when they are back', async () => {
  const service = await start(3);
  expect(await readiness(service)).toMatchObject({ status: 200 });
  const known = await answered(service);
  const unknown = ['messages', 'conversations', 'admin/dead-letters'].map(
    (kind) => `${kind}/${randomUUID()}`,
  );
  const allAnswer = (expected: object) =>
    eventually(
      async () => {
        for (const path of unknown) expect(await read(service, path)).toMatchObject(expected);
      },
      { withinMs: 120_000 },
    );
  await allAnswer({ status: 404 });
  const away = await followers();
  expect(away).toHaveLength(2);
  for (const name of away) await cluster.kill(name);
  await eventually(
    async () => {
      const { status, log } = await readiness(service);
      expect(status).toBe(503);
      expect(log).toMatch(/no majority|no leader|no answer/);
    },
    { withinMs: 120_000 },
  );
  // What a server without the others does not have may be there all the same; what is in the tables is.
  await allAnswer({ status: 503, code: 'log_unavailable' });
  expect(await read(service, `messages/${known}`)).toMatchObject({ status: 200 });
  // What is away is told, and not again and again by everybody who reads: how many read is not bounded here.
  // The last one may have come in part.
  const lines = () => service.logs().split('\n').slice(0, -1);
  const before = lines().length;
  const lookedFromMs = performance.now();
  await sleep(10_000);
  const times = new Map<string, number>();
  for (const line of lines().slice(before)) {
    if (!line.startsWith('{')) continue;
    const { time: _time, err: _err, ...said } = JSON.parse(line) as Record<string, unknown>;
    const same = JSON.stringify(said);
    times.set(same, (times.get(same) ?? 0) + 1);
  }
  // Held up, it was looked at for longer.
  const most = 2 * Math.ceil((performance.now() - lookedFromMs) / 10_000 - 0.5);
  expect([...times].filter(([, count]) => count > most)).toEqual([]);
  await cluster.start(away[0]!);
  await eventually(async () => expect(await readiness(service)).toMatchObject({ status: 200 }), {
    withinMs: 120_000,
  });
  await allAnswer({ status: 404 });
  await answered(service);
}, 600_000);

it('waits at its start for the servers of the cluster', async () => {
  await cluster.kill('two');
  await cluster.kill('three');
  const starting = start(3);
  // Most of the 30 s that a start waits, less what an election may take.
  const coming = sleep(10_000).then(() => cluster.start('two'));
  await answered(await starting);
  await coming;
}, 600_000);

it('ends a start where the servers stay away, and names what is missing', async () => {
  await cluster.kill('two');
  await cluster.kill('three');
  await expect(start(3)).rejects.toThrow(/JetStream does not .*More than half|more than half/s);
}, 600_000);

it('adds copies while it runs, and says that it takes none away', async () => {
  await answered(await start(1));
  await eventually(async () => expect(new Set((await copies()).values())).toEqual(new Set([1])));
  // Another process of the same service; the first goes on.
  const more = await start(3);
  await eventually(async () => expect(new Set((await copies()).values())).toEqual(new Set([3])));
  await answered(more);
  await answered(services[0]!);
  const fewer = await start(1);
  await eventually(() => expect(fewer.logs()).toContain('more copies than nats.replicas'));
  expect(new Set((await copies()).values())).toEqual(new Set([3]));
}, 600_000);

it('names the setting where there are fewer servers than copies', async () => {
  await expect(start(5)).rejects.toThrow(/nats\.replicas \(NATS_REPLICAS\) is 5/);
}, 600_000);

/** Takes all copies of the bucket's stream but one away, and tells which server keeps it. */
async function onOneServer(stream: string): Promise<ClusterServer> {
  const { url, user, password } = cluster.address('one');
  const connection = await connect({ servers: url, user, pass: password });
  try {
    const { streams } = await jetstreamManager(connection);
    await streams.update(stream, { num_replicas: 1 });
    return await eventually(
      async () => {
        const { cluster: standing } = await streams.info(stream);
        expect(standing?.replicas ?? []).toEqual([]);
        return standing!.leader as ClusterServer;
      },
      { withinMs: 60_000 },
    );
  } finally {
    await connection.close();
  }
}

it('waits with an Idempotency-Key for the leader of its bucket, and says truly what is missing', async () => {
  const service = await start(3);
  await answered(service);
  const keeper = await onOneServer('KV_llmq_idempotency');
  const post = async (key: string) => {
    const began = Date.now();
    const response = await fetch(`${service.baseUrl}/api/v1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify({ user_id: 'u', content: 'Once. [[demo:rate 0]]' }),
    });
    return { status: response.status, body: await response.text(), ms: Date.now() - began };
  };
  expect(await post('before')).toMatchObject({ status: 202 });
  await cluster.kill(keeper);
  // The server may have led the log as well, which takes an election longer than a request waits.
  await eventually(() => answered(service), { withinMs: 120_000 });
  const refused = await post('lonely');
  expect(refused).toMatchObject({ status: 503 });
  expect(refused.body).toMatch(
    /The bucket of idempotency keys did not confirm within (?:[5-9]\d{3}|\d{5}) ms/,
  );
  expect(refused.ms).toBeGreaterThan(4_500);
  const waiting = post('patient');
  await sleep(1_500);
  await cluster.start(keeper);
  const first = await waiting;
  const again = await post('patient');
  const id = (body: string) => JSON.parse(body).id;
  // The server may need longer to come back than a request waits.
  expect([202, 503]).toContain(first.status);
  await eventually(async () => expect((await post('patient')).status).toBe(202), { withinMs: 120_000 });
  if (first.status === 202 && again.status === 202) expect(id(again.body)).toBe(id(first.body));
}, 600_000);
