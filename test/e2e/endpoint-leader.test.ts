import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { newApiKey } from '../../src/platform/security/api-key.js';
import { eventually } from '../support/eventually.js';
import { type LimitedEndpoint, startLimitedEndpoint } from '../support/limited-endpoint.js';
import { type RunningService, startService } from '../support/service.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';
import { startTestPostgres, type TestPostgres } from '../support/test-postgres.js';

const NAMES = ['one', 'two'] as const;
type Name = (typeof NAMES)[number];
const admin = newApiKey({ name: 'admin', role: 'admin', tenant: 'default' });

interface StateChange {
  readonly endpoint: string;
  readonly model: string;
  readonly from: string;
  readonly to: string;
  readonly reason: string;
}

let nats: TestNats;
let postgres: TestPostgres;
let endpoint: LimitedEndpoint;
let receiver: Server;
const alerts: StateChange[] = [];
let api: RunningService;
let workers: Record<Name, RunningService>;

beforeAll(async () => {
  [nats, postgres, endpoint] = await Promise.all([
    startTestNats(),
    startTestPostgres(),
    startLimitedEndpoint(20),
  ]);
  receiver = createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    const alert = JSON.parse(body);
    if (alert.type === 'endpoint_state_changed') alerts.push(alert);
    response.writeHead(204).end();
  }).listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const [first, one, two] = await Promise.all([
    start('api,projector', null),
    start('worker', 'one'),
    start('worker', 'two'),
  ]);
  [api, workers] = [first!, { one: one!, two: two! }];
}, 300_000);
afterAll(async () => {
  await Promise.all([workers?.one, workers?.two, api].map((service) => service?.stop()));
  receiver?.close();
  await endpoint?.close();
  await Promise.all([nats?.stop(), postgres?.stop()]);
});

/** @param name sent with all that the process asks of the endpoint */
function start(roles: string, name: Name | null): Promise<RunningService> {
  const headers = { 'x-worker': name ?? 'api' };
  const { port } = receiver.address() as AddressInfo;
  return startService({
    env: {
      ...{ NATS_URL: nats.url, NATS_USER: nats.user, NATS_PASSWORD: nats.password },
      ...{ DATABASE_URL: postgres.url, LLMQ_ROLES: roles },
    },
    config: {
      endpoints: [{ name: 'gpu', base_url: endpoint.url, models: ['m'], headers }],
      queue: { dead_letters: { webhook_url: `http://127.0.0.1:${port}/hook` } },
      security: { api_keys: [admin.config] },
    },
  });
}

function get(service: RunningService, path: string): Promise<Response> {
  return fetch(service.baseUrl + path, { headers: { authorization: `Bearer ${admin.key}` } });
}

async function submit(count: number): Promise<void> {
  const messages = Array.from({ length: count }, () => ({ user_id: 'u', content: 'x', model: 'm' }));
  const response = await fetch(`${api.baseUrl}/api/v1/messages/batch`, {
    method: 'POST',
    body: JSON.stringify({ messages }),
    headers: { authorization: `Bearer ${admin.key}`, 'content-type': 'application/json' },
  });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
}

/** As the log has them, with who recorded each. */
async function recorded(): Promise<(StateChange & { readonly by: string })[]> {
  const lines = (await (await get(api, '/api/v1/audit/events')).text()).trim().split('\n');
  return lines
    .map((line) => JSON.parse(line).event)
    .filter((event) => event?.type === 'llmq.admin.endpoint-state-changed.v1')
    .map(({ subject, data }) => ({ endpoint: subject, ...data }));
}

/** What the process's metric says of the deployment. */
async function stateAt(service: RunningService): Promise<string | undefined> {
  const text = await (await get(service, '/metrics')).text();
  const states = text.split('\n').filter((line) => line.startsWith('llmq_endpoint_state{'));
  return states.find((line) => / 1( |$)/.test(line))?.match(/state="(\w+)"/)?.[1];
}

it('one process checks for all, tells of each change, and another takes over when it is killed', async () => {
  await submit(4);
  await eventually(() => expect(endpoint.calls.length).toBeGreaterThanOrEqual(4));
  endpoint.status = 500;
  const well = endpoint.checks.length;
  await submit(20);
  await eventually(() => expect(endpoint.checks.length).toBeGreaterThanOrEqual(well + 3));
  const leader = endpoint.checks[well] as Name;
  const other = leader === 'one' ? 'two' : 'one';
  expect(new Set(endpoint.checks.slice(well))).toEqual(new Set([leader]));
  for (const name of NAMES)
    await eventually(async () => expect(await stateAt(workers[name])).toBe('unhealthy'));
  const fell = await eventually(async () => {
    const changes = await recorded();
    expect(changes.map(({ to }) => to)).toContain('unhealthy');
    return changes;
  });
  const who = (name: Name) => expect.stringMatching(new RegExp(`:${workers[name].pid}$`));
  for (const change of fell) {
    expect(change).toMatchObject({ endpoint: 'gpu', model: 'm', by: who(leader) });
    expect(change.reason).not.toBe('');
  }
  await eventually(() => expect(alerts.map(({ to }) => to)).toEqual(['unhealthy']));
  const { by: _, ...told } = fell.find(({ to }) => to === 'unhealthy')!;
  expect(alerts[0]).toMatchObject(told);

  const before = endpoint.checks.length;
  await workers[leader].kill('SIGKILL');
  await eventually(() => expect(endpoint.checks.slice(before)).toContain(other));
  const since = endpoint.checks.length;
  await sleep(6_000);
  expect(new Set(endpoint.checks.slice(since))).toEqual(new Set([other]));
  expect(await stateAt(workers[other])).toBe('unhealthy');

  endpoint.status = 200;
  await eventually(async () => expect(await stateAt(workers[other])).toBe('healthy'), { withinMs: 90_000 });
  const all = await eventually(async () => {
    const changes = await recorded();
    expect(changes.at(-1)?.to).toBe('healthy');
    return changes;
  });
  const rose = all.slice(fell.length);
  expect(rose.every(({ reason }) => reason !== '')).toBe(true);
  expect(rose.at(-1)).toMatchObject({ by: who(other) });
  // It is told when it stops to serve and when it serves again; the doubt in between is no alert.
  await eventually(() =>
    expect(alerts.map(({ from, to }) => [from, to].includes('unhealthy'))).toEqual([true, true]),
  );
  expect(alerts[1]).toMatchObject({ endpoint: 'gpu', model: 'm', from: 'unhealthy' });
}, 600_000);
