import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newApiKey } from '../../src/platform/security/api-key.js';
import { eventually } from '../support/eventually.js';
import { runLlmq } from '../support/llmq-command.js';
import { type RunningService, startService } from '../support/service.js';

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes.
type Json = any;

async function call(
  method: string,
  url: string,
  body?: unknown,
  key?: string,
): Promise<{ status: number; json: Json }> {
  const response = await fetch(url, {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, json: await response.json() };
}

const llmq = ({ dataDir }: RunningService, ...args: string[]) => runLlmq(dataDir, ...args);

const MAX_LOW = 20;

describe('the service with its demo endpoint', () => {
  let service: RunningService;
  let messages: string;

  beforeAll(async () => {
    const retry = { base_delay_ms: 50, max_delay_ms: 200 };
    service = await startService({ config: { queue: { retry, levels: { low: { max_size: MAX_LOW } } } } });
    messages = `${service.baseUrl}/api/v1/messages`;
  });
  afterAll(async () => service?.stop());

  const submit = (more: object) => call('POST', messages, { user_id: 'user123', content: 'Hello', ...more });
  const answered = async (id: string) => (await call('GET', `${messages}/${id}?wait=60s`)).json;

  it('is ready, with every part', async () => {
    const json = await eventually(async () => {
      const ready = await call('GET', `${service.baseUrl}/health/ready`);
      expect([ready.status, ready.json.status]).toEqual([200, 'ready']);
      return ready.json;
    });
    const states = Object.values(json.parts as Record<string, { ok: boolean }>);
    expect(states.length).toBeGreaterThan(1);
    expect(states.every(({ ok }) => ok)).toBe(true);
    expect((await call('GET', `${service.baseUrl}/health/live`)).status).toBe(200);
  });

  it('answers a message', async () => {
    const accepted = await submit({ content: 'What is a queue?', priority: 'high', metadata: { a: 1 } });
    expect(accepted).toMatchObject({ status: 202, json: { status: 'pending', priority: 'high' } });
    expect(await answered(accepted.json.id)).toEqual({
      ...{
        id: accepted.json.id,
        user_id: 'user123',
        conversation_id: null,
        replay_of: null,
        content: 'What is a queue?',
      },
      ...{ priority: 'high', priority_reason: 'explicit', status: 'completed', attempts: 1, max_retries: 3 },
      ...{
        model: 'demo',
        created_at: expect.any(String),
        updated_at: expect.any(String),
        scheduled_at: null,
        deadline: null,
      },
      ...{
        started_at: expect.any(String),
        completed_at: expect.any(String),
        metadata: { a: 1 },
        error: null,
        ...{ position: null, eta_seconds: null, waiting_for: null },
        analysis: { tokens: 5, words: 4, language: 'en', question: true, sentiment: 0, score: 0 },
      },
      result: {
        ...{ content: expect.stringContaining('What is a queue?'), finish_reason: 'stop', model: 'demo' },
        ...{
          endpoint: 'demo',
          usage: {
            ...{ prompt_tokens: expect.any(Number), completion_tokens: expect.any(Number) },
            total_tokens: expect.any(Number),
          },
          cost: null,
        },
      },
    });
  });

  it('answers many at once, each with its own answer', async () => {
    const lanes = ['realtime', 'high', 'normal', 'low'];
    const asked = Array.from({ length: 60 }, (_, at) => `question number ${at}. [[demo:rate 0]]`);
    const got = await Promise.all(
      asked.map(async (content, at) => {
        const { json } = await submit({ content, priority: lanes[at % 4] });
        return (await answered(json.id)).result.content as string;
      }),
    );
    got.forEach((content, at) => {
      expect(content).toContain(`question number ${at}.`);
    });
  });

  it('counts for the limit of a lane what waits in it, and neither what has run nor what is not due', async () => {
    const low = (more: object) => submit({ content: '[[demo:rate 0]]', priority: 'low', ...more });
    const later = await Promise.all(Array.from({ length: 2 * MAX_LOW }, () => low({ delay: 600_000 })));
    expect(new Set(later.map(({ status }) => status))).toEqual(new Set([202]));
    for (let round = 0; round < 10; round += 1) {
      // The limit goes by a reading of the lane about a second old: what has run since is counted until the next one.
      const now = await Promise.all(
        Array.from({ length: MAX_LOW / 2 }, () =>
          eventually(async () => {
            const taken = await low({});
            expect(taken.status).toBe(202);
            return taken;
          }),
        ),
      );
      for (const { json } of now) await answered(json.id);
    }
    for (const { json } of later) await call('DELETE', `${messages}/${json.id}`);
    await call('POST', `${service.baseUrl}/api/v1/admin/lanes/low/pause`);
    await eventually(async () => {
      const metrics = await (await fetch(`${service.baseUrl}/metrics`)).text();
      expect(metrics).toMatch(/^llmq_lane_paused\{[^}]*lane="low"[^}]*\} 1( |$)/m);
    });
    // By the next reading nothing is on its way any more.
    await sleep(3_000);
    const waiting = await Promise.all(Array.from({ length: MAX_LOW + 2 }, () => low({})));
    const accepted = () => waiting.filter(({ status }) => status === 202).length;
    expect(accepted()).toBeLessThanOrEqual(MAX_LOW);
    expect(waiting.filter(({ json }) => json.code === 'queue_full')).toHaveLength(MAX_LOW + 2 - accepted());
    // What a reading counted twice for a moment, as waiting and as on its way, the next one puts right.
    await eventually(async () => {
      waiting.push(await low({}));
      expect([waiting.at(-1)!.status, accepted()]).toEqual([429, MAX_LOW]);
    });
    await call('POST', `${service.baseUrl}/api/v1/admin/lanes/low/resume`);
    for (const { json } of waiting) if (json.id !== undefined) await answered(json.id);
  });

  it('tries again, and tells how often', async () => {
    const { json } = await submit({ content: `[[demo:fail 500 times=2]] ${Math.random()}` });
    expect(await answered(json.id)).toMatchObject({ status: 'completed', attempts: 3, error: null });
  });

  it('gives up after max_retries, with the reason', async () => {
    const { json } = await submit({ content: '[[demo:fail 500]]', max_retries: 1 });
    expect(await answered(json.id)).toMatchObject({
      ...{ status: 'failed', attempts: 2, result: null },
      error: { code: 'endpoint_error', message: expect.stringContaining('500') },
    });
  });

  it('does not try again what the endpoint rejects', async () => {
    const { json } = await submit({ content: '[[demo:fail 400]]' });
    expect(await answered(json.id)).toMatchObject({ status: 'failed', attempts: 1 });
  });

  it('gives NUL and lone surrogates back, and goes on behind them', async () => {
    const content = 'a\u0000b\ud800c';
    const { json } = await submit({ content });
    expect((await answered(json.id)).content).toBe(content);
    const next = await submit({});
    expect((await answered(next.json.id)).status).toBe('completed');
  });

  it('lists what was submitted', async () => {
    const ids = [];
    for (let at = 0; at < 3; at += 1) ids.push((await submit({ user_id: 'lister' })).json.id);
    for (const id of ids) await answered(id);
    const { json } = await call('GET', `${messages}?user_id=lister&status=completed&limit=2`);
    expect(json.data).toHaveLength(2);
    const rest = await call(
      'GET',
      `${messages}?user_id=lister&status=completed&limit=2&cursor=${json.next_cursor}`,
    );
    expect(rest.json).toMatchObject({ data: [{ user_id: 'lister' }], next_cursor: null });
  });

  it('checks its log and repeats a window of it by the command llmq', async () => {
    const from = new Date().toISOString();
    const asked = (await submit({ user_id: 'repeater', content: 'Again? [[demo:rate 0]]' })).json.id;
    await answered(asked);
    const to = new Date(Date.now() + 1).toISOString();
    const window = ['--from', from, '--to', to, '--filter', 'user_id=repeater', '--url', service.baseUrl];
    const repeated = JSON.parse(
      (await llmq(service, 'replay', ...window, '--priority', 'low', '--json')).output,
    );
    expect(repeated).toMatchObject({
      ...{ id: asked, error: null, original: { status: 'completed' } },
      replay: { status: 'completed', finish_reason: 'stop', length: repeated.original.length },
    });
    const { json } = await call('GET', `${messages}/${repeated.replay_id}/events`);
    expect(json.data[0]).toMatchObject({
      ...{ text: expect.stringContaining(`repeating message ${asked}`), data: { replay_of: asked } },
    });
    const exported = (await llmq(service, 'events', 'export', '--message', asked)).output.trim().split('\n');
    expect(exported.map((line) => JSON.parse(line).event.subject)).toEqual(Array(4).fill(asked));
    await eventually(async () => {
      const verified = await llmq(service, 'events', 'verify', '--json');
      expect([verified.code, JSON.parse(verified.output)]).toMatchObject([0, { ok: true, counts: {} }]);
    });
  });

  it('describes its API', async () => {
    const { json } = await call('GET', `${service.baseUrl}/api/docs-json`);
    expect(json.openapi).toMatch(/^3\./);
    expect(Object.keys(json.paths)).toEqual(
      expect.arrayContaining(['/api/v1/messages', '/v1/chat/completions']),
    );
  });
});

describe('the service with API keys', () => {
  const red = newApiKey({ name: 'red', role: 'client', tenant: 'red' });
  const blue = newApiKey({ name: 'blue', role: 'client', tenant: 'blue' });
  let service: RunningService;

  beforeAll(async () => {
    service = await startService({ config: { security: { api_keys: [red.config, blue.config] } } });
  });
  afterAll(async () => service?.stop());

  it('keeps tenants apart, from the request to the answer', async () => {
    const url = `${service.baseUrl}/api/v1/messages`;
    expect((await call('POST', url, { user_id: 'u', content: 'x' })).status).toBe(401);
    const { json } = await call('POST', url, { user_id: 'u', content: 'x' }, red.key);
    expect((await call('GET', `${url}/${json.id}?wait=60s`, undefined, red.key)).json.status).toBe(
      'completed',
    );
    expect((await call('GET', `${url}/${json.id}`, undefined, blue.key)).status).toBe(404);
    expect((await call('GET', url, undefined, blue.key)).json.data).toEqual([]);
  });

  it('asks no key for health, and one for metrics', async () => {
    const ready = `${service.baseUrl}/health/ready`;
    await eventually(async () =>
      expect(await call('GET', ready)).toMatchObject({ status: 200, json: { status: 'ready' } }),
    );
    expect((await call('GET', ready)).json.parts).toBeUndefined();
    expect((await call('GET', ready, undefined, red.key)).json.parts).toMatchObject({
      projection: { ok: true },
    });
    expect((await fetch(`${service.baseUrl}/metrics`)).status).toBe(401);
  });
});
