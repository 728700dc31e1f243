import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { connect } from '@nats-io/transport-node';
import { demoAnswer } from '../../src/demo-model/demo-answer.policy.js';
import { brokenPromises } from '../chaos/promises.js';
import { startSteadyLoad } from '../chaos/steady-load.js';
import { eventually } from '../support/eventually.js';
import { inOneOf } from '../support/in-one-of.js';
import { type ServiceOnSmallDisk, startOnSmallDisk } from '../support/service-on-small-disk.js';
import { whyNoSmallDisk } from '../support/small-disk.js';

const MIB = 1024 * 1024;
const ANSWER = (content: string) => demoAnswer([{ role: 'user', content }]);
const DEMO = { tokens_per_second: 400 };
const missing = whyNoSmallDisk();
if (missing !== null) process.stderr.write(`No disks of their own for these tests: ${missing}\n`);

let service: ServiceOnSmallDisk;
let running: ServiceOnSmallDisk | null = null;

async function start(sizeMib: number, config: Record<string, unknown>): Promise<void> {
  service = await startOnSmallDisk(sizeMib, config);
  running = service;
}

interface Response {
  readonly status: number;
  readonly retryAfter: string | null;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes.
  readonly json: any;
  readonly tookMs: number;
}

async function post(path: string, body: object, headers: Record<string, string> = {}): Promise<Response> {
  const began = performance.now();
  const response = await fetch(`${service.baseUrl}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(60_000),
  });
  return {
    ...{ status: response.status, retryAfter: response.headers.get('retry-after') },
    ...{ json: await response.json(), tookMs: performance.now() - began },
  };
}

const submit = (content = 'Is there room?', headers?: Record<string, string>) =>
  post('/api/v1/messages', { user_id: 'ann', content }, headers);

async function read(path: string) {
  const response = await fetch(`${service.baseUrl}${path}`);
  const text = await response.text();
  return { status: response.status, text };
}

async function logState(): Promise<{ status: number; ok: boolean; detail: string }> {
  const { status, text } = await read('/health/ready');
  return { status, ...JSON.parse(text).parts.event_log };
}

async function metric(name: string): Promise<number> {
  const { text } = await read('/metrics');
  return Number(new RegExp(`^${name}(?:{[^}]*})? (\\S+)`, 'm').exec(text)?.[1]);
}

/** Status, shape and header of a refusal, in every protocol, and how long the slowest one took. */
async function expectRefused(): Promise<number> {
  const chat = { model: 'demo', messages: [{ role: 'user', content: 'Is there room?' }] };
  const refused = [
    await submit(),
    await submit('Once', { 'idempotency-key': `key-${performance.now()}` }),
    await post('/api/v1/messages/batch', { messages: [{ user_id: 'ann', content: 'One of many' }] }),
    await post('/v1/chat/completions', chat),
    await post('/v1/chat/completions', { ...chat, stream: true }),
  ];
  for (const { status, retryAfter } of refused) expect([status, retryAfter]).toEqual([507, '5']);
  for (const { json } of refused.slice(0, 3)) expect(json).toMatchObject({ status: 507, code: 'log_full' });
  for (const { json } of refused.slice(3)) {
    expect(json).toMatchObject({ error: { type: 'server_error', code: 'log_full' } });
  }
  return Math.max(...refused.map(({ tookMs }) => tookMs));
}

/**
 * Before the broker's answer would be waited for in vain, which takes 5 s. Whatever else this machine does meanwhile can
 * make one of some rounds slow, but not each.
 */
const refusesAtOnce = () => inOneOf(10, async () => expect(await expectRefused()).toBeLessThan(3_000));

const completes = (id: string) =>
  eventually(async () => {
    const { text } = await read(`/api/v1/messages/${id}`);
    expect(JSON.parse(text)).toMatchObject({ status: 'completed' });
  });
const accepts = () =>
  eventually(async () => expect((await submit()).status).toBe(202), { withinMs: 60_000, everyMs: 200 });
const isReady = () =>
  eventually(async () => expect(await logState()).toMatchObject({ status: 200, ok: true }), {
    withinMs: 60_000,
    everyMs: 100,
  });

(missing === null ? describe : describe.skip)('the disk of the log', () => {
  afterEach(async () => {
    await running?.stop();
    running = null;
  });

  it('keeps a reserve that new messages do not get, while those under way end', async () => {
    await start(256, { demo: DEMO, nats: { reserve_bytes: 64 * MIB } });
    const { url: servers, user, password: pass } = service.addresses.nats;
    const nats = await connect({ servers, user, pass });
    const alerts: string[] = [];
    nats.subscribe('llmq.alerts.log-room-changed', {
      callback: (_, message) => {
        alerts.push(message.json<{ to: string }>().to);
      },
    });
    await nats.flush();
    const { json: slow } = await submit('[[demo:slow 5000]] Take your time');
    const { json: once } = await submit('Once', { 'idempotency-key': 'before' });

    await service.disk.fill(service.pid, 40 * MIB);
    await eventually(async () => expect((await submit()).status).toBe(507), { withinMs: 120_000 });
    await refusesAtOnce();
    expect((await submit('Once', { 'idempotency-key': 'before' })).json.id).toBe(once.id);
    expect(await logState()).toMatchObject({
      ...{ status: 503, ok: false },
      detail: expect.stringMatching(/has \d+ MiB free, and new messages need 80 MiB \(nats\.reserve_bytes\)/),
    });
    expect(await metric('llmq_log_open')).toBe(0);
    // PostgreSQL, on the same disk, may have given a part of its own log back meanwhile.
    expect(await metric('llmq_log_free_bytes')).toBeLessThan(64 * MIB);
    await completes(slow.id);

    await service.disk.empty(service.pid);
    await accepts();
    await isReady();
    expect(await metric('llmq_log_open')).toBe(1);
    await eventually(() => expect(alerts).toEqual(['disk_reserve', 'open']));
    await nats.close();
  }, 300_000);

  it('fills up to its last byte under load, is told so, and all goes on by itself when there is space', async () => {
    await start(128, { demo: DEMO, nats: { reserve_bytes: 0 } });
    const load = startSteadyLoad(8, (index) => `Question ${index}: is there room?`);
    load.aimAt(service.baseUrl);
    try {
      await eventually(() => expect(load.accepted.size).toBeGreaterThan(50), { withinMs: 60_000 });
      const before = await service.natsPid();
      await service.disk.fill(service.pid);
      const filledAt = performance.now();
      await eventually(
        async () => {
          expect(await logState()).toMatchObject({ status: 503, detail: /^The disk of the log is full/ });
        },
        { withinMs: 60_000 },
      );
      process.stderr.write(`› a full disk was told after ${Math.round(performance.now() - filledAt)} ms\n`);
      await refusesAtOnce();
      // Until nothing is under way any more that could find the disk usable again.
      const fullUntil = performance.now() + 12_000;
      while (performance.now() < fullUntil) {
        await service.disk.fill(service.pid);
        await sleep(50);
      }
      expect(await logState()).toMatchObject({ status: 503, ok: false });
      await service.disk.empty(service.pid);
      await isReady();
      await accepts();
      // A server that met the full disk keeps the error until it is started again. Refused in time, none may meet it.
      const said = await readFile(join(service.dataDir, 'logs/nats.log'), 'utf8');
      if (/no space left on device/i.test(said)) {
        await eventually(async () => expect(await service.natsPid()).not.toBe(before), { withinMs: 60_000 });
      }
      const then = load.accepted.size;
      await eventually(() => expect(load.accepted.size).toBeGreaterThan(then + 20), { withinMs: 60_000 });
      await load.stop();
      expect(await brokenPromises(service.addresses, load.accepted, ANSWER)).toEqual([]);
    } finally {
      await load.stop();
    }
  }, 400_000);

  it('is not what ends the log where nats.max_store_bytes is less, and messages under way still end', async () => {
    const limit = 144 * MIB;
    await start(512, {
      demo: { tokens_per_second: 100_000 },
      nats: { reserve_bytes: 16 * MIB, max_store_bytes: limit },
    });
    const accepted: string[] = [];
    const filling = 'Room '.repeat(180_000);
    await eventually(
      async () => {
        const { status, json } = await submit(filling);
        if (status === 202) accepted.push(json.id);
        expect(status).toBe(507);
      },
      { withinMs: 600_000, everyMs: 0 },
    );
    expect(accepted.length).toBeGreaterThan(50);
    await refusesAtOnce();
    expect(await logState()).toMatchObject({
      ...{ status: 503, ok: false },
      detail: expect.stringMatching(/holds \d+ MiB of at most 144 MiB.*Raise nats\.max_store_bytes/),
    });
    expect(await metric('llmq_log_limit_bytes')).toBe(limit);
    expect(await metric('llmq_log_used_bytes')).toBeGreaterThan(limit - 20 * MIB);
    for (const id of accepted) await completes(id);
  }, 1_200_000);

  it('that is too small for a start says how much is needed', async () => {
    await expect(startOnSmallDisk(40, {})).rejects.toThrow(/at least 64 MiB of file storage/);
  });
});
