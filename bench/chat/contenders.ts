import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../test/support/free-port.js';
import { type BenchChild, runForJson, startChild, startServiceChild } from '../child.js';
import { startBenchServers } from '../servers.js';
import type { ChatLoad, ChatLoadResult } from './chat-load.js';
import { familyCpuMs, processCpuMs } from './cpu-time.js';

/** More than any load has at once, so that no message waits for a slot. */
const SLOTS = 256;
/** What the last requests left to do is done by then: the projection above all. */
const SETTLE_MS = 500;
const PORTKEY = 'node_modules/@portkey-ai/gateway/build/start-server.js';

/** CPU time of all that a contender consists of, in milliseconds. */
export interface Cpu {
  readonly service: number;
  readonly nats: number;
  readonly postgres: number;
}

/** What stands between the clients and the endpoint. */
export interface Contender {
  readonly name: string;
  readonly baseUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  cpu(): Cpu;
  stop(): Promise<void>;
}

export type Case = Pick<ChatLoad, 'pieces' | 'streamed' | 'atOnce' | 'api'>;

export interface Measured extends ChatLoadResult {
  /** CPU time for each request, in milliseconds. */
  readonly cpu: Cpu;
}

export function totalOf({ service, nats, postgres }: Cpu): number {
  return service + nats + postgres;
}

/** The answers of the fake endpoint, with as many milliseconds between two pieces, and before the first. */
export function startChatEndpoint(gapMs: number, firstMs = 0): Promise<BenchChild> {
  const args = [String(gapMs), String(firstMs)];
  return startChild('bench/sides/chat-endpoint.side.js', args, {}, /^(http:\/\/\S+)$/m);
}

/**
 * The service with all roles in one process, on servers of its own.
 *
 * @param checkout of another version of it, built; null for this one
 * @param settings beside those that every contender has
 */
export async function startService(
  name: string,
  endpointUrl: string,
  checkout: string | null,
  settings: Readonly<Record<string, string>> = {},
): Promise<Contender> {
  const servers = await startBenchServers();
  const endpoint = { name: 'bench', base_url: `${endpointUrl}/v1`, max_concurrency: SLOTS };
  const env = {
    ...servers.env,
    ENDPOINTS: JSON.stringify([{ ...endpoint, models: ['pieces-1', 'pieces-20'] }]),
    QUEUE_WORKER_CONCURRENCY: String(SLOTS),
    ...settings,
  };
  const main = checkout === null ? undefined : resolve(checkout, 'dist/main.js');
  const nodeArgs = process.env['BENCH_NODE_ARGS']?.split(' ') ?? [];
  const service = await startServiceChild(env, main, nodeArgs);
  return {
    name,
    baseUrl: `${service.matched}/v1`,
    headers: {},
    cpu: () => ({
      service: processCpuMs(service.pid),
      nats: processCpuMs(servers.natsPid),
      postgres: familyCpuMs(servers.postgresPid),
    }),
    stop: async () => {
      await service.stop();
      await servers.stop();
    },
  };
}

/** A gateway that stores nothing: it hands requests on and answers back. */
export async function startPortkey(endpointUrl: string): Promise<Contender> {
  const port = await freePort();
  const child = await startChild(resolve(PORTKEY), [`--port=${port}`, '--headless'], {}, /(Ready)/);
  return {
    name: '@portkey-ai/gateway',
    baseUrl: `http://127.0.0.1:${port}/v1`,
    headers: {
      authorization: 'Bearer none',
      'x-portkey-provider': 'openai',
      'x-portkey-custom-host': `${endpointUrl}/v1`,
    },
    cpu: () => ({ service: processCpuMs(child.pid), nats: 0, postgres: 0 }),
    stop: () => child.stop(),
  };
}

/** The clients alone, without a gateway between them and the endpoint. */
export async function load(
  { baseUrl, headers }: Pick<Contender, 'baseUrl' | 'headers'>,
  one: Case,
  requests: number,
  restMs = 0,
): Promise<ChatLoadResult> {
  const asked: ChatLoad = { baseUrl, headers, ...one, requests, restMs };
  return runForJson<ChatLoadResult>('bench/sides/chat-load.side.js', [JSON.stringify(asked)], {});
}

export async function measure(contender: Contender, one: Case, requests: number): Promise<Measured> {
  const before = contender.cpu();
  const result = await load(contender, one, requests);
  await sleep(SETTLE_MS);
  const after = contender.cpu();
  const each = (part: keyof Cpu) => (after[part] - before[part]) / requests;
  return { ...result, cpu: { service: each('service'), nats: each('nats'), postgres: each('postgres') } };
}

/** The share of one core that it takes with nothing to do, in percent. */
export async function idlePercent(contender: Contender, seconds: number): Promise<Cpu> {
  const before = contender.cpu();
  await sleep(seconds * 1_000);
  const after = contender.cpu();
  const share = (part: keyof Cpu) => (after[part] - before[part]) / (seconds * 10);
  return { service: share('service'), nats: share('nats'), postgres: share('postgres') };
}
