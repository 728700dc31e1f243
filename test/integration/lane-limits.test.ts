import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { mostBeyondLimit } from '../../src/submission/admission/lane-room.policy.js';
import { type Gateway, request, type Servers, startGateway, startServers } from './gateway.rig.js';

const MAX_SIZE = 100;

let servers: Servers;
let gateways: Gateway[];

beforeAll(async () => {
  servers = await startServers();
  const level = { max_size: MAX_SIZE };
  const config = { queue: { levels: { low: level, normal: level } } };
  gateways = [await startGateway(servers, config), await startGateway(servers, config)];
});
afterAll(async () => {
  for (const gateway of gateways ?? []) await gateway.close();
  await servers?.stop();
});

const message = (priority: string) => ({ user_id: 'u', content: 'hello', priority });
const submit = (at: number, priority: string) =>
  request('POST', `${gateways[at % 2]!.baseUrl}/api/v1/messages`, message(priority));
/** How many of them are accepted; a batch of which none is fails as a whole. */
const batch = async (at: number, count: number, priority: string): Promise<number> => {
  const messages = Array.from({ length: count }, () => message(priority));
  const url = `${gateways[at % 2]!.baseUrl}/api/v1/messages/batch`;
  const { status, json } = await request('POST', url, { messages });
  expect([200, 429]).toContain(status);
  return json.accepted ?? 0;
};

it('holds no more than a lane may, however much comes to two processes at once, and gets full', async () => {
  const answers = await Promise.all(Array.from({ length: 4 * MAX_SIZE }, (_, at) => submit(at, 'low')));
  let accepted = answers.filter(({ status }) => status === 202).length;
  expect(accepted).toBeLessThanOrEqual(MAX_SIZE + mostBeyondLimit(2));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202, 429]));
  // What one process counted twice, in its reading and by what the other told, the next reading puts right.
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  while ((await submit(accepted, 'low')).status === 202) accepted += 1;
  expect(accepted).toBeGreaterThanOrEqual(MAX_SIZE);
  expect(accepted).toBeLessThanOrEqual(MAX_SIZE + mostBeyondLimit(2));
});

it('lets a batch wait for its part of a lane that has room', async () => {
  const some = 0.3 * MAX_SIZE;
  const both = await Promise.all([batch(0, some, 'normal'), batch(1, some, 'normal')]);
  expect(both).toEqual([some, some]);
  const more = await Promise.all([batch(0, MAX_SIZE, 'normal'), batch(1, MAX_SIZE, 'normal')]);
  expect(2 * some + more[0] + more[1]).toBeLessThanOrEqual(MAX_SIZE + mostBeyondLimit(2));
});
