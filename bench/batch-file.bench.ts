import { createWriteStream, openAsBlob } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeTempDir, removeTempDir } from '../test/support/temp-dir.js';
import { startChatEndpoint } from './chat/contenders.js';
import { type BenchChild, startServiceChild } from './child.js';
import type { Figure } from './figure.js';
import { startBenchServers } from './servers.js';

/** Fewer for a short look: `BENCH_BATCH_LINES=5000`. */
const LINES = Number(process.env['BENCH_BATCH_LINES'] ?? 50_000);
/** 200 MB in all, as large as OpenAI takes them. */
const LINE_BYTES = Number(process.env['BENCH_BATCH_LINE_BYTES'] ?? 4_000);
/** Then it is cancelled, and told how far it was. */
const WITHIN_S = Number(process.env['BENCH_BATCH_WITHIN_S'] ?? 600);
const SLOTS = 64;
const MODEL = 'pieces-1';
const WARM_UP_LINES = 500;
const LOOK_MS = 100;
const START_TARGET_S = 30;
const MEMORY_TARGET_MIB = 150;

interface Batch {
  readonly id: string;
  readonly status: string;
  readonly request_counts: { readonly total: number; readonly completed: number; readonly failed: number };
}

/** Of one batch, in seconds since its upload began; null for what it was ended before. */
interface Times {
  readonly uploaded: number;
  readonly checked: number | null;
  readonly firstLine: number | null;
  readonly allLines: number | null;
  readonly ended: number | null;
  readonly peakMiB: number;
}

/**
 * A file of lines, uploaded and carried out as a batch with a model that answers at once: how long until its first line
 * has its answer and until all have, and how much more memory the service takes meanwhile than before.
 */
export async function benchBatchFile(): Promise<Figure[]> {
  const endpoint = await startChatEndpoint(0);
  const servers = await startBenchServers();
  const folder = await makeTempDir('llmq-bench-batch');
  let service: BenchChild | null = null;
  try {
    const places = { name: 'bench', base_url: `${endpoint.matched}/v1`, max_concurrency: SLOTS };
    service = await startServiceChild(
      {
        ...servers.env,
        ENDPOINTS: JSON.stringify([{ ...places, models: [MODEL] }]),
        QUEUE_WORKER_CONCURRENCY: String(SLOTS),
      },
      undefined,
      process.env['BENCH_NODE_ARGS']?.split(' ') ?? [],
    );
    await carriedOut(service, await written(folder, WARM_UP_LINES));
    const restMiB = await residentMiB(service.pid);
    return figuresOf(await carriedOut(service, await written(folder, LINES)), restMiB);
  } finally {
    await service?.stop();
    await servers.stop();
    await endpoint.stop();
    await removeTempDir(folder);
  }
}

function figuresOf(times: Times, restMiB: number): Figure[] {
  const { uploaded, checked, firstLine, allLines, ended, peakMiB } = times;
  const what = `a batch of ${LINES} lines in ${Math.round((LINES * LINE_BYTES) / 1e6)} MB`;
  const told = { theirs: '-', target: '-', met: null };
  const more = peakMiB - restMiB;
  return [
    {
      what: `${what}: its first line is answered`,
      ours: `uploaded ${seconds(uploaded)}, checked ${seconds(checked)}`,
      ...{ theirs: '-', result: seconds(firstLine), target: `<= ${START_TARGET_S} s` },
      met: firstLine !== null && firstLine <= START_TARGET_S,
    },
    {
      ...{ what: 'all its lines are answered', ...told },
      ours: allLines === null ? '-' : `${Math.round(LINES / (allLines - (checked ?? 0)))} lines/s`,
      result: seconds(allLines),
    },
    { what: 'its results are written', ...told, ours: '-', result: seconds(ended) },
    {
      what: 'memory of the service meanwhile',
      ...{ ours: `${peakMiB} MiB`, theirs: `${restMiB} MiB before`, result: `${more} MiB more` },
      ...{ target: `<= ${MEMORY_TARGET_MIB} MiB`, met: more <= MEMORY_TARGET_MIB },
    },
  ];
}

async function carriedOut({ matched: url, pid }: BenchChild, file: string): Promise<Times> {
  const startedMs = performance.now();
  const sinceS = () => (performance.now() - startedMs) / 1_000;
  const memory = watchMemory(pid);
  try {
    const inputFileId = await upload(url, file);
    const uploaded = sinceS();
    const asked = { input_file_id: inputFileId, endpoint: '/v1/chat/completions', completion_window: '24h' };
    let batch = await json<Batch>(`${url}/v1/batches`, {
      ...{ method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(asked) },
    });
    const reached = async (isSo: (batch: Batch) => boolean): Promise<number | null> => {
      while (!isSo(batch)) {
        if (hasEnded(batch) || sinceS() >= WITHIN_S) return null;
        await sleep(LOOK_MS);
        batch = await json<Batch>(`${url}/v1/batches/${batch.id}`);
      }
      return sinceS();
    };
    const done = ({ completed, failed }: Batch['request_counts']) => completed + failed;
    // None are counted before all are checked.
    const isDone = ({ request_counts: counts }: Batch) => counts.total > 0 && done(counts) === counts.total;
    const checked = await reached(({ status }) => status !== 'validating');
    const firstLine = await reached(({ request_counts: counts }) => done(counts) > 0);
    const allLines = await reached(isDone);
    if (allLines === null) await json(`${url}/v1/batches/${batch.id}/cancel`, { method: 'POST' });
    const ended = await reached(hasEnded);
    const { status, request_counts: counts } = batch;
    if (ended !== null && allLines !== null && (status !== 'completed' || counts.failed > 0))
      throw new Error(`The batch is ${status}: ${JSON.stringify(counts)}`);
    return { uploaded, checked, firstLine, allLines, ended, peakMiB: await memory.peakMiB() };
  } finally {
    memory.stop();
  }
}

function hasEnded({ status }: Batch): boolean {
  return ['completed', 'failed', 'expired', 'cancelled'].includes(status);
}

async function upload(url: string, path: string): Promise<string> {
  const form = new FormData();
  form.set('purpose', 'batch');
  form.set('file', await openAsBlob(path), 'lines.jsonl');
  const { id } = await json<{ id: string }>(`${url}/v1/files`, { method: 'POST', body: form });
  return id;
}

async function json<T>(url: string, init: RequestInit = {}): Promise<T> {
  const answer = await fetch(url, init);
  const body = await answer.json();
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${JSON.stringify(body)}`);
  return body as T;
}

async function written(folder: string, count: number): Promise<string> {
  const path = join(folder, `${count}.jsonl`);
  await pipeline(Readable.from(lines(count)), createWriteStream(path));
  return path;
}

function* lines(count: number): Iterable<string> {
  const lineOf = (number: number, content: string) =>
    `${JSON.stringify({
      ...{ custom_id: `line-${number}`, method: 'POST', url: '/v1/chat/completions' },
      body: { model: MODEL, messages: [{ role: 'user', content: `${number}: ${content}` }] },
    })}\n`;
  const words = 'What is asked of a model is a text of some length, as people write it. ';
  const length = Math.max(0, LINE_BYTES - lineOf(count, '').length);
  const content = words.repeat(Math.ceil(length / words.length)).slice(0, length);
  for (let number = 1; number <= count; number += 1) yield lineOf(number, content);
}

function watchMemory(pid: number): { peakMiB(): Promise<number>; stop(): void } {
  let peak = 0;
  const look = async () => {
    peak = Math.max(peak, await residentMiB(pid).catch(() => 0));
  };
  const timer = setInterval(look, LOOK_MS);
  return {
    peakMiB: async () => {
      await look();
      return peak;
    },
    stop: () => clearInterval(timer),
  };
}

async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1_024);
}

function seconds(value: number | null): string {
  return value === null ? `not within ${WITHIN_S} s` : `${value.toFixed(1)} s`;
}
