import { type Case, load, startChatEndpoint } from './chat/contenders.js';
import { familyCpuMs, processCpuMs } from './chat/cpu-time.js';
import { type BenchChild, startServiceChild } from './child.js';
import { type Figure, ratioOf } from './figure.js';
import { startBenchServers } from './servers.js';

const PIECES = 1;
const ROUNDS = Number(process.env['BENCH_WORKERS_ROUNDS'] ?? 3);
/** A model that takes so long for each answer is the bottleneck of workers with few slots. */
const MODEL_MS = 400;
const SLOTS = 8;
const MORE = 1.8;
const NO_LESS = 1;

/**
 * What more processes are worth on one machine: two workers against one where the model is the bottleneck, and two apis,
 * three workers and a projector against one process with all roles where the model answers at once.
 */
export async function benchWorkers(): Promise<Figure[]> {
  return [await moreWorkers(), await moreProcesses()];
}

async function moreWorkers(): Promise<Figure> {
  const model = await startChatEndpoint(0, MODEL_MS);
  const rate = (workers: number) =>
    withProcesses(model, ['api,projector', ...Array<string>(workers).fill('worker')], SLOTS, (some) =>
      rateOf(some, { pieces: PIECES, streamed: false, atOnce: 4 * SLOTS }, 20 * SLOTS * workers),
    );
  const what = `answers a second of a model that takes ${MODEL_MS} ms, two workers of ${SLOTS} slots against one`;
  return ratioOf(
    what,
    MORE,
    ROUNDS,
    () => rate(2),
    () => rate(1),
  ).finally(() => model.stop());
}

async function moreProcesses(): Promise<Figure> {
  const model = await startChatEndpoint(0);
  const many = ['api', 'api', 'worker', 'worker', 'worker', 'projector'];
  const rate = (roles: readonly string[]) =>
    withProcesses(model, roles, 64, (some) =>
      rateOf(some, { pieces: PIECES, streamed: false, atOnce: 64 }, 4_000),
    );
  const what =
    'answers a second of a model that answers at once, two apis and three workers against one process';
  return ratioOf(
    what,
    NO_LESS,
    ROUNDS,
    () => rate(many),
    () => rate(['all']),
  ).finally(() => model.stop());
}

/** What is measured, and what it rests on. */
interface Processes {
  readonly roles: readonly string[];
  /** The addresses of those that take requests. */
  readonly apis: readonly string[];
  /** CPU time so far, in milliseconds: of each process in the order of the roles, of NATS, and of PostgreSQL. */
  cpu(): number[];
}

async function withProcesses(
  model: BenchChild,
  roles: readonly string[],
  slots: number,
  measure: (processes: Processes) => Promise<number>,
): Promise<number> {
  const servers = await startBenchServers();
  const env = {
    ...servers.env,
    ENDPOINTS: JSON.stringify([
      { name: 'm', base_url: `${model.matched}/v1`, models: [`pieces-${PIECES}`], max_concurrency: 1_000 },
    ]),
    QUEUE_WORKER_CONCURRENCY: String(slots),
  };
  const started: BenchChild[] = [];
  try {
    // One after the other: the first makes the streams and the tables.
    for (const each of roles) started.push(await startServiceChild({ ...env, LLMQ_ROLES: each }));
    const takes = (_: unknown, at: number) => /api|all/.test(roles[at]!);
    const apis = started.filter(takes).map(({ matched }) => matched);
    const cpu = () => [
      ...started.map(({ pid }) => processCpuMs(pid)),
      processCpuMs(servers.natsPid),
      familyCpuMs(servers.postgresPid),
    ];
    return await measure({ roles, apis, cpu });
  } finally {
    for (const each of started.reverse()) await each.stop();
    await servers.stop();
  }
}

/**
 * The first run compiles what it uses, and is left out. Each of several processes compiles for itself, so they get as
 * many requests each as a single one does. CPU times go to the errors' output: they say more than a rate.
 */
async function rateOf({ roles, apis, cpu }: Processes, all: Case, requests: number): Promise<number> {
  const share = { ...all, atOnce: all.atOnce / apis.length };
  const run = async (count: number) => {
    const each = apis.map((api) => load({ baseUrl: `${api}/v1`, headers: {} }, share, count / apis.length));
    return (await Promise.all(each)).reduce((sum, { perSecond }) => sum + perSecond, 0);
  };
  await run((requests / 2) * roles.length);
  const before = cpu();
  const perSecond = await run(requests);
  const used = cpu().map((ms, at) => (ms - before[at]!) / requests);
  const parts = [...roles, 'NATS', 'PostgreSQL'].map((name, at) => `${name} ${used[at]!.toFixed(2)}`);
  const total = used.reduce((sum, ms) => sum + ms, 0);
  process.stderr.write(
    `  ${Math.round(perSecond)}/s, CPU ms for each: ${parts.join(', ')}; ${total.toFixed(2)} in all\n`,
  );
  return perSecond;
}
