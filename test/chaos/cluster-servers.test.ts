import { setTimeout as sleep } from 'node:timers/promises';
import { type ClusterInfo, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { demoAnswer } from '../../src/demo-model/demo-answer.policy.js';
import { eventually } from '../support/eventually.js';
import { type RunningService, startService } from '../support/service.js';
import type { ServiceAddresses } from '../support/service-addresses.js';
import { startTestNatsCluster, type TestNatsCluster } from '../support/test-nats-cluster.js';
import { startTestPostgres, type TestPostgres } from '../support/test-postgres.js';
import { brokenPromises } from './promises.js';
import { rounds, tell } from './rounds.js';
import { type SteadyLoad, startSteadyLoad } from './steady-load.js';
import { readLog } from './story.js';

/** Each takes more than a minute. */
const ROUNDS = rounds(0) >= 20 ? 3 : 1;
/** A server stays away for longer than an election takes, which is up to nine seconds and can need another round. */
const AWAY_MS = 14_000;
/** Aimed at are 10 s. An election alone can take them where the machine has much else to do. */
const LONGEST_PAUSE_MS = 18_000;
const ANSWER = (content: string) => demoAnswer([{ role: 'user', content }]);

let cluster: TestNatsCluster;
let postgres: TestPostgres;
let service: RunningService;
let load: SteadyLoad;

beforeEach(async () => {
  [cluster, postgres] = await Promise.all([startTestNatsCluster(), startTestPostgres()]);
  const { user, password } = cluster.address('one');
  const urls = cluster.names.map((name) => cluster.address(name).url);
  const nats = { NATS_URL: urls.join(','), NATS_USER: user, NATS_PASSWORD: password, NATS_REPLICAS: '3' };
  service = await startService({
    env: { ...nats, DATABASE_URL: postgres.url },
    config: { demo: { tokens_per_second: 400 } },
  });
  load = startSteadyLoad(4, (index) => `Question ${index}: which server says so?`, 60);
}, 240_000);
afterEach(async () => {
  await load?.stop();
  await service?.stop();
  await Promise.all([cluster?.stop(), postgres?.stop()]);
}, 300_000);

/** Every server is away once in a round. Returns the longest pause in accepting of each time. */
async function eachServerAway(
  leave: (name: TestNatsCluster['names'][number]) => Promise<void> | void,
  comeBack: (name: TestNatsCluster['names'][number]) => Promise<void> | void,
): Promise<number[]> {
  const pauses: number[] = [];
  load.aimAt(service.baseUrl);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const name of cluster.names) {
      await sleep(2_000);
      const pause = load.measurePause();
      await leave(name);
      await sleep(AWAY_MS);
      pauses.push(Math.round(pause()));
      await comeBack(name);
      await settled();
    }
  }
  await load.stop();
  return pauses;
}

/** All copies are as far as the leader again: else the next one away would be one too many. */
async function settled(): Promise<void> {
  await eventually(
    async () => {
      const response = await fetch(`${service.baseUrl}/health/ready`);
      const text = await response.text();
      if (response.status !== 200) throw new Error(text);
    },
    { withinMs: 180_000, everyMs: 250 },
  );
  await eventually(
    async () => {
      for (const { name, cluster: standing } of await standings()) {
        const behind = (standing?.replicas ?? []).filter(({ current, offline }) => !current || offline);
        expect({ name, leader: standing?.leader, behind }).toEqual({
          name,
          leader: expect.any(String),
          behind: [],
        });
      }
    },
    { withinMs: 240_000, everyMs: 500 },
  );
}

async function standings() {
  const { url, user, password } = cluster.address('one');
  const connection = await connect({ servers: url, user, pass: password });
  try {
    const found: { readonly name: string; readonly cluster: ClusterInfo | undefined }[] = [];
    for await (const { config, cluster: standing } of (await jetstreamManager(connection)).streams.list())
      found.push({ name: config.name, cluster: standing });
    return found;
  } finally {
    await connection.close();
  }
}

/** Events that lie in the log more than once. */
async function storedTwice(addresses: ServiceAddresses): Promise<string[]> {
  const seen = new Set<string>();
  const twice: string[] = [];
  for await (const { event } of readLog(addresses)) {
    if (seen.has(event.id)) twice.push(`${event.type} ${event.id} of ${event.subject}`);
    seen.add(event.id);
  }
  return twice;
}

async function everythingHolds(pauses: readonly number[]): Promise<void> {
  tell(`pauses in accepting: ${pauses.join(', ')} ms; ${load.accepted.size} messages accepted`);
  const addresses = { nats: cluster.address('one'), databaseUrl: postgres.url };
  expect(load.accepted.size).toBeGreaterThan(100);
  expect(await brokenPromises(addresses, load.accepted, ANSWER)).toEqual([]);
  expect(await storedTwice(addresses)).toEqual([]);
  expect(Math.max(...pauses)).toBeLessThan(LONGEST_PAUSE_MS);
}

it(`keeps every promise while each server of a cluster is killed and returns under load, ${ROUNDS} times`, async () => {
  await everythingHolds(
    await eachServerAway(
      (name) => cluster.kill(name),
      (name) => cluster.start(name),
    ),
  );
}, 900_000);

it(`leaves a server that stands still for another one, and keeps every promise, ${ROUNDS} times`, async () => {
  const pauses = await eachServerAway(
    (name) => cluster.freeze(name),
    (name) => cluster.thaw(name),
  );
  expect(service.logs()).toContain('this NATS server does not answer');
  await everythingHolds(pauses);
}, 900_000);
