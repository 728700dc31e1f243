import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { runLlmq } from '../support/llmq-command.js';
import { type RunningService, startService } from '../support/service.js';

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes.
type Json = any;

let service: RunningService;

beforeAll(async () => {
  service = await startService({
    config: {
      queue: {
        worker: { concurrency: 1 },
        levels: { low: { max_wait_ms: 500 }, normal: { max_wait_ms: 500 } },
      },
    },
  });
});
afterAll(() => service?.stop());

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

const send = async (fields: object): Promise<string> =>
  (await call('POST', 'messages', { user_id: 'u', content: 'x', ...fields })).id;
const read = (id: string) => call('GET', `messages/${id}`);
const timeline = async (id: string): Promise<Json[]> => (await call('GET', `messages/${id}/events`)).data;
const sequenceOf = (events: readonly Json[], type: string) =>
  events.find((event) => event.type === `llmq.message.${type}.v1`).sequence;

it('puts what waited too long into the lane above, once, and has it run once and in the order of its turns', async () => {
  // Holds the only slot until all of them have gone up, however slow the machine is.
  const busy = await send({ priority: 'realtime', content: '[[demo:slow 100000]] [[demo:tokens 1]]' });
  await eventually(async () => expect((await read(busy)).status).toBe('processing'));
  const alone = await send({ priority: 'low', ttl: '1h' });
  const { deadline } = await read(alone);
  const turns: string[] = [];
  for (const content of ['one', 'two']) {
    turns.push(await send({ priority: 'low', content, conversation_id: 'talk' }));
  }
  const high = await send({ priority: 'high' });
  await eventually(async () => {
    for (const id of [alone, ...turns]) {
      expect(await read(id)).toMatchObject({
        ...{ status: 'pending', priority: 'normal', priority_reason: 'aged' },
        position: expect.any(Number),
      });
    }
  });
  expect((await read(busy)).status).toBe('processing');
  expect(await read(high)).toMatchObject({ priority: 'high', priority_reason: 'explicit' });
  await call('POST', `messages/${busy}/cancel`);
  const all = [alone, ...turns, high];
  for (const id of all) {
    const ended = await call('GET', `messages/${id}?wait=60s`);
    expect(ended).toMatchObject({ status: 'completed', attempts: 1 });
  }
  const events = await Promise.all(all.map(timeline));
  for (const [at, told] of events.entries()) {
    const calls = told.filter(({ type }) => type === 'llmq.message.dispatched.v1');
    expect(calls).toHaveLength(1);
    const aged = told.filter(({ data }) => data.reason === 'aged');
    expect(aged).toHaveLength(all[at] === high ? 0 : 1);
    if (all[at] !== high) expect(aged[0].text).toContain('it waited longer than its lane allows');
  }
  expect(await read(alone)).toMatchObject({ priority: 'normal', deadline });
  const [, first, second] = events as [Json[], Json[], Json[], Json[]];
  expect(sequenceOf(second, 'dispatched')).toBeGreaterThan(sequenceOf(first, 'completed'));
  const { code, output } = await runLlmq(service.dataDir, 'events', 'verify', '--json');
  expect({ code, ...JSON.parse(output) }).toMatchObject({ code: 0, ok: true });
});

it('leaves what waits in a paused lane where it is', async () => {
  await call('POST', 'admin/queues/low/pause');
  const paused = await send({ priority: 'low' });
  await sleep(6_000);
  expect(await read(paused)).toMatchObject({ status: 'pending', priority: 'low', waiting_for: 'paused' });
  await call('POST', 'admin/queues/low/resume');
  expect((await call('GET', `messages/${paused}?wait=60s`)).status).toBe('completed');
});
