import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { EventSource } from 'eventsource';
import { type DemoModelServer, startDemoModel } from '../../src/demo-model/demo-server.js';
import { eventually } from '../support/eventually.js';
import { inOneOf } from '../support/in-one-of.js';
import { LiveClient, type LiveFrame, readLive } from '../support/live-reader.js';
import { type RunningService, startService } from '../support/service.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';
import { startTestPostgres, type TestPostgres } from '../support/test-postgres.js';

const TOKENS = 60;
const RATE = 20;
const words = (count: number) => Array.from({ length: count }, (_, index) => `word${index + 1}`).join(' ');
const WHOLE = words(TOKENS);
/** For what must happen while an answer is told: the longer ones for a machine that is held up meanwhile. */
const lengths = () => [TOKENS, 5 * TOKENS, 20 * TOKENS];

let nats: TestNats;
let postgres: TestPostgres;
let model: DemoModelServer;
let api: RunningService;
let others: RunningService[] = [];

beforeAll(async () => {
  [nats, postgres, model] = await Promise.all([
    startTestNats(),
    startTestPostgres(),
    startDemoModel({ port: 0, tokensPerSecond: 20 }),
  ]);
  api = await start('api,projector');
});
afterEach(async () => {
  await Promise.all(others.map((service) => service.stop().catch(() => undefined)));
  others = [];
});
afterAll(async () => {
  await api?.stop();
  await model?.close();
  await Promise.all([nats?.stop(), postgres?.stop()]);
});

function start(roles: string): Promise<RunningService> {
  return startService({
    env: {
      NATS_URL: nats.url,
      NATS_USER: nats.user,
      NATS_PASSWORD: nats.password,
      DATABASE_URL: postgres.url,
      ENDPOINTS: JSON.stringify([{ name: 'model', base_url: model.url, models: ['demo'] }]),
      LLMQ_ROLES: roles,
    },
    config: { queue: { worker: { ack_wait_ms: 1_500 } } },
  });
}

async function other(roles: string): Promise<RunningService> {
  const service = await start(roles);
  others.push(service);
  return service;
}

/** Each time another text, so that the model's troubles count for it alone. */
async function submit(content: string, more: object = {}): Promise<string> {
  const body = JSON.stringify({ user_id: 'ann', content: `${content} ${crypto.randomUUID()}`, ...more });
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${api.baseUrl}/api/v1/messages`, { method: 'POST', body, headers });
  expect(response.status).toBe(202);
  return ((await response.json()) as { id: string }).id;
}

const urlOf = (service: RunningService, id: string) => `${service.baseUrl}/api/v1/messages/${id}/stream`;
const isPiece = ({ data }: LiveFrame) => data.type === 'piece';
const isEnd = ({ data }: LiveFrame) => data.type === 'ended';
const slowly = (tokens: number) => `[[demo:tokens ${tokens}]] [[demo:rate ${RATE}]]`;
const SLOWLY = slowly(TOKENS);

describe('a message that is followed', () => {
  it('is told in pieces by a worker of another process, though it was not submitted as a stream', async () => {
    const told: { readonly id: string; readonly client: LiveClient; readonly whole: string }[] = [];
    await other('worker');
    const tokens = lengths();
    await inOneOf(tokens.length, async () => {
      const count = tokens.shift()!;
      const id = await submit(slowly(count));
      const client = new LiveClient();
      await sleep(((count / RATE) * 1_000) / 3);
      await client.read(urlOf(api, id), isEnd);
      told.push({ id, client, whole: words(count) });
      // What was said before somebody followed is one piece.
      expect(client.of('piece').length).toBeGreaterThan(10);
      expect(client.of('piece').length).toBeLessThan(count);
    });
    for (const { id, client, whole } of told) {
      expect(client.text(id)).toBe(whole);
      expect(client.of('restart')).toEqual([]);
      expect(client.frames.at(-1)!.data.message.result.content).toBe(whole);
    }
  });

  it('goes on behind each cut, and on another process when its own is killed', async () => {
    await other('worker');
    const dying = await other('api');
    const id = await submit(SLOWLY);
    const client = new LiveClient();
    for (let cuts = 0; cuts < 10; cuts += 1) await client.read(urlOf(dying, id), isPiece);
    const reading = await readLive(urlOf(dying, id), { after: client.after });
    for (const frame of await reading.until(isPiece)) client.take(frame);
    await dying.kill('SIGKILL');
    await client.read(urlOf(api, id), isEnd);
    expect(client.text(id)).toBe(WHOLE);
    expect(client.of('restart')).toEqual([]);
    expect((await readLive(urlOf(api, id), { after: client.after })).response.status).toBe(204);
  });

  it('begins anew when its worker is killed, and is whole in the end', async () => {
    const worker = await other('worker');
    // Its first call has no end.
    const id = await submit(`${SLOWLY} [[demo:hang after=20 times=1]]`);
    const client = new LiveClient();
    const reading = client.read(urlOf(api, id), isEnd);
    await eventually(() => expect(String(client.text(id)).split(' ').length).toBeGreaterThan(5));
    await worker.kill('SIGKILL');
    await other('worker');
    await reading;
    expect(client.of('restart')).toHaveLength(1);
    expect(client.text(id)).toBe(WHOLE);
  });

  it('is read by the package eventsource, which connects again by itself and stops at the end', async () => {
    await other('worker');
    const tokens = lengths();
    const texts: [told: string, whole: string][] = [];
    await inOneOf(tokens.length, async () => {
      const count = tokens.shift()!;
      const id = await submit(slowly(count));
      const told: string[] = [];
      const statuses: number[] = [];
      const source = new EventSource(urlOf(api, id), {
        // Cut after some of the answer, twice.
        fetch: async (url, init) => {
          const response = await fetch(url, init as RequestInit);
          statuses.push(response.status);
          return statuses.length > 2 || response.body === null ? response : cutAfter(response, 6);
        },
      });
      source.addEventListener('piece', ({ data }) => told.push(JSON.parse(data).delta.content ?? ''));
      source.addEventListener('restart', () => told.splice(0));
      const ended = new Promise((resolve) => source.addEventListener('ended', resolve));
      await ended;
      texts.push([told.join(''), words(count)]);
      await eventually(() => expect(source.readyState).toBe(EventSource.CLOSED));
      // On a slow machine all of the rest may come at once, before the second cut.
      expect(statuses.slice(-3)).toEqual([200, 200, 204]);
    });
    for (const [told, whole] of texts) expect(told).toBe(whole);
  });
});

function cutAfter(response: Response, parts: number): Response {
  let left = parts;
  const cut = new TransformStream<Uint8Array, Uint8Array>({
    transform(part, controller) {
      controller.enqueue(part);
      left -= 1;
      if (left === 0) controller.terminate();
    },
  });
  const { status, headers, url } = response;
  const passed = new Response(response.body!.pipeThrough(cut), { status, headers });
  return Object.defineProperty(passed, 'url', { value: url });
}
