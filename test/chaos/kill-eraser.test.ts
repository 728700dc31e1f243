import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { newApiKey } from '../../src/platform/security/api-key.js';
import { eventually } from '../support/eventually.js';
import { queryPostgres } from '../support/server-clients.js';
import { type RunningService, startService } from '../support/service.js';
import { type ServiceAddresses, serviceAddresses } from '../support/service-addresses.js';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';
import { watchErasing } from './erasing-progress.js';
import { randomMs, rounds } from './rounds.js';
import { readLog } from './story.js';
import { tracesOf } from './traces.js';

const LONG = rounds(0) >= 20;
const ROUNDS = LONG ? 20 : 2;
const TURNS = LONG ? 300 : 60;
const ANN = newApiKey({ name: 'ann', role: 'admin', tenant: 'red' });
const REBUILD = resolve(import.meta.dirname, '../../dist/projection/rebuild/rebuild.main.js');

interface Erased {
  readonly id: string;
  readonly secret: string;
  readonly from: number;
  readonly to: number;
}

let dataDir: string;
let service: RunningService;

beforeAll(async () => {
  dataDir = await makeTempDir('llmq-chaos');
});
afterAll(async () => {
  await service?.stop();
  await removeTempDir(dataDir);
});

const start = () =>
  startService({
    dataDir,
    config: {
      conversation: { sweep_interval_ms: 50 },
      queue: { worker: { ack_wait_ms: 3_000 } },
      security: { api_keys: [ANN.config] },
    },
  });

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes.
async function call(method: string, path: string, body?: object): Promise<{ status: number; json: any }> {
  const response = await fetch(`${service.baseUrl}/api/v1${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    headers: {
      authorization: `Bearer ${ANN.key}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
  });
  return { status: response.status, json: await response.json() };
}

/** A conversation of which some turns are answered, one runs and the others wait. */
async function conversationAbout(secret: string): Promise<string> {
  const { json } = await call('POST', '/conversations', { user_id: 'u', title: secret, context: secret });
  const messages = Array.from({ length: TURNS }, (_, turn) => ({
    ...{ user_id: 'u', conversation_id: json.id },
    content: `${secret} ${turn} [[demo:rate 0]] [[demo:tokens 3]]`,
  }));
  const { json: batch } = await call('POST', '/messages/batch', { messages });
  expect(batch.accepted).toBe(TURNS);
  const { json: answered } = await call('GET', `/messages/${batch.results[20].id}?wait=60s`);
  expect(answered.status).toBe('completed');
  return json.id;
}

async function rebuild(): Promise<void> {
  await promisify(execFile)(process.execPath, [REBUILD], {
    env: {
      PATH: process.env['PATH'],
      NATS_SERVER_BIN: process.env['NATS_SERVER_BIN'],
      LLMQ_DATA_DIR: dataDir,
    },
  });
}

/** Killed when the broker has taken away a random share of the records; the servers run on, and tell what is left. */
async function eraseAndKill(addresses: ServiceAddresses, id: string, secret: string): Promise<Erased> {
  const erasing = await watchErasing(addresses);
  try {
    const from = Date.now();
    expect((await call('DELETE', `/conversations/${id}`)).status).toBe(202);
    const to = Date.now();
    await erasing.untilErased(id, randomMs(0.05, 0.8));
    await service.kill('SIGKILL');
    return { id, secret, from, to };
  } finally {
    await erasing.close();
  }
}

async function brokenErasures(addresses: ServiceAddresses, erased: readonly Erased[]): Promise<string[]> {
  const broken: string[] = [];
  for (const { id, secret, from, to } of erased) {
    for (const trace of await tracesOf(addresses, secret)) broken.push(`${secret} is in ${trace}`);
    const [row] = (await queryPostgres(
      addresses.databaseUrl,
      `SELECT state, erased_by, erased_at FROM llmq.conversations WHERE id = '${id}'`,
    )) as { state: string; erased_by: string; erased_at: Date }[];
    const told = `${row?.state} by ${row?.erased_by}`;
    if (told !== 'erased by ann') broken.push(`${id} is ${told} in PostgreSQL`);
    const at = Number(row?.erased_at);
    if (!(at >= from && at <= to)) broken.push(`${id} was erased at ${row?.erased_at} in PostgreSQL`);
  }
  return broken;
}

describe(`SIGKILL of the service in the middle of erasing a conversation, ${ROUNDS} times`, () => {
  it('leaves an erasure that the next start finishes, and a rebuild brings nothing back', async () => {
    const erased: Erased[] = [];
    service = await start();
    const { json: kept } = await call('POST', '/messages', { user_id: 'u', content: 'kept' });
    // A kill that comes when all is erased shows nothing: then there is one more.
    let met = 0;
    for (let round = 0; met < ROUNDS; round += 1) {
      expect(round).toBeLessThan(ROUNDS + 10);
      const secret = `secret-${randomUUID()}`;
      const id = await conversationAbout(secret);
      const addresses = await serviceAddresses(dataDir);
      erased.push(await eraseAndKill(addresses, id, secret));
      if ((await tracesOf(addresses, secret)).length > 0) met += 1;
      // Half of what a rebuild needs is gone by now; the other half must still be found and taken away.
      if (round % 2 === 0) await rebuild();
      service = await start();
      if (LONG && round % 4 === 1) {
        await sleep(randomMs(0, 300));
        await service.kill('SIGKILL');
        service = await start();
      }
      const after = await serviceAddresses(dataDir);
      await eventually(
        async () => {
          expect(await queryPostgres(after.databaseUrl, 'SELECT * FROM llmq.erasure_queue')).toEqual([]);
          expect(await tracesOf(after, secret)).toEqual([]);
        },
        { withinMs: 180_000, everyMs: 100 },
      );
      expect((await call('GET', `/conversations/${id}`)).status).toBe(404);
    }
    const addresses = await serviceAddresses(dataDir);
    expect(await brokenErasures(addresses, erased)).toEqual([]);
    await rebuild();
    expect(await brokenErasures(addresses, erased)).toEqual([]);
    expect(await queryPostgres(addresses.databaseUrl, 'SELECT * FROM llmq.erasure_queue')).toEqual([]);
    for (const { id, from, to } of erased) {
      const [first] = await eventsOf(addresses, id);
      expect(first).toMatchObject({
        type: 'llmq.conversation.erased.v1',
        data: { by: 'ann', reason: 'asked' },
      });
      expect(Date.parse(first!.time)).toBeGreaterThanOrEqual(from);
      expect(Date.parse(first!.time)).toBeLessThanOrEqual(to);
    }
    expect((await call('GET', `/messages/${kept.id}`)).json).toMatchObject({
      ...{ status: 'completed', content: 'kept' },
    });
  }, 900_000);
});

async function eventsOf(addresses: ServiceAddresses, id: string) {
  const events = [];
  for await (const { event } of readLog(addresses)) if (event.subject === id) events.push(event);
  return events;
}
