import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
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

const REQUESTS = Number(process.env['BENCH_TRACES_REQUESTS'] ?? 1_500);
const ROUNDS = Number(process.env['BENCH_TRACES_ROUNDS'] ?? 8);
const WARM_UP = 1_000;
const SAMPLE_RATIO = '0.01';
const TARGET = 1.03;
const CHAT: Case = { pieces: 20, streamed: false, atOnce: 64 };

/** The same chat completions by a service that keeps one trace of a hundred, and by one without traces: CPU in all. */
export async function benchTraces(): Promise<Figure[]> {
  const endpoint = await startChatEndpoint(0);
  const receiver = createServer((request, response) => {
    request.resume().on('end', () => response.setHeader('content-type', 'application/json').end('{}'));
  }).listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const receiverUrl = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
  const traced = { TRACING_ENDPOINT: receiverUrl, TRACING_SAMPLE_RATIO: SAMPLE_RATIO };
  const contenders: Contender[] = [];
  try {
    for (const settings of [{}, traced]) {
      contenders.push(await startService('ours', endpoint.matched, null, settings));
    }
    for (const one of contenders) await load(one, CHAT, WARM_UP);
    const [without, withTraces] = contenders as [Contender, Contender];
    const what = `a chat completion with one trace of 100 kept, against none: CPU in all, ${ROUNDS} rounds`;
    return [
      await cpuRatioOf(
        what,
        TARGET,
        ROUNDS,
        () => cpuOf(withTraces),
        () => cpuOf(without),
      ),
    ];
  } finally {
    for (const one of contenders) await one.stop();
    receiver.closeAllConnections();
    receiver.close();
    await endpoint.stop();
  }
}

async function cpuOf(contender: Contender): Promise<number> {
  return totalOf((await measure(contender, CHAT, REQUESTS)).cpu);
}
