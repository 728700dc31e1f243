import { setTimeout as sleep } from 'node:timers/promises';
import { chooseEndpoint } from '../src/dispatch/endpoints/choice/choose-endpoint.policy.js';
import { type Candidate, NOTHING_CHOSEN } from '../src/dispatch/endpoints/choice/strategy.policy.js';
import { EndpointRegistry } from '../src/dispatch/endpoints/endpoint-registry.js';
import type { ModelEndpoint } from '../src/dispatch/endpoints/model-endpoint.port.js';
import { CHOICE_STRATEGIES, type ChoiceStrategy } from '../src/domain/choice-strategies.policy.js';
import { load, startChatEndpoint } from './chat/contenders.js';
import { type BenchChild, startServiceChild } from './child.js';
import type { Figure } from './figure.js';
import { startBenchServers } from './servers.js';

const PIECES = 5;
/** As models take it, so that a small machine's own time is little beside it. */
const FAST = { firstMs: 800, gapMs: 10 };
const SLOWER = 10;
const AT_ONCE = 8;
const REQUESTS = Number(process.env['BENCH_CHOICE_REQUESTS'] ?? 500);
const WARM_UP = 100;

const AMONG = 100;
const CHOICES = 20_000;
const PLACES_TAKEN = 2_000;
const ALLOWED_US = 10;

/**
 * What the choice of an endpoint is worth, and what it costs: the time to the first piece that the slowest of a hundred
 * clients sees where one of four endpoints is ten times slower than the others, and the time for one choice among 100.
 */
export async function benchChoice(): Promise<Figure[]> {
  return [await slowEndpointFigure(), costFigure(), registryFigure()];
}

async function slowEndpointFigure(): Promise<Figure> {
  const { firstMs, gapMs } = FAST;
  const endpoints = await Promise.all([
    startChatEndpoint(gapMs * SLOWER, firstMs * SLOWER),
    ...Array.from({ length: 3 }, () => startChatEndpoint(gapMs, firstMs)),
  ]);
  try {
    const theirs = await seenWith('round_robin', endpoints);
    const ours = await seenWith('adaptive_load', endpoints);
    return {
      what: `first piece with one of four endpoints ${SLOWER} times slower, p99, adaptive_load against round_robin`,
      ours: told(ours),
      theirs: told(theirs),
      result: (ours.p99Ms / theirs.p99Ms).toFixed(2),
      target: '<= 0.33',
      met: ours.p99Ms <= theirs.p99Ms / 3,
    };
  } finally {
    for (const endpoint of endpoints) await endpoint.stop();
  }
}

interface Seen {
  readonly medianMs: number;
  readonly p99Ms: number;
  /** Of all calls, those that the slow endpoint got. */
  readonly slowPart: number;
}

function told({ medianMs, p99Ms, slowPart }: Seen): string {
  const percent = (100 * slowPart).toFixed(1);
  return `${Math.round(p99Ms)} ms (median ${Math.round(medianMs)} ms, ${percent} % of the calls at the slow one)`;
}

/** A service of its own for each strategy, which knows nothing of its endpoints at first. */
async function seenWith(strategy: ChoiceStrategy, endpoints: readonly BenchChild[]): Promise<Seen> {
  const servers = await startBenchServers();
  const served = endpoints.map(({ matched }, at) => ({
    ...{ name: `e${at}`, base_url: `${matched}/v1`, models: [`pieces-${PIECES}`], max_concurrency: AT_ONCE },
  }));
  const service = await startServiceChild({
    ...servers.env,
    ENDPOINTS: JSON.stringify(served),
    LOADBALANCER_STRATEGY: strategy,
    QUEUE_WORKER_CONCURRENCY: String(AT_ONCE * 4),
  });
  try {
    const at = { baseUrl: `${service.matched}/v1`, headers: {} };
    const one = { pieces: PIECES, streamed: true, atOnce: AT_ONCE };
    await load(at, one, WARM_UP);
    const before = await callsAt(service, endpoints.length);
    const { firstPieceMs, firstPieceP99Ms } = await load(at, one, REQUESTS);
    const calls = (await callsAt(service, endpoints.length)).map((all, index) => all - before[index]!);
    const slowPart = calls[0]! / calls.reduce((sum, each) => sum + each, 0);
    return { medianMs: firstPieceMs!, p99Ms: firstPieceP99Ms!, slowPart };
  } finally {
    await service.stop();
    await servers.stop();
  }
}

async function callsAt({ matched }: BenchChild, count: number): Promise<number[]> {
  // Figures of calls are told once a second.
  await sleep(2_000);
  const stats = Array.from({ length: count }, async (_, at) => {
    const response = await fetch(`${matched}/api/v1/endpoints/e${at}/stats`);
    return ((await response.json()) as { calls: number }).calls;
  });
  return Promise.all(stats);
}

function costFigure(): Figure {
  // Written out: an object made of others is slower to read.
  const candidates = Array.from(
    { length: AMONG },
    (_, at): Candidate => ({
      name: `e${at}`,
      taken: at % 7,
      places: 8,
      weight: 1 + (at % 3),
      group: 'primary',
      firstTokenEwmaMs: 100 + at,
      share: 1,
      healthy: true,
    }),
  );
  const costs = CHOICE_STRATEGIES.flatMap((by) =>
    [null, 'somebody'].map((session) => {
      let state = NOTHING_CHOSEN;
      return microseconds(CHOICES, () => {
        state = chooseEndpoint(by, candidates, state, Math.random, session)!.state;
      });
    }),
  );
  const cost = Math.max(...costs);
  return {
    what: `one choice among ${AMONG}, by the slowest strategy`,
    ...{ ours: `${cost.toFixed(1)} µs`, theirs: '-', result: `${cost.toFixed(1)} µs` },
    ...{ target: `< ${ALLOWED_US} µs`, met: cost < ALLOWED_US },
  };
}

/** With the look at each endpoint that makes the candidates, and the place that is taken and given back. */
function registryFigure(): Figure {
  const endpoints = Array.from(
    { length: AMONG },
    (_, at): ModelEndpoint => ({
      ...{ name: `e${at}`, models: ['m'], maxConcurrency: 8, close: async () => {} },
      call: () => Promise.reject(new Error('nobody calls it')),
    }),
  );
  const registry = new EndpointRegistry(endpoints, 'adaptive_load');
  const cost = microseconds(PLACES_TAKEN, () => {
    const lease = registry.acquire('m');
    if (lease.kind !== 'leased') throw new Error('no place');
    lease.ended({ kind: 'answered', firstTokenMs: 100, tokens: null });
    lease.release();
  });
  return {
    what: `a place taken among ${AMONG} and given back, by adaptive_load`,
    ...{ ours: `${cost.toFixed(1)} µs`, theirs: '-', result: `${cost.toFixed(1)} µs` },
    ...{ target: '-', met: null },
  };
}

/** CPU time of one run, once the compiler has seen it: what else the machine does is no cost of it. */
function microseconds(runs: number, run: () => void): number {
  for (let at = 0; at < runs; at += 1) run();
  const before = process.cpuUsage();
  for (let at = 0; at < runs; at += 1) run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / runs;
}
