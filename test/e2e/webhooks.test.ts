import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { inOneOf } from '../support/in-one-of.js';
import { runRebuild } from '../support/llmq-command.js';
import { type RecordingModel, startRecordingModel } from '../support/recording-model.js';
import { type RunningService, type ServiceOptions, startService } from '../support/service.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';
import { startTestPostgres, type TestPostgres } from '../support/test-postgres.js';
import { startWebhookReceiver, type WebhookReceiver } from '../support/webhook-receiver.js';

const SECRET = `whsec_${Buffer.from('s'.repeat(32)).toString('base64')}`;

let nats: TestNats;
let postgres: TestPostgres;
let receiver: WebhookReceiver;
let model: RecordingModel;
const running = new Set<RunningService>();

beforeAll(async () => {
  [nats, postgres, receiver, model] = await Promise.all([
    startTestNats(),
    startTestPostgres(),
    startWebhookReceiver(),
    startRecordingModel({ failing: 0, takesMs: 10, answer: (question) => question }),
  ]);
});
afterAll(async () => {
  await Promise.all([...running].map((service) => service.stop()));
  await Promise.all([receiver?.close(), model?.close()]);
  await Promise.all([nats?.stop(), postgres?.stop()]);
});

async function start(roles: string, options: ServiceOptions = {}): Promise<RunningService> {
  const service = await startService({
    env: {
      NATS_URL: nats.url,
      NATS_USER: nats.user,
      NATS_PASSWORD: nats.password,
      DATABASE_URL: postgres.url,
      ENDPOINTS: JSON.stringify([{ name: 'model', base_url: model.url, models: ['m'] }]),
      WEBHOOKS_SECRETS: JSON.stringify([SECRET]),
      LLMQ_ROLES: roles,
    },
    config: {
      security: { egress: { allow: ['127.0.0.1'] } },
      webhooks: { timeout_ms: 20_000, retry_times_ms: [100, 1_000] },
    },
    ...options,
  });
  running.add(service);
  return service;
}

/** Takes it down as a power cut does. */
async function kill(...services: RunningService[]): Promise<void> {
  for (const service of services) running.delete(service);
  await Promise.all(services.map((service) => service.kill('SIGKILL')));
}

async function stop(...services: RunningService[]): Promise<void> {
  for (const service of services) running.delete(service);
  await Promise.all(services.map((service) => service.stop()));
}

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes.
async function call(service: RunningService, method: string, path: string, body?: unknown): Promise<any> {
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  const headers = body === undefined ? undefined : { 'content-type': 'application/json' };
  const response = await fetch(`${service.baseUrl}/api/v1/${path}`, { method, headers, ...sent });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

const submit = async (service: RunningService, path: string): Promise<string> =>
  (
    await call(service, 'POST', 'messages', {
      user_id: 'u',
      content: path,
      callback_url: receiver.url + path,
    })
  ).id;

function delivered(service: RunningService, id: string) {
  return eventually(
    async () => {
      const { data } = await call(service, 'GET', `webhooks/deliveries?message_id=${id}`);
      expect(data).toMatchObject([{ status: 'delivered' }]);
      return data[0];
    },
    { withinMs: 240_000 },
  );
}

it('a webhook begins though everything was killed between the end of its message and its first try', async () => {
  // Without a projector nobody knows yet that the message has ended.
  const front = await start('api,worker');
  const id = await submit(front, '/before');
  await eventually(() =>
    expect(model.calls.some(({ messages }) => messages.at(-1)!.content === '/before')).toBe(true),
  );
  await sleep(500);
  await kill(front);
  expect(receiver.about(id)).toEqual([]);
  const service = await start('all');
  expect(await delivered(service, id)).toMatchObject({ tries: 1 });
  expect(receiver.about(id)).toHaveLength(1);
  await stop(service);
});

it('a webhook whose process was killed before its record is sent by another one, under the same id', async () => {
  let killed: Promise<void> | undefined;
  const [one, other] = await Promise.all([start('api,worker'), start('api,projector')]);
  receiver.answer('/killed', (response, tries) => {
    // Whichever process sent it, it never learns what came of it.
    if (tries > 0) response.writeHead(204).end();
    else killed = kill(one, other);
  });
  const id = await submit(one, '/killed');
  await eventually(() => expect(killed).toBeDefined());
  await killed;
  const service = await start('all');
  expect(await delivered(service, id)).toMatchObject({ tries: 1, round: 1 });
  const hooks = receiver.about(id);
  expect(hooks).toHaveLength(2);
  expect(hooks[1]!.headers['webhook-id']).toBe(hooks[0]!.headers['webhook-id']);
  expect(hooks[1]!.body).toBe(hooks[0]!.body);
  await stop(service);
});

it('the webhook of a batch that is delivered again outlives a kill while it is sent', async () => {
  const first = await start('all');
  const url = `${first.baseUrl}/api/v1/batches?callback_url=${encodeURIComponent(`${receiver.url}/batch`)}`;
  const headers = { 'content-type': 'application/x-ndjson' };
  const { id } = (await (await fetch(url, { method: 'POST', body: 'no json', headers })).json()) as {
    id: string;
  };
  const webhookOf = async (service: RunningService, expected: object) => {
    const { webhook } = await call(service, 'GET', `batches/${id}`);
    expect(webhook).toMatchObject(expected);
    return webhook;
  };
  const told = (service: RunningService, round: number) =>
    eventually(() => webhookOf(service, { status: 'delivered', round, tries: 1 }), { withinMs: 240_000 });
  const { id: webhookId } = await told(first, 1);
  let killed: Promise<void> | undefined;
  receiver.answer('/batch', (response, tries) => {
    // The second one is sent, and nobody learns what came of it.
    if (tries > 1) response.writeHead(204).end();
    else killed = kill(first);
  });
  await call(first, 'POST', `batches/${id}/webhook/redeliver`);
  await eventually(() => expect(killed).toBeDefined());
  await killed;
  const service = await start('all');
  await told(service, 2);
  expect(receiver.at('/batch').map((each) => each.headers['webhook-id'])).toEqual(Array(3).fill(webhookId));
  await stop(service);
}, 600_000);

it('two processes share the webhooks: each is sent once', async () => {
  const [one, other] = await Promise.all([start('all'), start('api')]);
  const ids: string[] = [];
  const share = async () => {
    const more = Array.from({ length: 60 }, (_, at) =>
      submit(at % 2 === 0 ? one : other, `/shared/${ids.length + at}`),
    );
    ids.push(...(await Promise.all(more)));
    await Promise.all(ids.map((id) => delivered(other, id)));
    for (const id of ids) expect(receiver.about(id)).toHaveLength(1);
    return eventually(async () => {
      const agents = await Promise.all(
        [one, other].map(async ({ baseUrl }) => (await fetch(`${baseUrl}/metrics`)).text()),
      );
      const counts = agents.map((text) =>
        Number(/llmq_webhook_tries_total\{[^}]*outcome="delivered"[^}]*\} (\d+)/.exec(text)?.[1]),
      );
      expect(counts[0]! + counts[1]!).toBe(ids.length);
      expect(agents[0]).toMatch(/llmq_webhook_waiting(\{[^}]*\})? 0/);
      return counts;
    });
  };
  // One that is held up gets none of some.
  await inOneOf(5, async () => expect(Math.min(...(await share()))).toBeGreaterThan(0));
  await stop(one, other);
}, 900_000);

it('a rebuild gives the same deliveries and sends nothing, and no secret is told', async () => {
  const service = await startService({
    env: { WEBHOOKS_SECRETS: JSON.stringify([SECRET]) },
    config: {
      endpoints: [{ name: 'model', base_url: model.url, models: ['m'] }],
      security: { egress: { allow: ['127.0.0.1'] } },
      webhooks: { url: `${receiver.url}/rebuilt`, retry_times_ms: [100] },
    },
  });
  running.add(service);
  receiver.answer('/rebuilt', (response, tries) => response.writeHead(tries % 3 === 2 ? 204 : 500).end());
  for (let at = 0; at < 5; at += 1) await call(service, 'POST', 'messages', { user_id: 'u', content: 'q' });
  const ended = async () => {
    const { data } = await call(service, 'GET', 'webhooks/deliveries');
    expect(data.filter(({ status }: { status: string }) => status !== 'waiting')).toHaveLength(5);
    return data;
  };
  const before = await eventually(ended);
  const sent = receiver.received.length;
  expect(await runRebuild(service.dataDir)).toMatchObject({ code: 0 });
  expect(await eventually(ended)).toEqual(before);
  await sleep(2_000);
  expect(receiver.received).toHaveLength(sent);
  const settings = JSON.stringify(await call(service, 'GET', 'config'));
  for (const text of [service.logs(), settings]) expect(text).not.toContain(SECRET.slice('whsec_'.length));
  await stop(service);
}, 300_000);
