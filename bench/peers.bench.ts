import {
  type Case,
  type Contender,
  load,
  measure,
  startChatEndpoint,
  startPortkey,
  startService,
  totalOf,
} from './chat/contenders.js';
import { startLiteLlm } from './chat/litellm.js';
import { median } from './closed-loop.js';
import type { Figure } from './figure.js';
import { benchWholePath } from './whole-path.bench.js';

const REQUESTS = Number(process.env['BENCH_PEERS_REQUESTS'] ?? 1_500);
const ROUNDS = Number(process.env['BENCH_PEERS_ROUNDS'] ?? 3);
const WARM_UP = 300;
const PIECES = 20;
const CASES: readonly Case[] = [false, true].map((streamed) => ({ pieces: PIECES, streamed, atOnce: 64 }));

/**
 * The service beside others, in one run: job queues (BullMQ on Redis and on PostgreSQL), which store but speak no
 * OpenAI, and gateways (Portkey, LiteLLM), which speak it and store nothing. What is not installed is told as missing.
 */
export async function benchPeers(): Promise<Figure[]> {
  return [...(await benchWholePath()), ...(await gateways())];
}

async function gateways(): Promise<Figure[]> {
  const endpoint = await startChatEndpoint(0);
  const contenders: Contender[] = [];
  try {
    const ours = await startService('ours', endpoint.matched, null);
    contenders.push(ours, await startPortkey(endpoint.matched));
    const liteLlm = await startLiteLlm(endpoint.matched, [`pieces-${PIECES}`]);
    if (liteLlm !== null) contenders.push(liteLlm);
    for (const one of contenders) for (const each of CASES) await load(one, each, WARM_UP);
    const figures: Figure[] = [];
    for (const one of CASES) figures.push(...(await compared(one, ours, contenders.slice(1))));
    return liteLlm === null ? [...figures, missing('LiteLLM', 'no litellm found')] : figures;
  } finally {
    for (const one of contenders) await one.stop();
    await endpoint.stop();
  }
}

/** In turn, so that a machine whose speed drifts is fair to all. */
async function compared(one: Case, ours: Contender, others: readonly Contender[]): Promise<Figure[]> {
  const rounds = await inRounds(() =>
    each([ours, ...others], (contender) => measure(contender, one, REQUESTS)),
  );
  const of = (contender: Contender, value: (measured: Awaited<ReturnType<typeof measure>>) => number) =>
    rounds.map((round) => value(round.get(contender)!));
  return others.flatMap((other) => {
    const what = `chat, ${one.pieces} pieces, ${one.streamed ? '' : 'not '}streamed, ${one.atOnce} at once, against ${other.name}, which stores nothing`;
    const [a, b] = [of(ours, ({ perSecond }) => perSecond), of(other, ({ perSecond }) => perSecond)];
    const [cpuA, cpuB] = [of(ours, ({ cpu }) => totalOf(cpu)), of(other, ({ cpu }) => totalOf(cpu))];
    const ratio = (x: readonly number[], y: readonly number[]) => median(x.map((each, at) => each / y[at]!));
    const untested = { target: '-', met: null };
    return [
      {
        ...{
          what: `${what}: rate`,
          ours: `${Math.round(median(a))}/s`,
          theirs: `${Math.round(median(b))}/s`,
        },
        ...{ result: ratio(a, b).toFixed(2), ...untested },
      },
      {
        ...{ what: `${what}: CPU of all processes for each`, ours: `${median(cpuA).toFixed(2)} ms` },
        ...{ theirs: `${median(cpuB).toFixed(2)} ms`, result: ratio(cpuA, cpuB).toFixed(2), ...untested },
      },
    ];
  });
}

async function each<Key, Value>(
  keys: readonly Key[],
  of: (key: Key) => Promise<Value>,
): Promise<Map<Key, Value>> {
  const values = new Map<Key, Value>();
  for (const key of keys) values.set(key, await of(key));
  return values;
}

async function inRounds<Value>(measured: () => Promise<Value>): Promise<Value[]> {
  const rounds: Value[] = [];
  for (let round = 0; round < ROUNDS; round += 1) rounds.push(await measured());
  return rounds;
}

function missing(what: string, why: string): Figure {
  return { what, ours: '-', theirs: '-', result: why, target: '-', met: null };
}
