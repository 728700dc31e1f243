import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { ensureStreams } from '../../src/broker/ensure-streams.js';
import type { EndpointSettings } from '../../src/dispatch/endpoints/endpoint.state.js';
import { EndpointRegistry } from '../../src/dispatch/endpoints/endpoint-registry.js';
import type { CallSign } from '../../src/dispatch/endpoints/health/call-sign.state.js';
import { EndpointPeers } from '../../src/dispatch/endpoints/health/nats/endpoint-peers.js';
import { ServerChecks } from '../../src/dispatch/endpoints/health/server-checks.js';
import { ShareKeeper } from '../../src/dispatch/endpoints/limits/nats/share-keeper.js';
import { ModelCallError, type ModelEndpoint } from '../../src/dispatch/endpoints/model-endpoint.port.js';
import { OpenAiEndpoint } from '../../src/dispatch/endpoints/openai/openai-endpoint.js';
import { systemSources } from '../../src/platform/clock.js';
import { silentLogger } from '../support/silent-logger.js';
import type { TestNats } from '../support/test-nats.js';

export type Answers = (call: {
  readonly count: number;
  readonly response: ServerResponse;
}) => void | Promise<void>;

/** A server of a model whose faults are the test's, and which counts what reaches it. */
export class FaultyServer {
  readonly startedMs: number[] = [];
  running = 0;
  peak = 0;
  checks = 0;
  private server: Server | null = null;
  private port = 0;

  constructor(
    public answers: Answers,
    /** The status of its checks; null: they get no answer. */
    public health: number | null = 200,
  ) {}

  get url(): string {
    return `http://127.0.0.1:${this.port}/v1`;
  }

  get calls(): number {
    return this.startedMs.length;
  }

  async start(): Promise<this> {
    this.server = createServer((request, response) => void this.handle(request, response));
    this.server.listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = (this.server.address() as AddressInfo).port;
    return this;
  }

  /** As if the process were killed: connections break, and nobody listens. */
  async kill(): Promise<void> {
    const server = this.server;
    this.server = null;
    if (server === null) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.resume();
    if (request.method === 'GET') {
      this.checks += 1;
      if (this.health !== null) response.writeHead(this.health).end('{}');
      return;
    }
    this.startedMs.push(performance.now());
    this.running += 1;
    this.peak = Math.max(this.peak, this.running);
    response.on('close', () => {
      this.running -= 1;
    });
    await this.answers({ count: this.calls, response });
  }
}

export const well =
  (takesMs = 5, tokens: number | null = null): Answers =>
  async ({ response }) => {
    await sleep(takesMs);
    response.writeHead(200, { 'content-type': 'application/json' });
    const choices = [{ index: 0, message: { role: 'assistant', content: 'yes' }, finish_reason: 'stop' }];
    const usage = tokens === null ? null : { prompt_tokens: 0, completion_tokens: tokens };
    response.end(JSON.stringify({ id: '1', object: 'chat.completion', model: 'm', choices, usage }));
  };

/** Answers of very different lengths; `used` has what the calls use that began within any span of so many milliseconds. */
export function measured(takesMs: number, tokensOf: () => number) {
  const calls: { readonly atMs: number; readonly tokens: number }[] = [];
  const answers: Answers = (call) => {
    const tokens = tokensOf();
    calls.push({ atMs: performance.now(), tokens });
    return well(takesMs, tokens)(call);
  };
  const inSpan = (fromMs: number, forMs: number) =>
    calls.reduce((sum, { atMs, tokens }) => sum + (atMs >= fromMs && atMs < fromMs + forMs ? tokens : 0), 0);
  const most = (forMs: number) => Math.max(0, ...calls.map(({ atMs }) => inSpan(atMs, forMs)));
  return { answers, inSpan, most };
}

export const status =
  (code: number, headers: Record<string, string> = {}): Answers =>
  ({ response }) => {
    response.writeHead(code, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify({ error: { message: `this is a ${code}` } }));
  };

/** Takes so many calls in each window, and refuses the others. */
export function limitedTo(perWindow: number, windowMs: number, headers: Record<string, string> = {}) {
  const taken: number[] = [];
  let refused = 0;
  const answers: Answers = (call) => {
    const now = performance.now();
    while (taken.length > 0 && taken[0]! <= now - windowMs) taken.shift();
    if (taken.length >= perWindow) {
      refused += 1;
      return status(429, headers)(call);
    }
    taken.push(now);
    return well()(call);
  };
  return { answers, refused: () => refused };
}

/** The most calls that these workers began within any span of so many milliseconds, whenever they came to their server. */
export function mostBegun(workers: readonly TestWorker[], withinMs: number): number {
  const starts = workers.flatMap(({ beganMs }) => beganMs).sort((one, other) => one - other);
  let first = 0;
  let most = 0;
  for (let last = 0; last < starts.length; last += 1) {
    while (starts[last]! - starts[first]! >= withinMs) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return most;
}

/** One call as a worker makes it, told to the registry as it went. */
export type CallResult = 'answered' | 'failed' | 'not_now' | 'busy';

export interface Served {
  readonly server: FaultyServer;
  readonly name: string;
  readonly settings?: Partial<EndpointSettings>;
}

/** What a worker process has of endpoints: a registry on a connection of its own. */
export class TestWorker {
  readonly signs: CallSign[] = [];
  readonly beganMs: number[] = [];
  running = 0;
  private leaves: () => Promise<void> = async () => {};

  private constructor(
    readonly registry: EndpointRegistry,
    readonly peers: EndpointPeers | null,
    private readonly nats: NatsConnection | null,
    private readonly checks: ServerChecks,
    readonly stops: (() => unknown)[],
  ) {}

  static async start(
    server: TestNats | null,
    served: readonly Served[],
    careful = false,
  ): Promise<TestWorker> {
    const settings = new Map(served.map((each) => [each.name, each.settings]));
    const endpoints = served.map(({ name, server: { url } }) => endpointAt(name, url));
    const registry = new EndpointRegistry(endpoints, 'least_connections', (name) => settings.get(name), {
      careful,
    });
    const checks = new ServerChecks(registry, silentLogger);
    if (server === null) {
      const timer = setInterval(() => checks.run(), 200);
      return new TestWorker(registry, null, null, checks, [() => clearInterval(timer)]);
    }
    const nats = await connect({
      servers: server.url,
      user: server.user,
      pass: server.password,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 100,
      timeout: 60_000,
    });
    const peers = new EndpointPeers(nats, registry, { member: systemSources.newId() });
    peers.events.on('beat', () => {
      if (peers.leads) checks.run();
    });
    peers.start();
    const shares = new ShareKeeper(nats, registry, peers, silentLogger, () => ensureStreams(nats, 1));
    await shares.start();
    const worker = new TestWorker(registry, peers, nats, checks, []);
    worker.leaves = () => shares.stop();
    return worker;
  }

  /** Makes one call if one may begin now. */
  async call(model = 'm', exclude?: ReadonlySet<string>): Promise<CallResult> {
    const lease = this.registry.acquire(model, exclude === undefined ? {} : { exclude });
    if (lease.kind !== 'leased') return 'busy';
    return this.through(lease);
  }

  /** Makes one call as soon as one may begin here: the others' share may have to be asked for first. */
  async nextCall(model = 'm'): Promise<Exclude<CallResult, 'busy'>> {
    const lease = await this.registry.acquireNext(model, new AbortController().signal);
    if (lease.kind !== 'leased') throw new Error(`there is no model ${model}`);
    return this.through(lease);
  }

  /** Calls until one is answered: a message that goes back to wait where it was not taken. */
  async message(model = 'm', counts: { attempts: number } = { attempts: 0 }): Promise<void> {
    for (;;) {
      const result = await this.nextCall(model);
      if (result === 'answered') return;
      if (result === 'failed') counts.attempts += 1;
    }
  }

  /** As SIGKILL would: nothing that it does reaches anybody any more. */
  async crash(): Promise<void> {
    for (const stop of this.stops.splice(0)) stop();
    this.checks.stop();
    await this.nats?.close();
    await this.registry.close();
  }

  async stop(): Promise<void> {
    await this.leaves();
    this.peers?.stop();
    await this.crash();
  }

  private async through(
    lease: Extract<ReturnType<EndpointRegistry['acquire']>, { kind: 'leased' }>,
  ): Promise<Exclude<CallResult, 'busy'>> {
    this.running += 1;
    this.beganMs.push(performance.now());
    try {
      const answer = await lease.endpoint.call({
        ...{ messageId: '1', request: { content: 'x', model: lease.model, parameters: {} } },
        ...{ model: lease.offer.upstream, timeoutMs: 60_000, signal: new AbortController().signal },
        onDelta: () => undefined,
      });
      const { usage } = answer;
      this.end(lease, {
        kind: 'answered',
        firstTokenMs: answer.firstTokenMs,
        tokens: usage?.completion_tokens ?? null,
      });
      return 'answered';
    } catch (error) {
      const sign = signOf(error);
      this.end(lease, sign);
      return sign.kind === 'not_now' ? 'not_now' : 'failed';
    } finally {
      this.running -= 1;
      lease.release();
    }
  }

  private end(
    lease: Extract<ReturnType<EndpointRegistry['acquire']>, { kind: 'leased' }>,
    sign: CallSign,
  ): void {
    this.signs.push(sign);
    lease.ended(sign);
  }
}

function signOf(error: unknown): CallSign {
  if (!(error instanceof ModelCallError)) throw error;
  const { notNow, retryAfterMs, stalled } = error;
  if (notNow !== null) return { kind: 'not_now', reason: notNow, retryAfterMs };
  return error.error.retryable ? { kind: 'failed', code: error.error.code, stalled } : { kind: 'rejected' };
}

function endpointAt(name: string, baseUrl: string): ModelEndpoint {
  return new OpenAiEndpoint({
    ...{ name, baseUrl, models: ['m'], maxConcurrency: 8, apiKey: null },
    ...{ connectTimeoutMs: 60_000, firstTokenTimeoutMs: 60_000 },
  });
}
