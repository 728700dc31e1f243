import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { startDemoModel } from '../src/demo-model/demo-server.js';
import { makeTempDir, removeTempDir } from '../test/support/temp-dir.js';
import { startServiceChild } from './child.js';
import { median } from './closed-loop.js';
import type { Figure } from './figure.js';
import { startBenchServers } from './servers.js';

/** More than the largest cache of the service takes: only then can a leak be told from it. */
const WARM_UP_MESSAGES = 52_000;
const WARM_UP_BATCH = 500;
const SECONDS = 60;
const HEAP_EVERY_SECONDS = 5;
const IN_FLIGHT = 64;
/** Resident memory: how much more the last third may hold than the middle one. */
const FLAT = 1.1;
/** What the heap may grow by a message. Any collection that keeps a message's id has more. */
const BYTES_A_MESSAGE = 30;

const PROBE = pathToFileURL(resolve(import.meta.dirname, 'heap-probe.js')).href;

interface Sample {
  readonly messages: number;
  readonly bytes: number;
}

/** The memory of the whole service (all roles, one process) under a load that does not end. */
export async function benchMemory(): Promise<Figure[]> {
  const dir = await makeTempDir('llmq-bench-heap');
  const heapFile = join(dir, 'heap');
  const servers = await startBenchServers();
  const demo = await startDemoModel({ port: 0, tokensPerSecond: 1_000 });
  const endpoints = JSON.stringify([
    { name: 'demo', base_url: demo.url, models: ['demo-fast'], max_concurrency: IN_FLIGHT },
  ]);
  const service = await startServiceChild({
    ...servers.env,
    ENDPOINTS: endpoints,
    QUEUE_WORKER_CONCURRENCY: '64',
    NODE_OPTIONS: `--import=${PROBE}`,
    BENCH_HEAP_FILE: heapFile,
  });
  try {
    await fillCaches(service.matched);
    const until = Date.now() + SECONDS * 1_000;
    let messages = 0;
    const client = async () => {
      for (; Date.now() < until; messages += 1) await submitAndWait(service.matched);
    };
    const clients = Promise.all(Array.from({ length: IN_FLIGHT }, client));
    const [resident, heap] = await Promise.all([
      residentUntil(service.pid, until),
      heapUntil(service.pid, heapFile, until, () => messages),
    ]);
    await clients;
    return [residentFigure(resident), heapFigure(heap)];
  } finally {
    await service.stop();
    await demo.close();
    await servers.stop();
    await removeTempDir(dir);
  }
}

function residentFigure(samples: readonly number[]): Figure {
  const third = Math.floor(samples.length / 3);
  const middle = median(samples.slice(third, 2 * third));
  const last = median(samples.slice(2 * third));
  return {
    what: `memory under load for ${SECONDS} s: resident, last third against the middle one`,
    ours: `${Math.round(last)} MiB`,
    theirs: `${Math.round(middle)} MiB`,
    result: (last / middle).toFixed(2),
    target: `<= ${FLAT}`,
    met: last / middle <= FLAT,
  };
}

/** The median of the slopes between all pairs (Theil and Sen): one sample amid a burst of work does not decide it. */
function heapFigure(samples: readonly Sample[]): Figure {
  const slopes = samples.flatMap((a, index) =>
    samples.slice(index + 1).map((b) => (b.bytes - a.bytes) / Math.max(1, b.messages - a.messages)),
  );
  const [first, last] = [samples[0]!, samples[samples.length - 1]!];
  const slope = median(slopes);
  const size = ({ bytes }: Sample) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  return {
    what: `the same: heap after collection, growth by each of ${last.messages - first.messages} messages`,
    ours: size(last),
    theirs: `${size(first)} at first`,
    result: `${slope.toFixed(1)} B`,
    target: `<= ${BYTES_A_MESSAGE} B`,
    met: slope <= BYTES_A_MESSAGE,
  };
}

async function fillCaches(baseUrl: string): Promise<void> {
  const message = { user_id: 'bench', content: '[[demo:tokens 1]] [[demo:rate 0]]' };
  const body = JSON.stringify({ messages: Array.from({ length: WARM_UP_BATCH }, () => message) });
  let left = WARM_UP_MESSAGES / WARM_UP_BATCH;
  const client = async () => {
    for (; left > 0; left -= 1) {
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(`${baseUrl}/api/v1/messages/batch`, { method: 'POST', headers, body });
      if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
      await response.arrayBuffer();
    }
  };
  await Promise.all([client(), client()]);
  // The lane is served in its order: when this one is called, nothing of them is left.
  await submitAndWait(baseUrl, 10);
}

/** @param looks how often to wait for 30 s until it is completed */
async function submitAndWait(baseUrl: string, looks = 1): Promise<void> {
  const submitted = await fetch(`${baseUrl}/api/v1/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user_id: 'bench', content: 'x'.repeat(500) }),
  });
  const { id } = (await submitted.json()) as { id: string };
  for (let look = 1; ; look += 1) {
    const answer = await fetch(`${baseUrl}/api/v1/messages/${id}?wait=30s`);
    const { status } = (await answer.json()) as { status: string };
    if (status === 'completed') return;
    if (look === looks) throw new Error(`${id} is ${status}`);
  }
}

async function residentUntil(pid: number, until: number): Promise<number[]> {
  const samples: number[] = [];
  while (Date.now() < until) {
    samples.push(await residentMiB(pid));
    await sleep(1_000);
  }
  return samples;
}

async function heapUntil(
  pid: number,
  file: string,
  until: number,
  messages: () => number,
): Promise<Sample[]> {
  const samples: Sample[] = [];
  while (Date.now() < until) {
    process.kill(pid, 'SIGUSR2');
    const bytes = await lineOf(file, samples.length);
    samples.push({ messages: messages(), bytes });
    await sleep(HEAP_EVERY_SECONDS * 1_000);
  }
  return samples;
}

async function lineOf(file: string, index: number): Promise<number> {
  for (;;) {
    const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n');
    if (lines.length > index + 1) return Number(lines[index]);
    await sleep(20);
  }
}

/** From Linux's /proc, as the benchmarks run there. */
async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
}
