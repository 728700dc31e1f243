import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { inOneOf } from '../support/in-one-of.js';
import { type RunningService, startService } from '../support/service.js';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes.
type Json = any;

const WAITING = 20_000;
const BATCH = 1_000;
const CALL = '[[demo:slow 50]] [[demo:rate 0]] [[demo:tokens 1]]';

let dataDir: string;
let service: RunningService;

/** A busy machine's disk may need longer than the usual five seconds for a thousand messages. */
const options = () => ({ dataDir, config: { nats: { append_timeout_ms: 60_000 } } });

beforeAll(async () => {
  dataDir = await makeTempDir('llmq-lanes');
  service = await startService(options());
});
afterAll(async () => {
  await service?.stop();
  await removeTempDir(dataDir);
});

async function call(method: string, path: string, body?: unknown): Promise<Json> {
  const response = await fetch(`${service.baseUrl}/api/v1/${path}`, {
    method,
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

const message = (priority: string) => ({ user_id: 'u', content: CALL, priority });

async function fill(priority: string, count: number): Promise<void> {
  for (let sent = 0; sent < count; sent += BATCH) {
    const messages = Array.from({ length: BATCH }, () => message(priority));
    const { accepted } = await call('POST', 'messages/batch', { messages });
    expect(accepted).toBe(BATCH);
  }
}

const lane = async (priority: string): Promise<Json> =>
  (await call('GET', 'queues/status')).data.find((one: Json) => one.priority === priority);

async function processed(): Promise<Record<string, number>> {
  // Longer than statistics are kept.
  await sleep(2_100);
  const { by_lane: lanes } = await call('GET', 'queues/stats?time_range=1h');
  return Object.fromEntries(lanes.map((one: Json) => [one.priority, one.processed]));
}

it('serves realtime at once, however much waits below, and keeps the share of the lowest lane', async () => {
  await call('POST', 'admin/lanes/low/pause');
  await fill('low', WAITING);
  await call('POST', 'admin/lanes/low/resume');
  await eventually(async () => expect((await lane('low')).running).toBeGreaterThan(0));
  for (let at = 0; at < 20; at += 1) {
    const { id } = await call('POST', 'messages', message('realtime'));
    const { status, started_at, created_at } = await call('GET', `messages/${id}?wait=60s`);
    expect(status).toBe('completed');
    // One call and 20 ms on an idle machine (the benchmark tells); behind the 20,000 it would be minutes.
    expect(Date.parse(started_at) - Date.parse(created_at)).toBeLessThan(30_000);
  }
  // Only while both wait it is told who gets what: not where this process stands still for longer than the one lasts.
  await inOneOf(3, async () => {
    await fill('high', 5_000);
    const before = await processed();
    await sleep(3_000);
    const after = await processed();
    const served = (of: string) => after[of]! - before[of]!;
    expect((await lane('high')).waiting).toBeGreaterThan(0);
    expect(served('high')).toBeGreaterThan(3 * served('low'));
    expect(served('low')).toBeGreaterThanOrEqual(Math.floor(0.05 * (served('high') + served('low'))) - 1);
  });
  expect((await lane('low')).waiting).toBeGreaterThan(WAITING / 2);
}, 900_000);

it('stops taking from a paused lane within a second, over a restart too, until it is resumed', async () => {
  let first: Json;
  await inOneOf(
    5,
    async () => {
      await call('POST', 'admin/lanes/high/pause', { reason: 'repair' });
      await call('POST', 'admin/lanes/low/pause');
      await sleep(1_000);
      const paused = await processed();
      first = await call('POST', 'messages', message('low'));
      expect(await processed()).toEqual(paused);
    },
    async () => {
      for (const each of ['high', 'low']) await call('POST', `admin/lanes/${each}/resume`);
    },
  );
  await eventually(async () => expect(await lane('low')).toMatchObject({ paused: true, running: 0 }));

  await service.kill();
  service = await startService(options());
  const { id } = await call('POST', 'messages', message('normal'));
  expect((await call('GET', `messages/${id}?wait=60s`)).status).toBe('completed');
  await eventually(async () => {
    expect(await lane('high')).toMatchObject({ paused: true, running: 0 });
    const { waiting_for, position } = await call('GET', `messages/${first.id}`);
    expect(waiting_for).toBe('paused');
    expect(position).toBeGreaterThan(10_000);
  });

  const held = await processed();
  await call('POST', 'admin/lanes/low/resume');
  await eventually(async () => expect((await lane('low')).running).toBeGreaterThan(0));
  const resumed = await eventually(async () => {
    const now = await processed();
    expect(now['low']!).toBeGreaterThan(held['low']!);
    return now;
  });
  expect(resumed['high']).toBe(held['high']);
}, 900_000);
