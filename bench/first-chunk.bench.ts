import { setTimeout as sleep } from 'node:timers/promises';
import { startDemoModel } from '../src/demo-model/demo-server.js';
import { startServiceChild } from './child.js';
import { median } from './closed-loop.js';
import type { Figure } from './figure.js';
import { startBenchServers } from './servers.js';

const PAIRS = 200;
const WARM_UP = 50;
/** What the last request left to do (its end, its projection) is then done, so that the system is idle again. */
const REST_MS = 50;
const MODEL = 'demo-fast';

/** What the queue adds to the time to the first chunk of a stream, on an idle system: one request at a time. */
export async function benchFirstChunk(): Promise<Figure> {
  const servers = await startBenchServers();
  const demo = await startDemoModel({ port: 0, tokensPerSecond: 1_000 });
  const endpoints = JSON.stringify([{ name: 'demo', base_url: demo.url, models: [MODEL] }]);
  const service = await startServiceChild({ ...servers.env, ENDPOINTS: endpoints });
  try {
    const through: number[] = [];
    const direct: number[] = [];
    for (let pair = 0; pair < PAIRS + WARM_UP; pair += 1) {
      await sleep(REST_MS);
      const a = await firstChunkMs(`${service.matched}/v1`);
      await sleep(REST_MS);
      const b = await firstChunkMs(demo.url);
      if (pair < WARM_UP) continue;
      through.push(a);
      direct.push(b);
    }
    const added = median(through.map((ms, index) => ms - direct[index]!));
    return {
      what: 'time to the first chunk, added to calling the demo endpoint directly, median',
      ours: `${median(through).toFixed(2)} ms`,
      theirs: `${median(direct).toFixed(2)} ms`,
      result: `+${added.toFixed(2)} ms`,
      target: '<= 6 ms',
      met: added <= 6,
    };
  } finally {
    await service.stop();
    await demo.close();
    await servers.stop();
  }
}

async function firstChunkMs(baseUrl: string): Promise<number> {
  const started = performance.now();
  const response = await fetch(`${baseUrl}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: MODEL, stream: true, messages: [{ role: 'user', content: 'Hello' }] }),
  });
  if (!response.ok || response.body === null) throw new Error(`${baseUrl} answered ${response.status}`);
  const decoder = new TextDecoder();
  let text = '';
  let first: number | null = null;
  for await (const bytes of response.body) {
    text += decoder.decode(bytes as Uint8Array, { stream: true });
    if (first === null && text.includes('"content":')) first = performance.now() - started;
  }
  if (first === null) throw new Error(`${baseUrl} sent no content: ${text}`);
  return first;
}
