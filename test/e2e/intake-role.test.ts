import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { jetstream } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { eventually } from '../support/eventually.js';
import { type RunningService, startService } from '../support/service.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';
import { startTestPostgres, type TestPostgres } from '../support/test-postgres.js';

let nats: TestNats;
let postgres: TestPostgres;
let connection: NatsConnection;
const services: RunningService[] = [];
const results = new Map<string, string>();

beforeAll(async () => {
  [nats, postgres] = await Promise.all([startTestNats(), startTestPostgres()]);
  connection = await connect({ servers: nats.url, user: nats.user, pass: nats.password });
  connection.subscribe('llmq.results.>', {
    callback: (_error, message) => {
      const { metadata, status } = message.json<{ metadata: { n: string }; status: string }>();
      results.set(metadata.n, status);
    },
  });
}, 300_000);
afterAll(async () => {
  await Promise.all(services.map((service) => service.stop()));
  await connection?.close();
  await Promise.all([nats?.stop(), postgres?.stop()]);
}, 300_000);

async function start(LLMQ_ROLES: string): Promise<RunningService> {
  const servers = { NATS_URL: nats.url, NATS_USER: nats.user, NATS_PASSWORD: nats.password };
  const service = await startService({ env: { ...servers, DATABASE_URL: postgres.url, LLMQ_ROLES } });
  services.push(service);
  return service;
}

async function publish(n: string): Promise<void> {
  const content = '[[demo:rate 0]] [[demo:tokens 1]]';
  const body = JSON.stringify({ user_id: 'u', content, metadata: { n } });
  await jetstream(connection, { timeout: 60_000 }).publish('llmq.intake.normal', body);
}

const completed = (n: string) =>
  eventually(() => expect(results.get(n)).toBe('completed'), { withinMs: 60_000 });

it('what is published is taken in by processes with the role intake, and by no api that leaves it to them', async () => {
  const intake = await start('intake');
  await start('api,-intake,worker,projector');
  await publish('first');
  await completed('first');
  expect(await (await fetch(`${intake.baseUrl}/metrics`)).text()).toMatch(/llmq_intake_accepted\S* 1\b/);

  await intake.stop();
  services.splice(services.indexOf(intake), 1);
  await publish('second');
  await sleep(3_000);
  expect(results.has('second')).toBe(false);
  // As ever, where nobody is told to do it: the role brings it along.
  await start('api');
  await completed('second');
}, 240_000);
