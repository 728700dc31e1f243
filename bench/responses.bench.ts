import {
  type Case,
  type Contender,
  load,
  measure,
  startChatEndpoint,
  startService,
  totalOf,
} from './chat/contenders.js';
import { median } from './closed-loop.js';
import type { Figure } from './figure.js';

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

async function compared(service: Contender, pieces: number): Promise<Figure> {
  const rounds: Record<(typeof APIS)[number], number>[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const cpu = { chat: 0, responses: 0 };
    for (const api of APIS) {
      cpu[api] = totalOf((await measure(service, streams(pieces, api), REQUESTS)).cpu);
    }
    rounds.push(cpu);
  }
  const ratio = median(rounds.map(({ chat, responses }) => responses / chat));
  return {
    what: `a stream of ${pieces} piece${pieces === 1 ? '' : 's'} by Responses, against chat completions: CPU in all`,
    ours: `${median(rounds.map(({ responses }) => responses)).toFixed(2)} ms`,
    theirs: `${median(rounds.map(({ chat }) => chat)).toFixed(2)} ms`,
    result: ratio.toFixed(2),
    target: `<= ${TARGET}`,
    met: ratio <= TARGET,
  };
}

const streams = (pieces: number, api: Case['api']): Case => ({ pieces, streamed: true, atOnce: 64, api });
