import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { connect, headers } from '@nats-io/transport-node';
import { eventually } from '../support/eventually.js';
import { FrameSocket } from '../support/frame-socket.js';
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from '../support/otlp-receiver.js';
import { type RunningService, startService } from '../support/service.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';
import { startTestPostgres, type TestPostgres } from '../support/test-postgres.js';
import { startWebhookReceiver, type WebhookReceiver } from '../support/webhook-receiver.js';

/** In each question and answer; in no span. */
const CONTENT = 'hunter2';
const [INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER] = [1, 2, 3, 4, 5];

interface Asked {
  readonly content: string;
  readonly traceparent: string | undefined;
  readonly tracestate: string | undefined;
}

let nats: TestNats;
let postgres: TestPostgres;
let receiver: OtlpReceiver;
let model: Server;
let hooks: WebhookReceiver;
let services: RunningService[] = [];
const asked: Asked[] = [];

beforeAll(async () => {
  [nats, postgres, receiver, hooks] = await Promise.all([
    startTestNats(),
    startTestPostgres(),
    startOtlpReceiver(),
    startWebhookReceiver(),
  ]);
  model = createServer((request, response) => void answer(request, response)).listen(0, '127.0.0.1');
  await once(model, 'listening');
  // The projector's process has a second role, so that the projector has a thread of its own, without an exporter.
  services = await Promise.all(['api', 'worker', 'projector,scheduler'].map(start));
}, 300_000);
afterAll(async () => {
  await Promise.all(services.map((service) => service.stop()));
  model?.closeAllConnections();
  model?.close();
  await Promise.all([receiver?.close(), hooks?.close(), nats?.stop(), postgres?.stop()]);
});

function start(roles: string): Promise<RunningService> {
  const base_url = `http://127.0.0.1:${(model.address() as AddressInfo).port}/v1`;
  return startService({
    env: {
      ...{ NATS_URL: nats.url, NATS_USER: nats.user, NATS_PASSWORD: nats.password },
      ...{
        DATABASE_URL: postgres.url,
        LLMQ_ROLES: roles,
        LOGGING_LEVEL: 'debug',
        ...receiver.env,
        WEBHOOKS_SECRETS: JSON.stringify([`whsec_${Buffer.alloc(32, 's').toString('base64')}`]),
      },
    },
    config: {
      endpoints: [
        { name: 'model', base_url, models: [{ name: 'm', upstream: 'org/m-8b' }], max_concurrency: 8 },
      ],
      queue: { retry: { base_delay_ms: 50, max_delay_ms: 100 } },
      projection: { read_wait_ms: 30_000 },
      webhooks: { retry_times_ms: [50] },
      security: { egress: { allow: ['127.0.0.1'] } },
    },
  });
}

/** Answers at the second time where it is told to fail once, and never where it is told to refuse. */
async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.setHeader('content-type', 'application/json');
  if (request.method === 'GET') return void response.end('{"object":"list","data":[]}');
  let text = '';
  for await (const part of request.setEncoding('utf8')) text += part;
  const content: string = JSON.parse(text).messages.at(-1).content;
  const { traceparent, tracestate } = request.headers;
  asked.push({ content, traceparent: traceparent?.toString(), tracestate: tracestate?.toString() });
  const isFirst = asked.filter((each) => each.content === content).length === 1;
  if (content.includes('refuse') || (content.includes('fail once') && isFirst)) {
    const error = { message: `${CONTENT} broke it`, type: 'server_error', code: null };
    return void response.writeHead(content.includes('refuse') ? 400 : 500).end(JSON.stringify({ error }));
  }
  const message = { role: 'assistant', content: `${CONTENT} is the answer` };
  const usage = { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 };
  const choices = [{ index: 0, message, finish_reason: 'stop' }];
  response.end(
    JSON.stringify({ id: 'x', object: 'chat.completion', created: 1, model: 'm-8b-q4', usage, choices }),
  );
}

interface Caller {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceparent: string;
}

function caller(flags = '01'): Caller {
  const [traceId, spanId] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')];
  return { traceId, spanId, traceparent: `00-${traceId}-${spanId}-${flags}` };
}

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes.
type Json = any;

async function call(
  method: string,
  path: string,
  body?: unknown,
  more: Record<string, string> = {},
): Promise<Json> {
  const response = await fetch(`${services[0]!.baseUrl}/api/v1/${path}`, {
    ...{ method, headers: { 'content-type': 'application/json', ...more } },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

/** A batch that fails at once: its line is none. */
async function submitLines(callbackUrl: string, more: Record<string, string>): Promise<Json> {
  const url = `${services[0]!.baseUrl}/api/v1/batches?callback_url=${encodeURIComponent(callbackUrl)}`;
  const headers = { 'content-type': 'application/x-ndjson', ...more };
  const response = await fetch(url, { method: 'POST', body: 'no json', headers });
  expect(response.status).toBe(202);
  return response.json();
}

/** As they are in the log. */
async function eventsOf(id: string): Promise<Json[]> {
  const lines = await (await fetch(`${services[0]!.baseUrl}/api/v1/audit/events?message_id=${id}`)).text();
  const stored = lines
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  return stored.flatMap(({ event }) => event ?? []);
}

function linesOf(service: RunningService): Json[] {
  // The last one may still be on its way.
  const lines = service.logs().split('\n').slice(0, -1);
  return lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
}

const message = (content: string, more: object = {}) => ({
  user_id: 'ann',
  content: `${CONTENT} ${content}`,
  ...more,
});
const callsOf = (content: string) => asked.filter((each) => each.content === `${CONTENT} ${content}`);

/** The spans of a trace, once so many of each name are there. */
function traceWith(
  traceId: string,
  names: Readonly<Record<string, number>>,
): Promise<Record<string, ReceivedSpan[]>> {
  return eventually(
    () => {
      const spans = receiver.of(traceId).sort((a, b) => a.startMs - b.startMs);
      const byName: Record<string, ReceivedSpan[]> = {};
      for (const span of spans) byName[span.name] = [...(byName[span.name] ?? []), span];
      for (const [name, count] of Object.entries(names)) {
        expect([name, byName[name]?.length ?? 0]).toEqual([name, count]);
      }
      return byName;
    },
    { withinMs: 120_000 },
  );
}

it('is one trace over the processes of a message, with a span for each attempt', async () => {
  const { traceId, spanId, traceparent } = caller();
  const content = 'fail once, please';
  const { id } = await call('POST', 'messages', message(content), { traceparent, tracestate: 'theirs=1' });
  expect((await call('GET', `messages/${id}?wait=60s`)).status).toBe('completed');
  const spans = await traceWith(traceId, {
    ...{ 'POST /api/v1/messages': 1, accept: 1, wait: 2, dispatch: 2, 'chat org/m-8b': 2 },
  });
  const [request, accept] = [spans['POST /api/v1/messages']![0]!, spans['accept']![0]!];
  expect(request).toMatchObject({ kind: SERVER, parentSpanId: spanId });
  expect(request.attributes).toMatchObject({
    'http.route': '/api/v1/messages',
    'http.response.status_code': 202,
  });
  expect(accept).toMatchObject({ kind: INTERNAL, parentSpanId: request.spanId });
  expect(accept.attributes).toMatchObject({
    'llmq.message.id': id,
    'llmq.lane': 'normal',
    'llmq.source': 'rest',
  });

  for (const name of ['wait', 'dispatch']) {
    expect(spans[name]!.map(({ parentSpanId }) => parentSpanId)).toEqual([accept.spanId, accept.spanId]);
    expect(spans[name]!.map(({ attributes }) => attributes['llmq.attempt'])).toEqual([1, 2]);
  }
  const dispatched = spans['dispatch']!;
  expect(dispatched.map(({ kind }) => kind)).toEqual([CONSUMER, CONSUMER]);
  expect(dispatched.map(({ attributes }) => attributes['llmq.outcome'])).toEqual(['failed', 'answered']);
  const calls = spans['chat org/m-8b']!;
  expect(calls.map(({ parentSpanId }) => parentSpanId)).toEqual(dispatched.map(({ spanId: of }) => of));
  expect(calls.map(({ kind, status }) => [kind, status])).toEqual([
    [CLIENT, 2],
    [CLIENT, 0],
  ]);
  for (const [at, { attributes }] of calls.entries()) {
    const waited = spans['wait']![at]!;
    expect(attributes['llmq.queue_ms']).toBeCloseTo(waited.endMs - waited.startMs, 1);
    expect(attributes).toMatchObject({
      ...{ 'gen_ai.operation.name': 'chat', 'gen_ai.provider.name': 'openai' },
      ...{ 'gen_ai.request.model': 'org/m-8b', 'server.address': '127.0.0.1' },
      ...{ 'llmq.model': 'm', 'llmq.endpoint': 'model', 'llmq.attempt': at + 1, 'llmq.message.id': id },
    });
  }
  expect(calls[0]!.attributes).toMatchObject({ 'http.response.status_code': 500 });
  expect(calls[0]!.attributes['error.type']).toEqual(expect.any(String));
  expect(calls[1]!.attributes).toMatchObject({
    ...{ 'gen_ai.response.model': 'm-8b-q4', 'gen_ai.response.finish_reasons': ['stop'] },
    ...{ 'gen_ai.usage.input_tokens': 7, 'gen_ai.usage.output_tokens': 3 },
  });
  // The endpoint's own spans would be below ours.
  expect(callsOf(content)).toEqual(
    calls.map((each) => ({
      content: `${CONTENT} ${content}`,
      traceparent: `00-${traceId}-${each.spanId}-01`,
      tracestate: 'theirs=1',
    })),
  );

  const events = await eventsOf(id);
  const contexts = events.map((event: { traceparent?: string }) => event.traceparent);
  expect(new Set(contexts)).toEqual(new Set([`00-${traceId}-${accept.spanId}-01`]));
  // Each event of it is on disk by an append, and in the tables by a transaction, which may have written several.
  const projected = await eventually(() => {
    const found = receiver.of(traceId).filter(({ name }) => name === 'project');
    expect(found.flatMap(({ attributes }) => attributes['llmq.events'])).toHaveLength(events.length);
    return found;
  });
  expect(new Set(projected.map(({ parentSpanId }) => parentSpanId))).toEqual(new Set([accept.spanId]));
  // It enters its lane when it is accepted, and again when the time of its second attempt has come.
  const appends = await eventually(() => {
    const found = receiver.of(traceId).filter(({ name }) => name === 'append');
    const appended = found.flatMap(({ attributes }) => attributes['llmq.events']);
    expect(appended.filter((type) => type === 'llmq.message.prioritized.v1')).toHaveLength(2);
    return found;
  });
  expect(appends.every(({ kind }) => kind === PRODUCER)).toBe(true);
  expect(appends.map(({ parentSpanId }) => parentSpanId)).toEqual(
    expect.arrayContaining([accept.spanId, ...dispatched.map(({ spanId: of }) => of)]),
  );
  const pidOf = (span: ReceivedSpan) => span.resource['process.pid'];
  expect([accept, calls[0]!, projected[0]!].map(pidOf)).toEqual(services.map(({ pid }) => pid));
  expect(accept.resource).toMatchObject({
    'service.name': 'llm-message-queue',
    'llmq.roles': ['api', 'intake'],
  });
  expect(receiver.text).not.toContain(CONTENT);

  const ids = { message_id: id, span_id: accept.spanId };
  await eventually(() => {
    const [api, worker] = services.map((each) =>
      linesOf(each).filter(({ trace_id }) => trace_id === traceId),
    );
    expect(api).toMatchObject([
      { msg: 'answered', span_id: request.spanId, path: '/api/v1/messages', status: 202 },
    ]);
    expect(worker).toMatchObject([
      {
        ...ids,
        msg: 'dispatched',
        attempt: 1,
        outcome: 'failed',
        failure: calls[0]!.attributes['error.type'],
      },
      { ...ids, msg: 'dispatched', attempt: 2, outcome: 'answered' },
    ]);
  });
  for (const service of services) expect(service.logs()).not.toContain(CONTENT);
}, 400_000);

it('makes no span in a trace that its caller does not keep, and hands it on as it came', async () => {
  const { traceId, traceparent } = caller('00');
  const { id } = await call('POST', 'messages', message('unkept'), { traceparent });
  expect((await call('GET', `messages/${id}?wait=60s`)).status).toBe('completed');
  expect(callsOf('unkept')).toMatchObject([{ traceparent }]);
  // What is exported of a later message, by every process, was made later.
  const kept = caller();
  const later = await call('POST', 'messages', message('kept'), { traceparent: kept.traceparent });
  await call('GET', `messages/${later.id}?wait=60s`);
  await traceWith(kept.traceId, { accept: 1, 'chat org/m-8b': 1 });
  await eventually(() => {
    const projected = receiver.of(kept.traceId).filter(({ name }) => name === 'project');
    const events = projected.flatMap(({ attributes }) => attributes['llmq.events']);
    expect(events).toContain('llmq.message.completed.v1');
  });
  expect(receiver.of(traceId)).toEqual([]);
}, 400_000);

it('begins a trace where the caller has none', async () => {
  const { id } = await call('POST', 'messages', message('alone'));
  const accept = await eventually(() => {
    const found = receiver.spans.find(
      ({ attributes, name }) => name === 'accept' && attributes['llmq.message.id'] === id,
    );
    expect(found).toBeDefined();
    return found!;
  });
  const spans = await traceWith(accept.traceId, { 'POST /api/v1/messages': 1 });
  expect(spans['POST /api/v1/messages']![0]!.parentSpanId).toBe('');
}, 400_000);

it('takes up the traces of publishers and of WebSockets', async () => {
  const [published, framed] = [caller(), caller()];
  const connection = await connect({ servers: nats.url, user: nats.user, pass: nats.password });
  const told = headers();
  told.set('traceparent', published.traceparent);
  await connection.request('llmq.intake.high', JSON.stringify(message('published')), {
    headers: told,
    timeout: 30_000,
  });
  await connection.close();
  const socket = await FrameSocket.open(services[0]!.baseUrl);
  const frame = {
    type: 'submit',
    request_id: 'r',
    message: message('framed'),
    traceparent: framed.traceparent,
  };
  expect((await socket.ask(frame)).type).toBe('accepted');
  socket.socket.terminate();
  const entries = [
    [published, 'nats receive', CONSUMER, 'nats'],
    [framed, 'websocket submit', SERVER, 'websocket'],
  ] as const;
  for (const [{ traceId, spanId }, name, kind, source] of entries) {
    const spans = await traceWith(traceId, { [name]: 1, accept: 1, 'chat org/m-8b': 1 });
    const entry = spans[name]![0]!;
    expect(entry).toMatchObject({ kind, parentSpanId: spanId });
    expect(spans['accept']![0]!.parentSpanId).toBe(entry.spanId);
    expect(spans['accept']![0]!.attributes['llmq.source']).toBe(source);
  }
}, 400_000);

it('leads from a second life and from a repetition to the first trace, and adds nothing to that', async () => {
  const [first, again, repeated] = [caller(), caller(), caller()];
  const { id } = await call('POST', 'messages', message('refuse'), { traceparent: first.traceparent });
  expect((await call('GET', `messages/${id}?wait=60s`)).status).toBe('failed');
  await traceWith(first.traceId, { dispatch: 1, 'chat org/m-8b': 1 });
  await call('POST', `admin/dead-letters/${id}/requeue`, undefined, { traceparent: again.traceparent });
  const repetition = message('repeated', { replay_of: id });
  await call('POST', 'messages', repetition, { traceparent: repeated.traceparent });
  const life = await traceWith(again.traceId, { requeue: 1, dispatch: 1, 'chat org/m-8b': 1 });
  expect(life['requeue']![0]!.links).toEqual([first.traceId]);
  const replay = await traceWith(repeated.traceId, { accept: 1, 'chat org/m-8b': 1 });
  expect(replay['accept']![0]!.links).toEqual([first.traceId]);
  expect(receiver.of(first.traceId).filter(({ name }) => name === 'dispatch')).toHaveLength(1);
}, 400_000);

it('goes on in the webhooks of its end, with a span for each try', async () => {
  const { traceId, traceparent } = caller();
  hooks.answer('/twice?key=hunter2', (response, tries) => response.writeHead(tries === 0 ? 503 : 204).end());
  const told = message('told', { callback_url: `${hooks.url}/twice?key=hunter2` });
  const { id } = await call('POST', 'messages', told, { traceparent, tracestate: 'theirs=1' });
  const spans = await traceWith(traceId, { accept: 1, 'webhook message.completed': 2 });
  const tries = spans['webhook message.completed']!;
  const ofTry = { 'http.request.method': 'POST', 'server.address': '127.0.0.1', 'llmq.message.id': id };
  for (const [at, { kind, parentSpanId, attributes, status }] of tries.entries()) {
    expect({ kind, parentSpanId }).toEqual({ kind: CLIENT, parentSpanId: spans['accept']![0]!.spanId });
    expect(attributes).toMatchObject({ ...ofTry, 'llmq.webhook.try': at + 1 });
    expect([attributes['http.response.status_code'], attributes['error.type'], status]).toEqual(
      at === 0 ? [503, 'bad_status', 2] : [204, undefined, 0],
    );
  }
  const heard = hooks.about(id).map(({ headers: { traceparent, tracestate } }) => [traceparent, tracestate]);
  expect(heard).toEqual(tries.map(({ spanId }) => [`00-${traceId}-${spanId}-01`, 'theirs=1']));
  // What was written of each try is in the same trace.
  const contexts = await eventually(async () => {
    const events = await eventsOf(id);
    expect(events.filter(({ type }) => type === 'llmq.message.webhook-tried.v1')).toHaveLength(2);
    return events.map((event: { traceparent?: string }) => event.traceparent);
  });
  expect(new Set(contexts)).toEqual(new Set([`00-${traceId}-${spans['accept']![0]!.spanId}-01`]));
  expect(receiver.text).not.toContain(CONTENT);
}, 400_000);

it('goes on in the webhook of a batch, with a span for each try', async () => {
  const { traceId, traceparent } = caller();
  hooks.answer('/batch?key=hunter2', (response, tries) => response.writeHead(tries === 0 ? 503 : 204).end());
  const { id } = await submitLines(`${hooks.url}/batch?key=hunter2`, { traceparent, tracestate: 'theirs=1' });
  const name = 'webhook batch.failed';
  const spans = await traceWith(traceId, { 'POST /api/v1/batches': 1, [name]: 2 });
  const tries = spans[name]!;
  const ofTry = { 'http.request.method': 'POST', 'server.address': '127.0.0.1', 'llmq.batch.id': id };
  for (const [at, { kind, parentSpanId, attributes, status }] of tries.entries()) {
    const [request] = spans['POST /api/v1/batches']!;
    expect({ kind, parentSpanId }).toEqual({ kind: CLIENT, parentSpanId: request!.spanId });
    expect(attributes).toMatchObject({ ...ofTry, 'llmq.webhook.round': 1, 'llmq.webhook.try': at + 1 });
    expect([attributes['http.response.status_code'], attributes['error.type'], status]).toEqual(
      at === 0 ? [503, 'bad_status', 2] : [204, undefined, 0],
    );
  }
  const heard = hooks.about(id).map(({ headers: { traceparent, tracestate } }) => [traceparent, tracestate]);
  expect(heard).toEqual(tries.map(({ spanId }) => [`00-${traceId}-${spanId}-01`, 'theirs=1']));
  expect(receiver.text).not.toContain(CONTENT);
  // Of a trace that its caller does not keep, receivers are told all the same.
  const unkept = caller('00');
  const other = await submitLines(`${hooks.url}/unkept`, { traceparent: unkept.traceparent });
  const [hook] = await eventually(() => {
    expect(hooks.about(other.id)).toHaveLength(1);
    return hooks.about(other.id);
  });
  expect(hook!.headers['traceparent']).toBe(unkept.traceparent);
}, 400_000);

it('is told to receivers of what is not kept too, and of what somebody cancels or nobody took in time', async () => {
  const { traceparent } = caller('00');
  const callback_url = `${hooks.url}/ended`;
  const waits = message('waits', { callback_url, delay: 600 });
  const { id } = await call('POST', 'messages', waits, { traceparent });
  await call('POST', `messages/${id}/cancel`);
  await call('POST', 'admin/lanes/low/pause');
  const expires = message('expires', { callback_url, priority: 'low', ttl: '1s' });
  const late = await call('POST', 'messages', expires, { traceparent });
  for (const about of [id, late.id]) {
    const [hook] = await eventually(() => {
      expect(hooks.about(about)).toHaveLength(1);
      return hooks.about(about);
    });
    expect(hook!.headers['traceparent']).toBe(traceparent);
  }
  await call('POST', 'admin/lanes/low/resume');
}, 400_000);
