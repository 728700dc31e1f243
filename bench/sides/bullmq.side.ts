import { createPostgresBackend, type Job, Queue, type RedisOptions, Worker } from 'bullmq';
import { closedLoop, type LoopResult } from '../closed-loop.js';
import { WHOLE_PATH } from '../whole-path.load.js';

/**
 * BullMQ's add-and-process in one process, on Redis (`redis://...`) or on its PostgreSQL backend (`postgres://...`).
 * Usage: node bullmq.side.js URL. Prints a LoopResult as JSON.
 */
const url = process.argv[2]!;
const name = `bench-${process.pid}`;
const waiting = new Map<string, () => void>();

const result = await (url.startsWith('postgres') ? onPostgres() : onRedis());
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(0);

async function onRedis(): Promise<LoopResult> {
  const { hostname, port } = new URL(url);
  const connection: RedisOptions = { host: hostname, port: Number(port), maxRetriesPerRequest: null };
  const queue = new Queue(name, { connection });
  const worker = new Worker(name, answer, { connection, concurrency: WHOLE_PATH.concurrency });
  return run(queue as unknown as Contender, worker as unknown as Listener);
}

async function onPostgres(): Promise<LoopResult> {
  const options = { connection: { connectionString: url, max: 20, migrate: true } };
  const queue = new Queue(name, options, createPostgresBackend as never);
  const worker = new Worker(
    name,
    answer,
    { ...options, concurrency: WHOLE_PATH.concurrency } as never,
    createPostgresBackend as never,
  );
  return run(queue as unknown as Contender, worker as unknown as Listener);
}

interface Contender {
  add(name: string, data: unknown, options: { priority: number }): Promise<Job>;
}
interface Listener {
  on(event: 'completed', listener: (job: Job) => void): unknown;
  waitUntilReady(): Promise<unknown>;
}

/** The no-op endpoint: the answer is there at once. */
async function answer(): Promise<{ content: string }> {
  return { content: 'ok' };
}

async function run(queue: Contender, worker: Listener): Promise<LoopResult> {
  await worker.waitUntilReady();
  const done = new Set<string>();
  worker.on('completed', (job) => {
    const resolve = waiting.get(job.id!);
    if (resolve === undefined) done.add(job.id!);
    else resolve();
    waiting.delete(job.id!);
  });
  const one = async (index: number) => {
    const data = { user_id: 'bench', content: WHOLE_PATH.content };
    const job = await queue.add('message', data, { priority: (index % 4) + 1 });
    if (done.delete(job.id!)) return;
    await new Promise<void>((resolve) => waiting.set(job.id!, resolve));
  };
  await closedLoop(WHOLE_PATH.warmUp, WHOLE_PATH.inFlight, one);
  return closedLoop(WHOLE_PATH.messages, WHOLE_PATH.inFlight, one);
}
