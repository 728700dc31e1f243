import {
  type Case,
  type Contender,
  load,
  measure,
  startChatEndpoint,
  startService,
  totalOf,
} from './chat/contenders.js';
import { cpuRatioOf, type Figure } from './figure.js';

const REQUESTS = Number(process.env['BENCH_RESPONSES_REQUESTS'] ?? 600);
const ROUNDS = Number(process.env['BENCH_RESPONSES_ROUNDS'] ?? 3);
const WARM_UP = 500;
const TARGET = 1.3;
const APIS = ['chat', 'responses'] as const;

/** The same streams through the same service, asked for by each of the two APIs in turn: what their clients cost in CPU. */
export async function benchResponses(): Promise<Figure[]> {
  const endpoint = await startChatEndpoint(0);
  let service: Contender | null = null;
  try {
    service = await startService('ours', endpoint.matched, null);
    for (const api of APIS) await load(service, streams(20, api), WARM_UP);
    const figures: Figure[] = [];
    for (const pieces of [1, 20]) figures.push(await compared(service, pieces));
    return figures;
  } finally {
    await service?.stop();
    await endpoint.stop();
  }
}

function compared(service: Contender, pieces: number): Promise<Figure> {
  const cpuOf = async (api: Case['api']) =>
    totalOf((await measure(service, streams(pieces, api), REQUESTS)).cpu);
  return cpuRatioOf(
    `a stream of ${pieces} piece${pieces === 1 ? '' : 's'} by Responses, against chat completions: CPU in all`,
    TARGET,
    ROUNDS,
    () => cpuOf('responses'),
    () => cpuOf('chat'),
  );
}

const streams = (pieces: number, api: Case['api']): Case => ({ pieces, streamed: true, atOnce: 64, api });
