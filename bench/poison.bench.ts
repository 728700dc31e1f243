import { startDemoModel } from '../src/demo-model/demo-server.js';
import { type BenchChild, startServiceChild } from './child.js';
import { median } from './closed-loop.js';
import type { Figure } from './figure.js';
import { startBenchServers } from './servers.js';

const POISON = 50;
const MESSAGES = 1_000;
const ROUNDS = 3;
/** Long calls: what is compared is the slots that the poison takes, not the processor. */
const CALM = '[[demo:slow 20]] [[demo:rate 0]] [[demo:tokens 1]]';
const FAILING = '[[demo:fail 500]]';

/**
 * How much messages that always fail slow another lane down: `normal` alone, and beside messages of `high` whose
 * endpoint never answers them and which retry without an end.
 */
export async function benchPoison(): Promise<Figure> {
  const servers = await startBenchServers();
  const demo = await startDemoModel({ port: 0, tokensPerSecond: 1_000 });
  const endpoints = JSON.stringify([
    { name: 'demo', base_url: demo.url, models: ['demo-fast'], max_concurrency: 16 },
  ]);
  const service = await startServiceChild({ ...servers.env, ENDPOINTS: endpoints });
  try {
    await perSecond(service);
    const alone = await medianOf(service);
    await submit(service, 'high', FAILING, POISON);
    const beside = await medianOf(service);
    return {
      what: `messages of normal, beside ${POISON} of high that always fail, against alone`,
      ours: `${beside.toFixed(0)}/s`,
      theirs: `${alone.toFixed(0)}/s`,
      result: (beside / alone).toFixed(2),
      target: '>= 0.9',
      met: beside / alone >= 0.9,
    };
  } finally {
    await service.stop();
    await demo.close();
    await servers.stop();
  }
}

async function medianOf(service: BenchChild): Promise<number> {
  const rates: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) rates.push(await perSecond(service));
  return median(rates);
}

async function perSecond(service: BenchChild): Promise<number> {
  const started = performance.now();
  const ids = await submit(service, 'normal', CALM, MESSAGES);
  await Promise.all(ids.slice(-100).map((id) => ended(service, id)));
  return (MESSAGES * 1_000) / (performance.now() - started);
}

async function submit(
  { matched }: BenchChild,
  priority: string,
  content: string,
  count: number,
): Promise<string[]> {
  const messages = Array.from({ length: count }, () => ({
    ...{ user_id: 'bench', content, priority, max_retries: 100 },
    retry_backoff: { kind: 'fixed', base_delay_ms: 1_000 },
  }));
  const response = await fetch(`${matched}/api/v1/messages/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ messages }),
  });
  const { results } = (await response.json()) as { results: { id: string }[] };
  return results.map(({ id }) => id);
}

async function ended({ matched }: BenchChild, id: string): Promise<void> {
  const response = await fetch(`${matched}/api/v1/messages/${id}?wait=60s`);
  const { status } = (await response.json()) as { status: string };
  if (status !== 'completed') throw new Error(`message ${id} is ${status}`);
}
