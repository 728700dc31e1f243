import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BenchChild, startServiceChild } from './child.js';
import { median } from './closed-loop.js';
import type { Figure } from './figure.js';
import { startBenchServers } from './servers.js';

const FEW = 1_000;
/** Fewer for a short look: `BENCH_BACKLOG=100000`. */
const MANY = Number(process.env['BENCH_BACKLOG'] ?? 1_000_000);
const BATCH = 1_000;
/** The first ones run code that was not compiled yet, and are left out. */
const WARM_UP_ROUNDS = 2;
const ROUNDS = 7;
/** A pause reaches every worker within a second; the calls under way end in a few milliseconds. */
const PAUSE_MS = 2_500;
/** What a start loads beside the service is loaded then. */
const SETTLED_MS = 3_000;
/** V8 gives back in three steps what work made it take, the last up to 100 s behind the work; the projection's ends later. */
const QUIET_MS = 180_000;

/**
 * What a long backlog costs: the time for the first 1,000 dispatches after a lane is resumed, the start of the service,
 * and its memory, each with 1,000,000 messages waiting and with 1,000 or none. Memory is compared right after the work of
 * taking them, which has a price of its own, three quiet minutes later, and after a start, which leaves only what waits.
 */
export async function benchBacklog(): Promise<Figure[]> {
  const servers = await startBenchServers();
  const model = await startCountingModel();
  const env = {
    ...servers.env,
    QUEUE_WORKER_CONCURRENCY: '64',
    ENDPOINTS: JSON.stringify([{ name: 'm', base_url: model.url, models: ['m'], max_concurrency: 64 }]),
  };
  let service = await startServiceChild(env);
  try {
    const emptyStart = await restartMs(async () => {
      await service.stop();
      service = await startServiceChild(env);
    });
    const few = await dispatchesPerSecond(service, model, FEW);
    await pause(service);
    await fill(service, FEW);
    await service.stop();
    service = await startServiceChild(env);
    await sleep(SETTLED_MS);
    const fewStartedMiB = await residentMiB(service.pid);
    await sleep(QUIET_MS);
    const fewMiB = await residentMiB(service.pid);
    await fill(service, MANY);
    const takenMiB = await residentMiB(service.pid);
    await sleep(QUIET_MS);
    const manyMiB = await residentMiB(service.pid);
    const many = await dispatchesPerSecond(service, model, 0);
    await pause(service);
    const fullStart = await restartMs(async () => {
      await service.stop();
      service = await startServiceChild(env);
    });
    await sleep(SETTLED_MS);
    const startedMiB = await residentMiB(service.pid);
    return [
      rate(few, many),
      start(emptyStart, fullStart),
      memory(fewMiB, takenMiB, `with ${MANY} waiting, right after they were taken`),
      memory(fewMiB, manyMiB, `with ${MANY} waiting, three quiet minutes after they were taken`),
      memory(fewStartedMiB, startedMiB, `after a start with ${MANY} waiting`),
    ];
  } finally {
    await service.stop();
    model.server.close();
    await servers.stop();
  }
}

function rate(few: number, many: number): Figure {
  return {
    what: `dispatches of ${FEW} messages, with ${MANY} waiting against ${FEW}`,
    ours: `${many.toFixed(0)}/s`,
    theirs: `${few.toFixed(0)}/s`,
    result: (many / few).toFixed(2),
    target: '>= 0.9',
    met: many / few >= 0.9,
  };
}

function start(empty: number, full: number): Figure {
  const more = (full - empty) / 1_000;
  return {
    what: `start of the service, with ${MANY} waiting against none`,
    ours: `${(full / 1_000).toFixed(1)} s`,
    theirs: `${(empty / 1_000).toFixed(1)} s`,
    result: `+${more.toFixed(1)} s`,
    target: '< 15 s',
    met: more < 15,
  };
}

function memory(few: number, many: number, when: string): Figure {
  return {
    what: `resident memory of the service ${when}, against ${FEW}`,
    ours: `${many} MiB`,
    theirs: `${few} MiB`,
    result: `+${many - few} MiB`,
    target: '< 100 MiB',
    met: many - few < 100,
  };
}

/** @param refill messages put into the paused lane before each round; 0 where enough wait already */
async function dispatchesPerSecond(
  service: BenchChild,
  model: CountingModel,
  refill: number,
): Promise<number> {
  const rates: number[] = [];
  for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round += 1) {
    await pause(service);
    await fill(service, refill);
    const started = performance.now();
    const reached = model.reaches(model.calls() + FEW);
    await post(`${service.matched}/api/v1/admin/queues/low/resume`, { reason: 'benchmark' });
    await reached;
    rates.push((FEW * 1_000) / (performance.now() - started));
  }
  return median(rates.slice(WARM_UP_ROUNDS));
}

async function pause(service: BenchChild): Promise<void> {
  await post(`${service.matched}/api/v1/admin/queues/low/pause`, { reason: 'benchmark' });
  await sleep(PAUSE_MS);
}

async function fill({ matched }: BenchChild, count: number): Promise<void> {
  const message = { user_id: 'bench', content: 'What is a queue?', priority: 'low' };
  const messages = Array.from({ length: BATCH }, () => message);
  let left = count;
  const connection = async () => {
    for (; left > 0; ) {
      left -= BATCH;
      await post(`${matched}/api/v1/messages/batch`, { messages });
    }
  };
  await Promise.all([connection(), connection()]);
}

async function post(url: string, body: object): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text.slice(0, 500)}`);
}

async function restartMs(restart: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await restart();
  return performance.now() - started;
}

async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024);
}

interface CountingModel {
  readonly url: string;
  readonly server: Server;
  calls(): number;
  /** Resolves with the call that has this number. */
  reaches(count: number): Promise<void>;
}

/** Answers at once, and counts. */
async function startCountingModel(): Promise<CountingModel> {
  let calls = 0;
  let wanted = { count: Number.POSITIVE_INFINITY, reached: () => {} };
  const choices = [{ index: 0, message: { role: 'assistant', content: 'ok' }, finish_reason: 'stop' }];
  const answer = JSON.stringify({ id: 'x', object: 'chat.completion', created: 1, model: 'm', choices });
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      calls += 1;
      if (calls >= wanted.count) wanted.reached();
      response.setHeader('content-type', 'application/json').end(answer);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    server,
    calls: () => calls,
    reaches: (count) =>
      new Promise((reached) => {
        wanted = { count, reached };
      }),
  };
}
