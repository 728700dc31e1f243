import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchChild } from './child.js';
import { median } from './closed-loop.js';
import type { Figure } from './figure.js';
import { withService } from './with-service.js';

const MESSAGES = 500;
const FIRST_AFTER_MS = 5_000;
const SPREAD_MS = 10_000;
const ALLOWED_MS = 100;
const CONTENT = '[[demo:rate 0]] [[demo:tokens 1]]';

/** How late delayed messages start that are due at moments of their own, on a service that does nothing else. */
export async function benchDelays(): Promise<Figure> {
  return withService(async (service) => {
    const due = await submit(service);
    await sleep(FIRST_AFTER_MS + SPREAD_MS);
    const late: number[] = [];
    for (const { id, dueAt } of due) late.push((await startedAt(service, id)) - dueAt);
    const p99 = late.sort((a, b) => a - b)[Math.ceil(MESSAGES * 0.99) - 1]!;
    return {
      what: `how late ${MESSAGES} delayed messages start, p99`,
      ours: `${median(late)} ms (median)`,
      theirs: '-',
      result: `${p99} ms`,
      target: `<= ${ALLOWED_MS} ms`,
      met: p99 <= ALLOWED_MS && late[0]! >= 0,
    };
  });
}

async function submit({ matched }: BenchChild): Promise<{ id: string; dueAt: number }[]> {
  const from = Date.now() + FIRST_AFTER_MS;
  const times = Array.from({ length: MESSAGES }, () => Math.round(from + Math.random() * SPREAD_MS));
  const messages = times.map((time) => ({
    ...{ user_id: 'bench', content: CONTENT, priority: 'normal' },
    scheduled_at: new Date(time).toISOString(),
  }));
  const response = await fetch(`${matched}/api/v1/messages/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ messages }),
  });
  const { results } = (await response.json()) as { results: { id: string }[] };
  return results.map(({ id }, at) => ({ id, dueAt: times[at]! }));
}

async function startedAt({ matched }: BenchChild, id: string): Promise<number> {
  const response = await fetch(`${matched}/api/v1/messages/${id}?wait=30s`);
  const { started_at } = (await response.json()) as { started_at: string };
  return Date.parse(started_at);
}
