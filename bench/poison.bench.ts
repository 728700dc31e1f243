import type { BenchChild } from './child.js';
import { median } from './closed-loop.js';
import type { Figure } from './figure.js';
import { withService } from './with-service.js';

const POISON = 1;
const MESSAGES = 1_000;
const ROUNDS = 5;
/** Long calls: what is compared is the slots that the poison takes, not the processor. */
const CALM = '[[demo:slow 20]] [[demo:rate 0]] [[demo:tokens 1]]';
const FAILING = '[[demo:fail 500]]';

/**
 * How much a message that always fails slows another lane down: `normal` alone, and beside one of `high` that is tried
 * again every 50 ms.
 */
export async function benchPoison(): Promise<Figure> {
  return withService(async (service) => {
    await perSecond(service);
    const alone = await medianOf(service);
    await submit(service, 'high', FAILING, POISON);
    const beside = await medianOf(service);
    return {
      what: `messages of normal, beside one of high that always fails, against alone`,
      ours: `${beside.toFixed(0)}/s`,
      theirs: `${alone.toFixed(0)}/s`,
      result: (beside / alone).toFixed(2),
      target: '>= 0.9',
      met: beside / alone >= 0.9,
    };
  });
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
    retry_backoff: { kind: 'fixed', base_delay_ms: 50 },
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
