import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { eventually } from '../support/eventually.js';
import { runLlmqWith } from '../support/llmq-command.js';
import { connectAs, testPublisher } from '../support/nats-publisher.js';
import { type RunningService, startService } from '../support/service.js';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes.
type Json = any;

const MANY = 10_000;
const STREAM = 'LLMQ_INTAKE_billing';
const CALL = '[[demo:rate 0]] [[demo:tokens 1]]';
const billing = testPublisher('billing', 'default');

let nats: TestNats;
let dataDir: string;
let service: RunningService;
let publisher: NatsConnection;
let own: NatsConnection;
let manager: JetStreamManager;
/** Results by the `n` of their messages' metadata: how often each was told. */
let told: Map<string, number>;

const env = () => ({ NATS_URL: nats.url, NATS_USER: nats.user, NATS_PASSWORD: nats.password });

async function start(intake: object = { max_messages: MANY }): Promise<void> {
  service = await startService({
    ...{ dataDir, env: env() },
    config: {
      nats: {
        ...{ publishers: [billing.config], append_timeout_ms: 60_000 },
        intake,
      },
      queue: { levels: { low: { max_size: 20 } }, worker: { concurrency: 32 } },
      projection: { read_wait_ms: 30_000 },
    },
  });
}

beforeAll(async () => {
  nats = await startTestNats({ publishers: [billing.config] });
  dataDir = await makeTempDir('llmq-intake');
  publisher = await connectAs(billing, nats.url);
  own = await connect({ servers: nats.url, user: nats.user, pass: nats.password, timeout: 60_000 });
  manager = await jetstreamManager(own, { checkAPI: false });
  publisher.subscribe('llmq.results.>', {
    callback: (_error, message) => {
      const { metadata, status } = message.json<Json>();
      if (status === 'completed') told.set(metadata.n, (told.get(metadata.n) ?? 0) + 1);
    },
  });
}, 300_000);
beforeEach(() => {
  told = new Map();
});
afterEach(async () => {
  await service?.stop();
});
afterAll(async () => {
  for (const connection of [publisher, own]) await connection?.close();
  await nats?.stop();
  await removeTempDir(dataDir);
});

const body = (n: string) => JSON.stringify({ user_id: n.split('-')[0], content: CALL, metadata: { n } });

const figureIn = (metrics: string, name: string) =>
  Number(new RegExp(`^llmq_intake_${name}\\{.*publisher="billing".*\\} (\\S+)`, 'm').exec(metrics)?.[1]);

/** Each with its acknowledgement; resolves with how many were acknowledged. */
async function publish(run: string, count: number, lane = 'normal', from = 0): Promise<number> {
  const stream = jetstream(publisher, { timeout: 60_000 });
  let acknowledged = 0;
  for (let at = from; at < from + count; at += 500) {
    const group = Array.from(
      { length: Math.min(500, from + count - at) },
      (_, index) => `${run}-${at + index}`,
    );
    await Promise.all(
      group.map(async (n) => {
        const { duplicate } = await stream.publish(`llmq.intake.${lane}`, body(n), { msgID: n });
        if (!duplicate) acknowledged += 1;
      }),
    );
  }
  return acknowledged;
}

const waiting = async () => (await manager.streams.info(STREAM)).state.messages;

async function verified(): Promise<Json> {
  return eventually(
    async () => {
      const { output } = await runLlmqWith(dataDir, env(), 'events', 'verify', '--json');
      const report = JSON.parse(output);
      expect(report.counts.projection_behind).toBeUndefined();
      return report;
    },
    { withinMs: 120_000, everyMs: 1_000 },
  );
}

it('answers what was published while it was down, and the broker refuses what is beyond the limit', async () => {
  await start();
  await service.stop();
  expect(await publish('down', MANY)).toBe(MANY);
  await expect(publish('more', 1)).rejects.toThrow('maximum messages exceeded');
  await start();
  await eventually(() => expect(told.size).toBe(MANY), { withinMs: 300_000, everyMs: 250 });
  expect(new Set(told.values())).toEqual(new Set([1]));
  await eventually(async () => expect(await waiting()).toBe(0));
  expect(await publish('more', 1)).toBe(1);
  await eventually(() => expect(told.size).toBe(MANY + 1));
}, 900_000);

it('has a limit in bytes, which another setting changes, and takes in again what there is room for', async () => {
  await start();
  expect((await manager.streams.info(STREAM)).config.max_bytes).toBe(256 * 1024 * 1024);
  await service.stop();
  await start({ max_bytes: 1024 * 1024 });
  await eventually(async () => {
    const metrics = await (await fetch(`${service.baseUrl}/metrics`)).text();
    expect(figureIn(metrics, 'limit_bytes')).toBe(1024 * 1024);
  });
  await service.stop();
  const large = (n: string) =>
    jetstream(publisher, { timeout: 60_000 }).publish(
      'llmq.intake.normal',
      JSON.stringify({ user_id: 'large', content: `${CALL} ${'word '.repeat(20_000)}`, metadata: { n } }),
    );
  for (let at = 0; at < 10; at += 1) await large(`large-${at}`);
  await expect(large('one more')).rejects.toThrow('maximum bytes exceeded');
  await start({ max_bytes: 1024 * 1024 });
  await eventually(() => expect(told.size).toBe(10));
  await eventually(async () => expect(await waiting()).toBe(0));
  await large('large-10');
  await eventually(() => expect(told.size).toBe(11));
}, 900_000);

it('makes one message of each, though it is killed again and again in the middle', async () => {
  await start();
  const before = (await verified()).messages;
  const count = 4_000;
  const publishing = publish('kill', count);
  for (let kills = 0; kills < 3; kills += 1) {
    await sleep(700);
    await service.kill();
    await start();
  }
  expect(await publishing).toBe(count);
  await eventually(() => expect(told.size).toBe(count), { withinMs: 300_000, everyMs: 250 });
  await eventually(async () => expect(await waiting()).toBe(0));
  const report = await verified();
  expect(report.messages - before).toBe(count);
  expect([report.ok, report.counts.received_again]).toEqual([true, undefined]);
}, 900_000);

it('leaves what a full lane has no room for in the stream, in its order, and holds up no other lane', async () => {
  await start();
  const call = async (method: string, path: string, json?: object): Promise<Json> =>
    (
      await fetch(`${service.baseUrl}/api/v1/${path}`, {
        method,
        ...(json && { body: JSON.stringify(json), headers: { 'content-type': 'application/json' } }),
      })
    ).json();
  await call('POST', 'admin/queues/low/pause', { reason: 'test' });
  const count = 200;
  await publish('low', count, 'low');
  await publish('high', 5, 'high');
  await eventually(() => expect([...told.keys()].filter((n) => n.startsWith('high'))).toHaveLength(5));
  // Those that fit are in their lane. The others wait, and nobody asks for them over and over.
  await sleep(3_000);
  await eventually(async () => expect(await waiting()).toBeLessThan(count));
  const left = await waiting();
  expect(left).toBeGreaterThanOrEqual(count - 60);
  expect(left).toBeLessThan(count);
  const { num_redelivered } = await manager.consumers.info(STREAM, 'intake_low');
  expect(num_redelivered).toBe(0);
  await eventually(async () => {
    const metrics = await (await fetch(`${service.baseUrl}/metrics`)).text();
    const figure = (name: string) => figureIn(metrics, name);
    expect([figure('waiting'), figure('held')]).toEqual([await waiting(), await waiting()]);
    expect(figure('oldest_age_seconds')).toBeGreaterThan(2);
    expect(figure('accepted_total')).toBe(count + 5 - figure('waiting'));
  });
  await call('POST', 'admin/queues/low/resume', {});
  await eventually(() => expect(told.size).toBe(count + 5), { withinMs: 120_000 });
  const created: string[] = [];
  for (let cursor = ''; ; ) {
    const page = await call('GET', `messages?user_id=low&limit=100${cursor}`);
    for (const { metadata, created_at } of page.data) created[Number(metadata.n.split('-')[1])] = created_at;
    if (page.next_cursor === null) break;
    cursor = `&cursor=${page.next_cursor}`;
  }
  expect(created).toHaveLength(count);
  expect(created).toEqual([...created].sort());
}, 900_000);

it('goes on behind a record that somebody else has put into the log, and names it', async () => {
  await start();
  const stray = [
    'no JSON at all',
    '{"specversion":"1.0"}',
    '[]',
    '7',
    '{"type":"com.example.other","source":"/x"}',
  ];
  for (const record of stray)
    await jetstream(own, { timeout: 60_000 }).publish('llmq.events.normal.completed.0', record);
  // Nothing comes behind them that would carry readers over.
  const missing = '0190f5fe-7c00-7a00-8000-000000000001';
  await eventually(async () => {
    const response = await fetch(`${service.baseUrl}/api/v1/messages/${missing}`);
    expect(response.status).toBe(404);
  });
  await eventually(async () => expect((await fetch(`${service.baseUrl}/health/ready`)).status).toBe(200));
  await publish('stray', 3);
  await eventually(() => expect(told.size).toBe(3));
  await eventually(() => expect(service.logs()).toContain('is no event of this service'));
  const report = await verified();
  expect([report.ok, report.counts.stray]).toEqual([true, stray.length]);
  await service.stop();
  await start();
  await publish('stray', 3, 'normal', 3);
  await eventually(() => expect(told.size).toBe(6));
}, 900_000);
