import { setTimeout as sleep } from 'node:timers/promises';
import type { Figure } from './figure.js';
import { withService } from './with-service.js';

const WAITING = 20_000;
const BATCH = 1_000;
const PROBES = 200;
const WARM_UP = 20;
const CALL_MS = 50;
const ALLOWED_MS = 20;
const CONTENT = `[[demo:slow ${CALL_MS}]] [[demo:rate 0]] [[demo:tokens 1]]`;

/** How long a `realtime` message waits for its call while 20,000 of `low` wait and fill the slots with calls of 50 ms. */
export async function benchLanes(): Promise<Figure> {
  return withService(async (service) => {
    const messages = `${service.matched}/api/v1/messages`;
    for (let sent = 0; sent < WAITING; sent += BATCH) {
      await post(`${messages}/batch`, { messages: Array.from({ length: BATCH }, () => message('low')) });
    }
    const waits: number[] = [];
    for (let probe = 0; probe < PROBES + WARM_UP; probe += 1) {
      // At any moment of the calls under way, not always just behind the end of one.
      await sleep(Math.random() * CALL_MS);
      const wait = await startedAfterMs(messages);
      if (probe >= WARM_UP) waits.push(wait);
    }
    const p99 = waits.sort((a, b) => a - b)[Math.ceil(PROBES * 0.99) - 1]!;
    return {
      what: `a realtime message's wait for its call behind ${WAITING} of low, p99`,
      ours: `${waits[PROBES / 2]} ms (median)`,
      theirs: '-',
      result: `${p99} ms`,
      target: `<= ${CALL_MS + ALLOWED_MS} ms`,
      met: p99 <= CALL_MS + ALLOWED_MS,
    };
  });
}

const message = (priority: string) => ({ user_id: 'bench', content: CONTENT, priority });

async function startedAfterMs(messages: string): Promise<number> {
  const { id } = await post(messages, message('realtime'));
  const response = await fetch(`${messages}/${id}?wait=30s`);
  const { started_at, created_at } = (await response.json()) as { started_at: string; created_at: string };
  return Date.parse(started_at) - Date.parse(created_at);
}

async function post(url: string, body: unknown): Promise<{ id: string }> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  if (response.status >= 300) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as { id: string };
}
