import { readFile } from 'node:fs/promises';
import { startDemoModel } from '../src/demo-model/demo-server.js';
import { startServiceChild } from './child.js';
import { median } from './closed-loop.js';
import type { Figure } from './figure.js';
import { startBenchServers } from './servers.js';

const SECONDS = 90;
const IN_FLIGHT = 64;
/** How much more the last third may hold than the middle one; a leak of 100 bytes a message shows. */
const FLAT = 1.1;

/** The resident memory of the whole service (all roles, one process) under a load that does not end. */
export async function benchMemory(): Promise<Figure> {
  const servers = await startBenchServers();
  const demo = await startDemoModel({ port: 0, tokensPerSecond: 1_000 });
  const endpoints = JSON.stringify([
    { name: 'demo', base_url: demo.url, models: ['demo-fast'], max_concurrency: IN_FLIGHT },
  ]);
  const service = await startServiceChild({
    ...servers.env,
    ENDPOINTS: endpoints,
    QUEUE_WORKER_CONCURRENCY: '64',
  });
  try {
    const until = Date.now() + SECONDS * 1000;
    let messages = 0;
    const client = async () => {
      for (; Date.now() < until; messages += 1) await submitAndWait(service.matched);
    };
    const clients = Promise.all(Array.from({ length: IN_FLIGHT }, client));
    const samples = await sampleUntil(service.pid, until);
    await clients;
    const third = Math.floor(samples.length / 3);
    const middle = median(samples.slice(third, 2 * third));
    const last = median(samples.slice(2 * third));
    return {
      what: `resident memory, ${messages} messages in ${SECONDS} s, last third against the middle one`,
      ours: `${Math.round(last)} MiB`,
      theirs: `${Math.round(middle)} MiB`,
      result: (last / middle).toFixed(2),
      target: `<= ${FLAT}`,
      met: last / middle <= FLAT,
    };
  } finally {
    await service.stop();
    await demo.close();
    await servers.stop();
  }
}

async function submitAndWait(baseUrl: string): Promise<void> {
  const submitted = await fetch(`${baseUrl}/api/v1/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user_id: 'bench', content: 'x'.repeat(500) }),
  });
  const { id } = (await submitted.json()) as { id: string };
  const answer = await fetch(`${baseUrl}/api/v1/messages/${id}?wait=30s`);
  const { status } = (await answer.json()) as { status: string };
  if (status !== 'completed') throw new Error(`${id} is ${status}`);
}

async function sampleUntil(pid: number, until: number): Promise<number[]> {
  const samples: number[] = [];
  while (Date.now() < until) {
    samples.push(await residentMiB(pid));
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
  return samples;
}

/** From Linux's /proc, as the benchmarks run there. */
async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
}
