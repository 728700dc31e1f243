import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { type RunningService, startService } from '../support/service.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';
import { startTestPostgres, type TestPostgres } from '../support/test-postgres.js';

/** Some seconds, and what else this machine does. A connection that stands still is given up after minutes by itself. */
const TAKES_OVER_WITHIN_MS = 45_000;

let nats: TestNats;
let postgres: TestPostgres;
let api: RunningService;
let projectors: RunningService[] = [];

beforeAll(async () => {
  [nats, postgres] = await Promise.all([startTestNats(), startTestPostgres()]);
  // The first one makes the tables.
  projectors = [await start('projector')];
  projectors.push(await start('projector'));
  api = await start('api');
}, 240_000);
afterAll(async () => {
  for (const service of [api, ...projectors]) {
    if (service === undefined) continue;
    signal(service, 'SIGCONT');
    await service.stop();
  }
  await Promise.all([nats?.stop(), postgres?.stop()]);
}, 300_000);

function signal({ pid }: RunningService, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function start(roles: string): Promise<RunningService> {
  return startService({
    env: {
      ...{ NATS_URL: nats.url, NATS_USER: nats.user, NATS_PASSWORD: nats.password },
      ...{ DATABASE_URL: postgres.url, LLMQ_ROLES: roles },
      ...(roles === 'projector' ? { DEMO_ENABLED: 'false' } : {}),
    },
  });
}

/** Submits one, and resolves when the tables have it. */
async function projected(): Promise<void> {
  const response = await fetch(`${api.baseUrl}/api/v1/messages`, {
    method: 'POST',
    body: JSON.stringify({ user_id: 'u', content: 'x' }),
    headers: { 'content-type': 'application/json' },
  });
  expect(response.status).toBe(202);
  const { id } = (await response.json()) as { id: string };
  await eventually(
    async () => expect((await fetch(`${api.baseUrl}/api/v1/messages/${id}`)).status).toBe(200),
    {
      withinMs: 60_000,
    },
  );
}

async function isActive(service: RunningService): Promise<boolean> {
  const text = await (await fetch(`${service.baseUrl}/metrics`)).text();
  return /^llmq_projection_active(\{[^}]*\})? 1$/m.test(text);
}

async function leader(): Promise<RunningService> {
  return eventually(async () => {
    const active = await Promise.all(projectors.map(isActive));
    expect(active.filter(Boolean)).toHaveLength(1);
    return projectors[active.indexOf(true)]!;
  });
}

it('another projector takes over in seconds when the active one stands still, and when it is killed', async () => {
  await projected();
  const first = await leader();
  signal(first, 'SIGSTOP');
  let at = Date.now();
  await projected();
  expect(Date.now() - at).toBeLessThan(TAKES_OVER_WITHIN_MS);
  signal(first, 'SIGCONT');
  const second = await leader();
  expect(second).not.toBe(first);
  await second.kill('SIGKILL');
  at = Date.now();
  await projected();
  expect(Date.now() - at).toBeLessThan(TAKES_OVER_WITHIN_MS);
}, 400_000);
