import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { LaneLagReader } from '../../src/dispatch/lanes/jetstream/lane-lag.js';
import { LANES } from '../../src/domain/message/lane.policy.js';
import { eventually } from '../support/eventually.js';
import { type Gateway, request, type Servers, startGateway, startServers } from './gateway.rig.js';

const MAX_SIZE = 100;
/** A process goes by all its readings of the last second. */
const READINGS_COUNT_FOR_MS = 1_000;

let servers: Servers;
let gateways: Gateway[];

beforeAll(async () => {
  servers = await startServers();
  const level = { max_size: MAX_SIZE };
  const config = { queue: { levels: { low: level, normal: level, high: level } } };
  gateways = [await startGateway(servers, config), await startGateway(servers, config)];
});
afterAll(async () => {
  for (const gateway of gateways ?? []) await gateway.close();
  await servers?.stop();
});

const message = (priority: string) => ({ user_id: 'u', content: 'hello', priority });
const submit = (at: number, priority: string) =>
  request('POST', `${gateways[at % 2]!.baseUrl}/api/v1/messages`, message(priority));
const batchAnswer = (at: number, count: number, priority: string) =>
  request('POST', `${gateways[at % 2]!.baseUrl}/api/v1/messages/batch`, {
    messages: Array.from({ length: count }, () => message(priority)),
  });
/** How many of them are accepted; a batch of which none is fails as a whole. */
const batch = async (at: number, count: number, priority: string): Promise<number> => {
  const { status, json } = await batchAnswer(at, count, priority);
  expect([200, 429]).toContain(status);
  return json.accepted ?? 0;
};

/** Resolves when every reading that a process goes by counts all that was put in before. */
async function readAgain(): Promise<void> {
  for (const gateway of gateways) await reading(gateway);
  await sleep(READINGS_COUNT_FOR_MS + 100);
  for (const gateway of gateways) await reading(gateway);
}

async function reading(gateway: Gateway): Promise<void> {
  const lag = gateway.part(LaneLagReader);
  // One that is under way may have been asked for before.
  await lag.read(0);
  await eventually(async () => expect([...(await lag.read(0)).keys()]).toEqual([...LANES]));
}

it('holds no more than a lane may and what the other process put in since, and gets full', async () => {
  const answers = await Promise.all(Array.from({ length: 4 * MAX_SIZE }, (_, at) => submit(at, 'low')));
  const byProcess = [0, 1].map(
    (process) => answers.filter(({ status }, at) => status === 202 && at % 2 === process).length,
  );
  for (const accepted of byProcess) expect(accepted).toBeLessThanOrEqual(MAX_SIZE);
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202, 429]));
  // What a process counted twice, in its reading and as on its way, a later reading puts right.
  let accepted = byProcess.reduce((sum, one) => sum + one, 0);
  await readAgain();
  for (; accepted <= 2 * MAX_SIZE; accepted += 1) if ((await submit(0, 'low')).status !== 202) break;
  expect(accepted).toBeGreaterThanOrEqual(MAX_SIZE);
  expect(accepted).toBeLessThanOrEqual(2 * MAX_SIZE);
  await readAgain();
  const full = await Promise.all([submit(0, 'low'), submit(1, 'low')]);
  expect(full.map(({ status }) => status)).toEqual([429, 429]);
});

it('is exact where one process puts in all', async () => {
  expect(await batch(0, 2 * MAX_SIZE, 'high')).toBe(MAX_SIZE);
  await readAgain();
  expect(await Promise.all([batch(0, 5, 'high'), batch(1, 5, 'high')])).toEqual([0, 0]);
});

it('takes the first of a batch that is larger than the room, and refuses the rest at once', async () => {
  const some = 0.3 * MAX_SIZE;
  const both = await Promise.all([batch(0, some, 'normal'), batch(1, some, 'normal')]);
  expect(both).toEqual([some, some]);
  await readAgain();
  const { json } = await batchAnswer(0, MAX_SIZE, 'normal');
  const statuses = json.results.map(({ status }: { status: number }) => status);
  const room = MAX_SIZE - 2 * some;
  expect(statuses).toEqual([...Array(room).fill(202), ...Array(MAX_SIZE - room).fill(429)]);
  expect(json.results.at(-1).error).toMatchObject({ code: 'queue_full', retry_after_seconds: 10 });
});
