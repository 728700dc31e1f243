import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { Claims } from '../../src/conversations/nats/claims.js';
import { Summarizer } from '../../src/conversations/summarizer.js';
import type { WantedTurn } from '../../src/conversations/turn-gate.js';
import { EndpointRegistry } from '../../src/dispatch/endpoints/endpoint-registry.js';
import { OpenAiEndpoint } from '../../src/dispatch/endpoints/openai/openai-endpoint.js';
import { Accountant } from '../../src/dispatch/worker/accountant.js';
import { summaryCalls } from '../../src/dispatch/worker/summaries.js';
import { systemSources } from '../../src/platform/clock.js';
import { ConversationReader } from '../../src/projection/read/conversation-reader.js';
import { eventually } from '../support/eventually.js';
import { type RecordingModel, startRecordingModel } from '../support/recording-model.js';
import { silentLogger } from '../support/silent-logger.js';
import { connectTo, type Gateway, request, type Servers, startGateway, startServers } from './gateway.rig.js';

/** A million tokens of each kind cost one and ten. */
const PRICES = { small: { input: 1, output: 10 } };

let servers: Servers;
let gateway: Gateway;
let model: RecordingModel;
const registries: EndpointRegistry[] = [];
const opened: { close(): Promise<unknown> }[] = [];

beforeAll(async () => {
  servers = await startServers();
  gateway = await startGateway(servers);
  let summaries = 0;
  model = await startRecordingModel({
    ...{ failing: 0, takesMs: 100 },
    answer: () => {
      summaries += 1;
      return `summary ${summaries}`;
    },
  });
});
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});
afterAll(async () => {
  await model?.close();
  await gateway?.close();
  await servers?.stop();
});

interface Options {
  readonly url?: string;
  readonly nowMs?: () => number;
  readonly warned?: (error: unknown) => void;
}

/** What a worker process has of it, with its own connection. */
async function startSummarizer(options: Options = {}): Promise<Summarizer> {
  const { url = model.url, nowMs = systemSources.nowMs, warned } = options;
  const nats: NatsConnection = await connectTo(servers.nats);
  const endpoint = new OpenAiEndpoint({
    ...{ name: 'test', baseUrl: url, models: ['small'], maxConcurrency: 1, apiKey: null },
    ...{ connectTimeoutMs: 60_000, firstTokenTimeoutMs: 60_000 },
  });
  const registry = new EndpointRegistry([endpoint]);
  registries.push(registry);
  opened.push(nats, registry);
  const sources = { ...systemSources, nowMs };
  const stopping = new AbortController().signal;
  const warn = ({ err }: { err: unknown }) => warned?.(err);
  return new Summarizer({
    settings: {
      ...{ model: 'small', prompt: 'Sum up.', maxTokens: 50, timeoutMs: 30_000 },
      ...{ afterTokens: 100, maxInputTokens: 1_000 },
    },
    reader: new ConversationReader(gateway.dataSource),
    log: gateway.log,
    position: {
      waitFor: async () => {
        await gateway.projected();
        return true;
      },
    },
    claims: new Claims(nats, { nats: { append_timeout_ms: 30_000 } }),
    ask: summaryCalls(registry, new Accountant({ prices: PRICES }), sources, stopping),
    measuring: async () => ({
      count: (text) => text.length,
      parts: { picture_low: 1, picture_high: 1, audio: 1, file: 1 },
    }),
    logger: { ...silentLogger, warn } as unknown as Logger,
    ...{ sources, stopping },
  });
}

const api = (method: string, path: string, body?: unknown) =>
  request(method, `${gateway.baseUrl}/api/v1${path}`, body);

/** A conversation with so many answered turns, and where it stands for the next one. */
async function conversation(turns: number): Promise<{ id: string; next(): Promise<WantedTurn> }> {
  const { json } = await api('POST', '/conversations', { user_id: 'u' });
  const id: string = json.id;
  for (let turn = 1; turn <= turns; turn += 1) await answered(id, turn);
  await gateway.projected();
  return { id, next: async () => ({ tenant: 'default', conversationId: id, place: await nextPlace() }) };
}

async function answered(id: string, turn: number): Promise<void> {
  const sent = await api('POST', `/conversations/${id}/messages`, { content: `question ${turn}` });
  await gateway.worker.complete(await gateway.worker.receivedAs(sent.json.id), { content: `answer ${turn}` });
}

const nextPlace = async () => (await gateway.log.lastSequence()) + 1;
const nothing = {
  ...{ messages: [], turns: [], summarizedUpTo: null, tokens: 0, turnTokens: 0 },
  ...{ leftOut: false, summaryLeftOut: false, cutAt: null, changes: {}, maxTokens: 100 },
};
const long = { ...nothing, leftOut: true };
const summaryOf = async (id: string) => (await api('GET', `/conversations/${id}`)).json.summary;
const summarized = async (id: string) =>
  (await api('GET', `/conversations/${id}/events`)).json.data.filter(
    ({ type }: { type: string }) => type === 'llmq.conversation.summarized.v1',
  );

it('is made once of all workers, and goes on from the one before', async () => {
  const { id, next } = await conversation(5);
  const before = model.calls.length;
  const workers = await Promise.all([startSummarizer(), startSummarizer(), startSummarizer()]);
  for (const worker of workers) worker.consider(await next(), long);
  await Promise.all(workers.map((worker) => worker.idle()));
  expect(model.calls.length - before).toBe(1);
  const events = await summarized(id);
  expect(events).toHaveLength(1);
  expect(events[0].data).toMatchObject({
    ...{ summary: 'summary 1', turns: 4, model: 'small', endpoint: 'test' },
    usage: { prompt_tokens: 1, completion_tokens: 1 },
  });
  expect(events[0].text).toContain('Summed up by model small');
  const { data } = (await api('GET', '/usage?group_by=key,model,endpoint')).json;
  expect(data.filter(({ summaries }: { summaries: number }) => summaries > 0)).toMatchObject([
    {
      ...{ key: null, model: 'small', endpoint: 'test', messages: 0, summaries: 1 },
      ...{ input_tokens: 1, output_tokens: 1, cost: '0.000011', unpriced_messages: 0 },
    },
  ]);
  expect(await summaryOf(id)).toMatchObject({ content: 'summary 1', model: 'small' });

  for (const turn of [6, 7, 8]) await answered(id, turn);
  await gateway.projected();
  workers[1]!.consider(await next(), long);
  await workers[1]!.idle();
  const [, asked] = model.calls.at(-1)!.messages;
  expect(asked?.content).toContain('Summary so far:\nsummary 1');
  expect(asked?.content).toContain('answer 5');
  expect(asked?.content).not.toContain('answer 4');
  expect(await summaryOf(id)).toMatchObject({ content: 'summary 2' });
});

it('is left for later where the model fails, and then made by another worker', async () => {
  const broken = await startRecordingModel({ failing: 1, takesMs: 0, answer: () => '' });
  try {
    const { id, next } = await conversation(5);
    const errors: unknown[] = [];
    const failing = await startSummarizer({ url: broken.url, warned: (error) => errors.push(error) });
    const signs: unknown[] = [];
    registries.at(-1)!.events.on('ended', ({ sign }) => signs.push(sign));
    failing.consider(await next(), long);
    await failing.idle();
    // However long it takes from here on, no time passes for the next one.
    const failedMs = systemSources.nowMs();
    expect(errors).toHaveLength(1);
    expect(await summaryOf(id)).toBeNull();
    // Its endpoint is known to have failed, as after a message's call.
    expect(signs).toMatchObject([{ kind: 'failed', code: 'endpoint_error' }]);

    const soon = await startSummarizer({ nowMs: () => failedMs });
    const before = model.calls.length;
    soon.consider(await next(), long);
    await soon.idle();
    expect(model.calls.length).toBe(before);
    const later = await startSummarizer({ nowMs: () => systemSources.nowMs() + 31_000 });
    later.consider(await next(), long);
    await eventually(async () => expect(await summaryOf(id)).not.toBeNull());
  } finally {
    await broken.close();
  }
});

it('takes the next place that is freed where all are taken, and none where nothing is to be summed up', async () => {
  const { id, next } = await conversation(5);
  const worker = await startSummarizer();
  worker.consider(await next(), { ...nothing, turnTokens: 100 });
  await worker.idle();
  expect(await summarized(id)).toEqual([]);

  const registry = registries.at(-1)!;
  let lease = registry.acquire('small');
  expect(lease.kind).toBe('leased');
  worker.consider(await next(), long);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(await summarized(id)).toEqual([]);
  // It has the place the moment that it is freed, and nobody else, as soon as it is waiting for one.
  await eventually(() => {
    if (lease.kind === 'leased') lease.release();
    lease = registry.acquire('small');
    expect(lease).toEqual({ kind: 'busy' });
  });
  await worker.idle();
  expect(await summarized(id)).toHaveLength(1);
});
