import pg from 'pg';
import { type BenchChild, startServiceChild } from './child.js';
import { median } from './closed-loop.js';
import type { Figure } from './figure.js';
import { startBenchServers } from './servers.js';

/** Fewer for a short look: `BENCH_EVENTS=100000`. */
const EVENTS = Number(process.env['BENCH_EVENTS'] ?? 10_000_000);
const TURNS = 10_000;
const BATCH = 1_000;
const PAGE = 100;
const PROBES = 50;
const EDGE_PAGES = 10;

/** What a reader of history waits for: one message's timeline among many events, and pages of a long conversation. */
export async function benchReads(): Promise<Figure[]> {
  const servers = await startBenchServers();
  const service = await startServiceChild({ ...servers.env, LLMQ_ROLES: 'api,projector' });
  try {
    const ids = await submitted(service, PROBES, {});
    await fillEvents(servers.databaseUrl);
    const timeline = await timelineMs(service, ids);
    const conversation = await post(service, 'conversations', { user_id: 'bench' });
    await submitted(service, TURNS, { conversation_id: conversation['id'] });
    return [timeline, await pages(service, String(conversation['id']))];
  } finally {
    await service.stop();
    await servers.stop();
  }
}

/** Rows of other messages, four events each, by SQL: filling the log itself would take most of an hour. */
async function fillEvents(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(
      `INSERT INTO llmq.message_events (message_id, sequence, type, time)
        SELECT md5((n / 4)::text)::uuid, 1000000000 + n, 'llmq.message.dispatched.v1', now()
        FROM generate_series(1, $1::int) n`,
      [EVENTS],
    );
    await client.query('ANALYZE llmq.message_events');
  } finally {
    await client.end();
  }
}

async function timelineMs(service: BenchChild, ids: readonly string[]): Promise<Figure> {
  const times: number[] = [];
  for (const id of ids) {
    const { ms, body } = await get(service, `messages/${id}/events`);
    if (!JSON.stringify(body).includes('llmq.message.received.v1')) throw new Error(`${id} has no timeline`);
    times.push(ms);
  }
  const slowest = Math.max(...times);
  return {
    what: `the timeline of one message among ${EVENTS} events, slowest of ${PROBES}`,
    ours: `${median(times).toFixed(1)} ms (median)`,
    ...{ theirs: '-', result: `${slowest.toFixed(1)} ms`, target: '< 50 ms', met: slowest < 50 },
  };
}

async function pages(service: BenchChild, conversation: string): Promise<Figure> {
  const first: number[] = [];
  const last: number[] = [];
  // The first walk is for caches of connections and plans.
  for (let walk = 0; walk < 3; walk += 1) {
    const times = await walkPages(service, conversation);
    if (walk === 0) continue;
    first.push(...times.slice(0, EDGE_PAGES));
    last.push(...times.slice(-EDGE_PAGES));
  }
  const ratio = median(last) / median(first);
  return {
    what: `a page at the end of ${TURNS} turns, against one at the start`,
    ours: `${median(last).toFixed(1)} ms`,
    theirs: `${median(first).toFixed(1)} ms`,
    ...{ result: ratio.toFixed(2), target: '<= 1.3', met: ratio <= 1.3 },
  };
}

async function walkPages(service: BenchChild, conversation: string): Promise<number[]> {
  const times: number[] = [];
  let turns = 0;
  let cursor: unknown = null;
  do {
    const query = `limit=${PAGE}${cursor === null ? '' : `&cursor=${cursor}`}`;
    const { ms, body } = await get(service, `conversations/${conversation}/messages?${query}`);
    times.push(ms);
    turns += (body['data'] as unknown[]).length;
    cursor = body['next_cursor'] ?? null;
  } while (cursor !== null);
  if (turns !== TURNS) throw new Error(`The pages hold ${turns} of ${TURNS} turns.`);
  return times;
}

/** Returns the ids; they are in the tables when it does. */
async function submitted(service: BenchChild, count: number, more: object): Promise<string[]> {
  const ids: string[] = [];
  while (ids.length < count) {
    const message = { user_id: 'bench', content: 'What is a queue?', ...more };
    const messages = Array.from({ length: Math.min(BATCH, count - ids.length) }, () => message);
    const answer = await post(service, 'messages/batch', { messages });
    const results = answer['results'] as { message?: { id: string }; id?: string }[];
    ids.push(...results.map(({ id, message: accepted }) => id ?? accepted!.id));
  }
  await get(service, `messages/${ids[ids.length - 1]}`);
  return ids;
}

async function get(
  service: BenchChild,
  path: string,
): Promise<{ ms: number; body: Record<string, unknown> }> {
  const started = performance.now();
  // The time of a read alone: `fetch` asks for compressed answers by itself.
  const headers = { 'accept-encoding': 'identity' };
  const response = await fetch(`${service.matched}/api/v1/${path}`, { headers });
  const text = await response.text();
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${text.slice(0, 500)}`);
  return { ms: performance.now() - started, body: JSON.parse(text) };
}

async function post(service: BenchChild, path: string, body: object): Promise<Record<string, unknown>> {
  const headers = { 'content-type': 'application/json' };
  const url = `${service.matched}/api/v1/${path}`;
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${text.slice(0, 500)}`);
  return JSON.parse(text);
}
