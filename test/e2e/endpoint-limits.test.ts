import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { type LimitedEndpoint, startLimitedEndpoint } from '../support/limited-endpoint.js';
import { type RunningService, startService } from '../support/service.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';
import { startTestPostgres, type TestPostgres } from '../support/test-postgres.js';

const PLACES = 12;
const RPM = 120;
const TPM = 30_000;
/** Long enough that a busy machine can use the places, and over before another worker gets those of one that stands still. */
const CALL_MS = 3_000;
const MINUTE_MS = 60_000;

let nats: TestNats;
let postgres: TestPostgres;
let places: LimitedEndpoint;
let requests: LimitedEndpoint;
let tokens: LimitedEndpoint;
let api: RunningService;
let workers: RunningService[] = [];

beforeAll(async () => {
  [nats, postgres, places, requests, tokens] = await Promise.all([
    startTestNats(),
    startTestPostgres(),
    startLimitedEndpoint(CALL_MS),
    startLimitedEndpoint(20),
    startLimitedEndpoint(500, () => 100 + Math.floor(Math.random() * 400)),
  ]);
  [api, ...workers] = await Promise.all([
    start('api,projector', true),
    ...[false, false, false, true].map((all) => start('worker', all)),
  ]);
}, 300_000);
afterAll(async () => {
  // Their backlogs are of no interest any more.
  await Promise.all([...workers, api].map((service) => service?.kill('SIGKILL')));
  await Promise.all([...workers, api].map((service) => service?.stop()));
  await Promise.all([places, requests, tokens].map((endpoint) => endpoint?.close()));
  await Promise.all([nats?.stop(), postgres?.stop()]);
});

/** @param all whether it also serves the model that only one of the workers serves */
function start(roles: string, all: boolean): Promise<RunningService> {
  const endpoints = [
    { name: 'places', base_url: places.url, models: all ? ['p', 'one'] : ['p'], max_concurrency: PLACES },
    { name: 'requests', base_url: requests.url, models: ['r'], max_concurrency: 50, rpm: RPM },
    { name: 'tokens', base_url: tokens.url, models: ['t'], max_concurrency: 50, tpm: TPM },
  ];
  return startService({
    env: {
      ...{ NATS_URL: nats.url, NATS_USER: nats.user, NATS_PASSWORD: nats.password },
      ...{ DATABASE_URL: postgres.url, ENDPOINTS: JSON.stringify(endpoints), LLMQ_ROLES: roles },
    },
    config: { queue: { worker: { ack_wait_ms: 3_000, concurrency: 64 } } },
  });
}

async function submit(model: string, count: number): Promise<void> {
  const messages = Array.from({ length: count }, () => ({ user_id: 'u', content: 'x', model }));
  const response = await fetch(`${api.baseUrl}/api/v1/messages/batch`, {
    method: 'POST',
    body: JSON.stringify({ messages }),
    headers: { 'content-type': 'application/json' },
  });
  // Read in any case: a response that nobody reads keeps its connection open.
  const said = await response.text();
  if (!response.ok) throw new Error(`${response.status}: ${said}`);
}

/** Calls hold nine tenths of the places for some seconds, in which a busy machine's own slowness is counted in. */
async function nearlyAllUsed(): Promise<void> {
  await eventually(
    async () => {
      const samples: number[] = [];
      const endMs = performance.now() + 2 * CALL_MS;
      while (performance.now() < endMs) {
        samples.push(places.running);
        await sleep(10);
      }
      const sum = samples.reduce((all, each) => all + each, 0);
      expect(sum / (samples.length * PLACES)).toBeGreaterThan(0.9);
    },
    { withinMs: 90_000 },
  );
}

it('what an endpoint allows holds over four processes, of which one is killed and one stands still', async () => {
  await submit('r', 600);
  await submit('t', 600);
  const startedMs = performance.now();

  // All demand at one of four.
  await submit('one', 60 * PLACES);
  await nearlyAllUsed();
  await submit('p', 60 * PLACES);
  await nearlyAllUsed();

  const [killed, stopped] = workers;
  await killed!.kill('SIGKILL');
  const killedMs = performance.now();
  await eventually(() => expect(places.running).toBe(PLACES), { everyMs: 5 });
  expect(performance.now() - killedMs).toBeLessThan(30_000);
  await nearlyAllUsed();

  // Shorter than the others wait for it, and longer.
  for (const forMs of [3_500, 8_000]) {
    process.kill(stopped!.pid, 'SIGSTOP');
    await sleep(forMs);
    process.kill(stopped!.pid, 'SIGCONT');
    await nearlyAllUsed();
  }
  await sleep(Math.max(0, 2 * MINUTE_MS - (performance.now() - startedMs)));

  expect(places.peak).toBe(PLACES);
  // On their way here some calls are held up longer than others.
  const spanMs = MINUTE_MS - 5_000;
  expect(requests.most(spanMs, () => 1)).toBeLessThanOrEqual(RPM);
  expect(tokens.most(spanMs, (call) => call.tokens)).toBeLessThanOrEqual(1.05 * TPM);
  // In some minute: a machine that is held up uses less of one or another.
  await eventually(
    () => {
      expect(requests.most(MINUTE_MS, () => 1)).toBeGreaterThan(0.9 * RPM);
      expect(tokens.most(MINUTE_MS, (call) => call.tokens)).toBeGreaterThan(0.9 * TPM);
    },
    { withinMs: 2 * MINUTE_MS, everyMs: 1_000 },
  );
}, 900_000);
