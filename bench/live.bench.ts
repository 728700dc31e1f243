import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { makeTempDir, removeTempDir } from '../test/support/temp-dir.js';
import { processCpuMs } from './chat/cpu-time.js';
import { type BenchChild, startServiceChild } from './child.js';
import { median, percentile } from './closed-loop.js';
import type { Figure } from './figure.js';
import { heldStream, someAtOnce } from './live/held-streams.js';
import { lagsOf, startPacedEndpoint } from './live/paced-endpoint.js';
import { startBenchServers } from './servers.js';

const STREAMS = 200;
const PER_SECOND = 20;
const SECONDS = Number(process.env['BENCH_LIVE_SECONDS'] ?? 10);
/** The first second is the start of all streams at once, which is another question. */
const FIRST_PIECES = PER_SECOND;
const HELD = Number(process.env['BENCH_LIVE_HELD'] ?? 10_000);
/** Before the memory is read, so that what only the first streams make is there. */
const HELD_FIRST = 500;
const AT_ONCE = 50;
/** With the connections of the streams before, which stay open for a while. */
const MOST_OPEN = HELD + HELD_FIRST + 10 * STREAMS;
const MEDIAN_MS = 8;
const P99_MS = 40;
const HELD_KB = 30;

const PROBE = pathToFileURL(resolve(import.meta.dirname, 'heap-probe.js')).href;
const JSON_TYPE = { 'content-type': 'application/json' };

/** Streams through one process with all roles: how far behind the endpoint's pieces, at which CPU time, and held ones' memory. */
export async function benchLive(): Promise<Figure[]> {
  const dir = await makeTempDir('llmq-bench-live');
  const heapFile = join(dir, 'heap');
  const servers = await startBenchServers();
  const endpoint = await startPacedEndpoint(SECONDS * PER_SECOND, PER_SECOND);
  const service = await startServiceChild({
    ...servers.env,
    ENDPOINTS: JSON.stringify([
      { name: 'paced', base_url: endpoint.url, models: ['m'], max_concurrency: 2 * STREAMS },
    ]),
    QUEUE_WORKER_CONCURRENCY: String(2 * STREAMS),
    SERVER_MAX_CONNECTIONS: String(MOST_OPEN),
    SERVER_MAX_WAITING_REQUESTS: String(MOST_OPEN),
    NODE_OPTIONS: `--import=${PROBE}`,
    BENCH_HEAP_FILE: heapFile,
  });
  try {
    const direct = await inSteadyState(() => chat(endpoint.url));
    const figures: Figure[] = [];
    // As in the other benchmarks the first round compiles what it uses, and is left out.
    await inSteadyState(() => chat(`${service.matched}/v1`));
    for (const [what, stream] of [
      ['/v1/chat/completions', () => chat(`${service.matched}/v1`)],
      ['/api/v1/messages/{id}/stream', () => followed(service.matched)],
    ] as const) {
      const beforeMs = processCpuMs(service.pid);
      const lags = await inSteadyState(stream);
      const usedMs = processCpuMs(service.pid) - beforeMs;
      figures.push(...lagFigures(what, lags, direct), cpuFigure(what, usedMs));
    }
    return [...figures, await heldFigure(service, heapFile)];
  } finally {
    await service.stop();
    await endpoint.close();
    await servers.stop();
    await removeTempDir(dir);
  }
}

async function inSteadyState(stream: () => Promise<number[]>): Promise<number[]> {
  const all = await Promise.all(Array.from({ length: STREAMS }, stream));
  const lost = all.filter((lags) => lags.length !== SECONDS * PER_SECOND).length;
  if (lost > 0) throw new Error(`${lost} of ${STREAMS} streams had another number of pieces.`);
  return all.flatMap((lags) => lags.slice(FIRST_PIECES));
}

async function chat(baseUrl: string): Promise<number[]> {
  const body = { model: 'm', stream: true, messages: [{ role: 'user', content: 'q' }] };
  return lagsOf(await opened(`${baseUrl}/chat/completions`, body));
}

async function followed(baseUrl: string): Promise<number[]> {
  const message = { user_id: 'bench', content: 'q' };
  const { id } = await submitted(baseUrl, 'messages', message);
  return lagsOf(await opened(`${baseUrl}/api/v1/messages/${id}/stream`));
}

async function opened(url: string, body?: object): Promise<AsyncIterable<Uint8Array>> {
  const sent = body === undefined ? {} : { method: 'POST', headers: JSON_TYPE, body: JSON.stringify(body) };
  const response = await fetch(url, sent);
  if (!response.ok || response.body === null) throw new Error(`${url} answered ${response.status}`);
  return response.body as unknown as AsyncIterable<Uint8Array>;
}

// biome-ignore lint/suspicious/noExplicitAny: answers of two shapes, of which the ids are read.
async function submitted(baseUrl: string, path: string, body: object): Promise<any> {
  const request = { method: 'POST', headers: JSON_TYPE, body: JSON.stringify(body) };
  const response = await fetch(`${baseUrl}/api/v1/${path}`, request);
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
  return response.json();
}

function lagFigures(what: string, lags: readonly number[], direct: readonly number[]): Figure[] {
  const figure = (name: string, ours: number, theirs: number, target: number): Figure => ({
    what: `${STREAMS} streams of ${PER_SECOND} pieces a second by ${what}: ${name}, behind the endpoint's`,
    ours: `${ours.toFixed(1)} ms`,
    theirs: `${theirs.toFixed(1)} ms directly`,
    result: `+${(ours - theirs).toFixed(1)} ms`,
    target: `<= ${target} ms`,
    met: ours - theirs <= target,
  });
  return [
    figure('the median piece', median(lags), median(direct), MEDIAN_MS),
    figure('the 99th percentile', percentile(lags, 0.99), percentile(direct, 0.99), P99_MS),
  ];
}

function cpuFigure(what: string, usedMs: number): Figure {
  const each = (usedMs * 1_000) / (STREAMS * SECONDS * PER_SECOND);
  return {
    what: `the same by ${what}: CPU time of the service for a piece`,
    ...{
      ours: `${each.toFixed(0)} us`,
      theirs: '-',
      result: `${each.toFixed(0)} us`,
      target: '-',
      met: null,
    },
  };
}

/** Streams of messages that wait: nothing is sent on them but what says that they live. */
async function heldFigure(service: BenchChild, heapFile: string): Promise<Figure> {
  const ids = await waitingMessages(service.matched, HELD + HELD_FIRST);
  const hold = (some: readonly string[]) =>
    someAtOnce(some, AT_ONCE, (id) => heldStream(service.matched, `/api/v1/messages/${id}/stream`));
  const first = await hold(ids.slice(0, HELD_FIRST));
  const before = await residentKb(service.pid, heapFile);
  const held = await hold(ids.slice(HELD_FIRST));
  const after = await residentKb(service.pid, heapFile);
  for (const socket of [...first, ...held]) socket.destroy();
  const each = (after - before) / HELD;
  return {
    what: `${HELD} held streams of waiting messages: resident memory for each`,
    ours: `${(after / 1_024).toFixed(0)} MiB`,
    theirs: `${(before / 1_024).toFixed(0)} MiB before`,
    result: `${each.toFixed(1)} KB`,
    target: `<= ${HELD_KB} KB`,
    met: each <= HELD_KB,
  };
}

async function waitingMessages(baseUrl: string, count: number): Promise<string[]> {
  const ids: string[] = [];
  while (ids.length < count) {
    const messages = Array.from({ length: Math.min(500, count - ids.length) }, () => ({
      ...{ user_id: 'bench', content: 'q', delay: '1h' },
    }));
    const { results } = await submitted(baseUrl, 'messages/batch', { messages });
    ids.push(...results.map(({ id }: { id: string }) => id));
  }
  return ids;
}

/** Without what nobody needs any more: the collector takes that away first. From Linux's /proc, as the others. */
async function residentKb(pid: number, heapFile: string): Promise<number> {
  const lines = async () => (await readFile(heapFile, 'utf8').catch(() => '')).split('\n').length;
  await sleep(2_000);
  const before = await lines();
  process.kill(pid, 'SIGUSR2');
  while ((await lines()) === before) await sleep(20);
  await sleep(500);
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]);
}
