import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { newApiKey } from '../../src/platform/security/api-key.js';
import { eventually } from '../support/eventually.js';
import { inOneOf } from '../support/in-one-of.js';
import { type RunningService, startService } from '../support/service.js';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes.
type Json = any;

const SLOTS = 4;

/** A model that tells when it was asked what, and when a caller hung up. The text says what it does. */
class TestModel {
  readonly asked = new Map<string, number[]>();
  readonly hungUp = new Map<string, number>();
  /** The last request with each text, headers and body. */
  readonly seen = new Map<string, Json>();
  private readonly server: Server = createServer((request, response) => void this.serve(request, response));

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/v1`;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  calls(content: string): number {
    return this.asked.get(content)?.length ?? 0;
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const at = Date.now();
    // The service asks now and then whether it is well, and takes "no such address" for a yes.
    if (request.method !== 'POST') {
      response.writeHead(404).end();
      return;
    }
    let body = '';
    for await (const chunk of request) body += chunk;
    const sent = JSON.parse(body);
    const content = sent.messages.at(-1).content as string;
    this.seen.set(content, { headers: request.headers, body: sent });
    const asked = [...(this.asked.get(content) ?? []), at];
    this.asked.set(content, asked);
    response.on('close', () => {
      if (!response.writableEnded) this.hungUp.set(content, Date.now());
    });
    if (content.startsWith('hang')) return;
    if (content.startsWith('fail') || (content.startsWith('once') && asked.length === 1)) {
      response.writeHead(500, { 'content-type': 'application/json' }).end('{"error":{"message":"no"}}');
      return;
    }
    await sleep(Number(/(\d+) ms/.exec(content)?.[1] ?? 0));
    const message = { role: 'assistant', content: `re: ${content}` };
    const choices = [{ index: 0, message, finish_reason: 'stop' }];
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ id: 'x', object: 'chat.completion', model: 'm', choices }));
  }
}

const red = newApiKey({ name: 'red', role: 'client', tenant: 'red' });
const blue = newApiKey({ name: 'blue', role: 'client', tenant: 'blue' });
const model = new TestModel();
let service: RunningService;
let dataDir: string;
let config: Record<string, unknown>;

beforeAll(async () => {
  dataDir = await makeTempDir('llmq-life');
  const endpoint = { name: 'test', base_url: await model.start(), models: ['m'], max_concurrency: SLOTS };
  config = {
    // However loaded the machine is, a stream that fails has its own status.
    openai: { stream_headers_after_ms: 60_000 },
    endpoints: [endpoint],
    security: { api_keys: [red.config, blue.config] },
    queue: {
      worker: { concurrency: SLOTS },
      retry: { base_delay_ms: 100, max_delay_ms: 60_000 },
      levels: { low: { max_retries: 0, timeout_ms: 2_000 } },
    },
  };
  service = await startService({ dataDir, config });
});
afterAll(async () => {
  await service?.stop();
  model.stop();
  await removeTempDir(dataDir);
});

async function call(method: string, path: string, body?: unknown, { key } = red) {
  const response = await fetch(`${service.baseUrl}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, json: (await response.json()) as Json };
}

const messages = '/api/v1/messages';
const post = (content: string, more: object = {}) =>
  call('POST', messages, { user_id: 'u', content, ...more });
const get = async (id: string) => (await call('GET', `${messages}/${id}`)).json;
const ended = async (id: string) => (await call('GET', `${messages}/${id}?wait=60s`)).json;
const cancel = (id: string) => call('DELETE', `${messages}/${id}`);

async function submit(content: string, more: object = {}): Promise<string> {
  const { status, json } = await post(content, more);
  expect([status, json]).toEqual([202, expect.anything()]);
  return json.id;
}

async function called(content: string): Promise<void> {
  await eventually(() => expect(model.calls(content)).toBeGreaterThan(0));
}

/** All slots taken, for as long as the task runs, but for those that are held for `realtime`. */
async function withFullHouse(name: string, task: () => Promise<void>): Promise<void> {
  const contents = Array.from({ length: SLOTS }, (_, at) => `hang ${name} ${at}`);
  const ids = await Promise.all(contents.map((content) => submit(content, { priority: 'realtime' })));
  try {
    await Promise.all(contents.map(called));
    await task();
  } finally {
    await Promise.all(ids.map(cancel));
  }
}

async function types(id: string): Promise<string> {
  return (await get(id)).status;
}

describe('a delayed message', () => {
  it('is listed, and called when it is due: not before, and soon after', async () => {
    // All must be listed before the first is due: later on a machine that takes longer for that.
    const bases = [5_000, 20_000, 45_000];
    const all: { readonly id: string; readonly content: string; readonly at: number }[] = [];
    await inOneOf(bases.length, async () => {
      const base = bases.shift()!;
      const delays = Array.from({ length: 20 }, (_, at) => base + at * 50);
      const due = await Promise.all(
        delays.map(async (delay) => {
          const content = `due after ${delay}`;
          const { status, json } = await post(content, { delay: `${delay}ms`, priority: 'high' });
          expect([status, json.status, json.priority_reason]).toEqual([202, 'scheduled', 'explicit']);
          return { id: json.id as string, content, at: Date.parse(json.scheduled_at) };
        }),
      );
      all.push(...due);
      await eventually(
        async () => {
          const { json } = await call('GET', `${messages}?status=scheduled&limit=50`);
          const listed = json.data.map(({ id }: Json) => id);
          expect(listed).toEqual(expect.arrayContaining(due.slice(10).map(({ id }) => id)));
        },
        { withinMs: base },
      );
      for (const { id } of due) expect((await ended(id)).status).toBe('completed');
      const late = due.map(({ content, at }) => model.asked.get(content)![0]! - at);
      // What else the machine does counts as well: so long do messages take that wait for nothing.
      const usual = await Promise.all(
        delays.map(async (delay) => {
          const beganMs = Date.now();
          await ended(await submit(`at once ${delay}`, { priority: 'high' }));
          return model.asked.get(`at once ${delay}`)![0]! - beganMs;
        }),
      );
      expect(Math.max(...late)).toBeLessThan(3_000 + 3 * Math.max(...usual));
    });
    for (const { id } of all) expect((await ended(id)).status).toBe('completed');
    for (const { content, at } of all) expect(model.asked.get(content)![0]! - at).toBeGreaterThanOrEqual(0);
    expect(all.map(({ content }) => model.calls(content))).toEqual(all.map(() => 1));
    expect(await get(all[0]!.id)).toMatchObject({ priority_reason: 'explicit', attempts: 1 });
  }, 600_000);

  it('is due at once when its time is past, and its time survives a restart of everything', async () => {
    const past = await submit('past', { scheduled_at: '2020-01-01T00:00:00Z' });
    expect((await ended(past)).status).toBe('completed');
    // Late enough that the one is cancelled before.
    const due = new Date(Date.now() + 30_000).toISOString();
    const [survivor, dropped] = [
      await submit('survivor', { scheduled_at: due }),
      await submit('dropped', { scheduled_at: due }),
    ];
    expect((await cancel(dropped)).json).toMatchObject({ status: 'cancelled', scheduled_at: null });
    await service.stop();
    service = await startService({ dataDir, config });
    expect(await ended(survivor)).toMatchObject({ status: 'completed', attempts: 1 });
    expect(model.asked.get('survivor')![0]! - Date.parse(due)).toBeGreaterThanOrEqual(0);
    await sleep(300);
    expect([model.calls('dropped'), await types(dropped)]).toEqual([0, 'cancelled']);
  });

  it.each([
    [{ delay: '31d' }, 'delay'],
    [{ delay: 'soon' }, 'delay'],
    [{ delay: 1, scheduled_at: '2099-01-01T00:00:00Z' }, 'scheduled_at'],
    [{ scheduled_at: '2099-01-01T00:00:00Z' }, 'scheduled_at'],
    [{ ttl: 0 }, 'ttl'],
    [{ deadline: '2020-01-01T00:00:00Z' }, 'deadline'],
    [{ delay: '10s', ttl: '5s' }, 'ttl'],
    [{ retry_backoff: { kind: 'linear', base_delay_ms: 1 } }, 'retry_backoff'],
  ])('with %j is refused', async (more, field) => {
    expect(await post('refused', more)).toMatchObject({
      status: 422,
      json: { code: 'invalid_fields', field },
    });
  });
});

describe('cancelling', () => {
  it('a message that waits in its lane: it is never called, and who waits for it is told', async () => {
    await withFullHouse('lane', async () => {
      const id = await submit('waits in its lane');
      const watching = ended(id);
      const { status, json } = await call('POST', `${messages}/${id}/cancel`);
      expect([status, json.status]).toEqual([200, 'cancelled']);
      expect((await watching).status).toBe('cancelled');
      expect((await cancel(id)).json).toMatchObject({ status: 409, code: 'already_terminal' });
    });
    expect((await ended(await submit('after the house was full'))).status).toBe('completed');
    expect(model.calls('waits in its lane')).toBe(0);
  });

  it('a running call: the model is left within a second, and the slot serves another', async () => {
    const contents = [1, 2, 3, 4, 5].map((round) => `hang until cancelled ${round}`);
    let id = '';
    await inOneOf(contents.length, async () => {
      const content = contents.pop()!;
      id = await submit(content);
      await called(content);
      const at = Date.now();
      expect((await cancel(id)).status).toBe(200);
      await eventually(() => expect(model.hungUp.has(content)).toBe(true));
      expect(model.hungUp.get(content)! - at).toBeLessThan(1_000);
    });
    await withFullHouse('again', async () => {});
    expect(await get(id)).toMatchObject({ status: 'cancelled', attempts: 1, result: null });
  });

  it('a message whose client streams: the stream ends with the error', async () => {
    const content = 'hang while streaming';
    const streaming = call('POST', '/v1/chat/completions', {
      ...{ model: 'm', stream: true },
      messages: [{ role: 'user', content }],
    });
    await called(content);
    const id = await eventually(async () => {
      const { json } = await call('GET', `${messages}?status=processing`);
      expect(json.data).toHaveLength(1);
      return json.data[0].id as string;
    });
    expect((await cancel(id)).status).toBe(200);
    expect(await streaming).toMatchObject({ status: 409, json: { error: { code: 'cancelled' } } });
  });

  it('is not for other tenants, nor for what is not there or has ended', async () => {
    const id = await submit('mine', { delay: 60 });
    expect((await call('DELETE', `${messages}/${id}`, undefined, blue)).status).toBe(404);
    expect((await cancel('0195f000-0000-7000-8000-000000000000')).status).toBe(404);
    expect((await cancel('nonsense')).status).toBe(400);
    expect(await types(id)).toBe('scheduled');
    expect((await cancel(id)).status).toBe(200);
    const done = await submit('done');
    await ended(done);
    expect(await cancel(done)).toMatchObject({ status: 409, json: { code: 'already_terminal' } });
  });

  it('against completion, 200 times: one end counts, and the canceller is told which', async () => {
    const outcomes = { cancelled: 0, completed: 0 };
    // The cancels come as soon after the messages as makes it a race, however long a call takes on this machine.
    let spreadMs = 80;
    for (let round = 0; round < 5 || (round < 30 && Object.values(outcomes).includes(0)); round += 1) {
      const before = { ...outcomes };
      await Promise.all(
        Array.from({ length: 40 }, async (_, at) => {
          const id = await submit(`race ${round} ${at}: ${at % 5} ms`);
          await sleep(Math.random() * spreadMs);
          const { status, json } = await cancel(id);
          const after = await ended(id);
          const cancelled = after.status === 'cancelled';
          expect([status, cancelled ? json.status : json.code]).toEqual(
            cancelled ? [200, 'cancelled'] : [409, 'already_terminal'],
          );
          expect(after.result === null).toBe(cancelled);
          expect(await get(id)).toEqual(after);
          outcomes[after.status as keyof typeof outcomes] += 1;
        }),
      );
      if (outcomes.completed === before.completed) spreadMs *= 2;
      if (outcomes.cancelled === before.cancelled) spreadMs /= 2;
    }
    expect(outcomes.cancelled + outcomes.completed).toBeGreaterThanOrEqual(200);
    // Else it was no race.
    expect(Math.min(outcomes.cancelled, outcomes.completed)).toBeGreaterThan(0);
  }, 900_000);
});

describe('a message with a deadline', () => {
  it('expires while it waits, soon after its time, and is never called', async () => {
    const contents = [1, 2, 3, 4, 5].map((round) => `too late ${round}`);
    const late: string[] = [];
    await inOneOf(contents.length, async () => {
      const content = contents.shift()!;
      late.push(content);
      await withFullHouse(`${content}: expiry`, async () => {
        const id = await submit(content, { ttl: '1s' });
        const { status, deadline, completed_at } = await ended(id);
        expect(status).toBe('expired');
        expect(Date.parse(completed_at) - Date.parse(deadline)).toBeLessThan(5_000);
      });
    });
    await ended(await submit('behind the one that expired'));
    expect(late.map((content) => model.calls(content))).toEqual(late.map(() => 0));
  });

  it('is called in time, and expires rather than be tried again too late', async () => {
    expect((await ended(await submit('in time', { ttl: 300 }))).status).toBe('completed');
    const backoff = { kind: 'fixed', base_delay_ms: 60_000 };
    const id = await submit('fail with a deadline', { ttl: '45s', retry_backoff: backoff });
    expect(await ended(id)).toMatchObject({ status: 'expired', attempts: 1 });
    expect(model.calls('fail with a deadline')).toBe(1);
  });
});

describe('what reaches the model', () => {
  it('is what a client of OpenAI’s API hands to it, metadata included', async () => {
    const theirs = { store: true, metadata: { customer: 'c7' }, priority: 3, safety_identifier: 'hashed' };
    const response = await fetch(`${service.baseUrl}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${red.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'all of it' }], ...theirs }),
    });
    expect(response.status).toBe(200);
    expect(model.seen.get('all of it').body).toMatchObject(theirs);
  });

  it('is what is meant for it, and nothing of the queue or of its user', async () => {
    const ours = {
      ...{ user_id: 'secret-user', priority: 'high', max_retries: 1, timeout_ms: 9_000, ttl: '5m' },
      ...{ metadata: { secret: 1 }, retry_backoff: { kind: 'fixed', base_delay_ms: 1 } },
    };
    const content = 'over REST';
    const { json } = await call('POST', messages, { content, ...ours, parameters: { temperature: 0.5 } });
    await ended(json.id);
    const chat = { model: 'm', messages: [{ role: 'user', content: 'over OpenAI' }], temperature: 0.5 };
    const named = { service_tier: 'priority', metadata: { user_priority: 'high' }, ttl: 9 };
    const response = await fetch(`${service.baseUrl}/v1/chat/completions`, {
      method: 'POST',
      headers: {
        ...{ authorization: `Bearer ${red.key}`, 'content-type': 'application/json' },
        ...{ 'x-llmq-priority': 'high', 'x-llmq-user-id': 'secret-user', 'idempotency-key': 'secret-key' },
      },
      body: JSON.stringify({ ...chat, ...named }),
    });
    expect(response.status).toBe(200);
    for (const text of [content, 'over OpenAI']) {
      const { headers, body } = model.seen.get(text);
      expect(body).toEqual({
        ...{ model: 'm', messages: [{ role: 'user', content: text }], temperature: 0.5 },
        ...{ stream: true, stream_options: { include_usage: true } },
      });
      expect(JSON.stringify(headers)).not.toMatch(/secret|llmq-|authorization/);
    }
  });
});

describe('retries', () => {
  it('wait outside of every slot, with their own backoff and number', async () => {
    // All of them must wait at the same time: longer on a machine that takes longer to call the first time.
    const delays = [10_000, 60_000];
    await inOneOf(delays.length, async () => {
      const delay = delays.shift()!;
      const failing: string[] = [];
      const backoff = { kind: 'fixed', base_delay_ms: delay };
      try {
        for (let at = 0; at < 3 * SLOTS; at += 1) {
          failing.push(await submit(`once ${delay} ${at}`, { retry_backoff: backoff }));
          // Answers between the failures: an endpoint that does nothing but fail is left alone for a while.
          await ended(await submit(`fine ${delay} ${at}`));
        }
        await eventually(
          async () => {
            const { json } = await call('GET', `${messages}?status=scheduled`);
            expect(json.data).toHaveLength(failing.length);
          },
          { withinMs: delay },
        );
        // Neither slots nor places of the lane's consumer: the broker waits for no word about any of them.
        await eventually(
          async () => {
            const headers = { authorization: `Bearer ${red.key}` };
            const text = await (await fetch(`${service.baseUrl}/metrics`, { headers })).text();
            const gauges = [
              ...text.matchAll(/^llmq_(?:lane_delivered|worker_running)(?:\{[^}]*\})? (\d+)/gm),
            ];
            expect(gauges.map(([, value]) => value)).toEqual(Array(5).fill('0'));
          },
          { withinMs: delay },
        );
        const at = Date.now();
        await ended(await submit(`past the failing ones ${delay}`, { priority: 'low' }));
        expect(Date.now() - at).toBeLessThan(delay / 2);
      } finally {
        await eventually(
          async () => {
            for (const id of failing)
              expect(await ended(id)).toMatchObject({ status: 'completed', attempts: 2 });
          },
          { withinMs: 240_000 },
        );
      }
      const [first, second] = model.asked.get(`once ${delay} 0`)!;
      expect(second! - first!).toBeGreaterThanOrEqual(0.8 * delay);
    });
    const none = await ended(await submit('fail for good', { max_retries: 0 }));
    expect(none).toMatchObject({ status: 'failed', attempts: 1 });
  }, 900_000);

  it('and the time of a call are set for a lane where the message says none', async () => {
    const id = await submit('hang in low', { priority: 'low' });
    expect(await ended(id)).toMatchObject({
      ...{ status: 'failed', attempts: 1, max_retries: 0 },
      error: { code: 'call_timeout' },
    });
  });
});
