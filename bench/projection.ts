import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { decodeEvent, encodeEvent } from '../src/event-log/cloud-event.codec.js';
import type { EventLog, StoredEvent } from '../src/event-log/event-log.port.js';
import { type MessageEvent, messageEvent } from '../src/message/message.events.js';
import { readCheckpoint } from '../src/projection/checkpoint.js';
import { databaseOf, openDatabase } from '../src/projection/data-source.js';
import { foldLog } from '../src/projection/fold-log.js';

const URL = process.env['DATABASE_URL']!;
const MESSAGES = Number(process.argv[2] ?? 50_000);
const BATCH = Number(process.argv[3] ?? 2_000);
const SPREAD = Number(process.argv[4] ?? 500);
const decode = process.argv[5] === 'decode';

const newId = () => uuidv7();
function life(i: number): MessageEvent[] {
  const context = {
    messageId: uuidv7(),
    tenant: 'default',
    lane: 'normal' as const,
    now: new Date(1.79e12 + i).toISOString(),
    newId,
  };
  const request = { content: 'x'.repeat(500), model: 'demo', parameters: {} };
  return [
    messageEvent(context, 'llmq.message.received.v1', {
      request,
      stream: false,
      user_id: `user${i % 1000}`,
      conversation_id: i % 3 === 0 ? `c${i % 5000}` : null,
      requested_priority: 'normal',
      metadata: {},
      timeout_ms: 1000,
      max_retries: 3,
      deadline: null,
      source: 'rest',
    }),
    messageEvent(context, 'llmq.message.prioritized.v1', {
      priority: 'normal',
      reason: 'explicit',
      attempt: 1,
      received_sequence: null,
      timeout_ms: 1000,
      max_retries: 3,
      received_at: context.now,
      request,
    }),
    messageEvent(context, 'llmq.message.dispatched.v1', {
      attempt: 1,
      delivery: 1,
      worker: 'worker-1',
      endpoint: 'demo',
      model: 'demo',
      waited_ms: 12.5,
      endpoint_reason: 'least_busy',
    }),
    messageEvent(context, 'llmq.message.completed.v1', {
      attempt: 1,
      delivery: 1,
      answer: { role: 'assistant', content: 'y'.repeat(500) },
      finish_reason: 'stop',
      endpoint: 'demo',
      model: 'demo',
      usage: { prompt_tokens: 100, completion_tokens: 100 },
      queue_ms: 3,
      first_token_ms: 4,
      total_ms: 20,
    }),
  ];
}

function* history(): Generator<MessageEvent> {
  const open: MessageEvent[][] = [];
  for (let i = 0; i < MESSAGES || open.length > 0; i += 1) {
    if (i < MESSAGES) {
      const l = life(i);
      yield l.shift()!;
      yield l.shift()!;
      open.push(l);
    }
    if (open.length > SPREAD || i >= MESSAGES) {
      const l = open[0]!;
      yield l.shift()!;
      const m = open[Math.min(SPREAD >> 1, open.length - 1)]!;
      if (l.length === 0) open.shift();
      else {
        yield l.shift()!;
        open.shift();
      }
      void m;
    }
  }
}

const log: EventLog = {
  append: () => {
    throw new Error();
  },
  get: async () => null,
  lastSequence: async () => MESSAGES * 4,
  async *read(from, { signal, maxBatch }) {
    let sequence = 0;
    let batch: StoredEvent[] = [];
    for (const event of history()) {
      sequence += 1;
      if (sequence < from) continue;
      const e = decode ? decodeEvent(encodeEvent(event)) : event;
      batch.push({ sequence, event: e });
      if (batch.length >= Math.min(256, maxBatch)) {
        yield batch;
        batch = [];
        await new Promise((r) => setImmediate(r));
        if (signal.aborted) return;
      }
    }
    if (batch.length) yield batch;
  },
};
let t0 = performance.now();
let n = 0;
for (const e of history()) {
  n++;
  if (decode) decodeEvent(encodeEvent(e));
}
const gen = (performance.now() - t0) / 1000;
const schema = `bench_${randomUUID().slice(0, 8)}`;
const ds = await openDatabase({ url: URL, schema, poolSize: 4 });
const client = new pg.Client({ connectionString: databaseOf(ds).url, pipeline: true });
await client.connect();
await client.query('set synchronous_commit=off');
const from = await readCheckpoint(client, schema);
t0 = performance.now();
const abort = new AbortController();
let commits = 0;
let peak = 0;
const pid = (await client.query('select pg_backend_pid() p')).rows[0].p;
const pgcpu = () => {
  const f = readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ');
  return (Number(f[13]) + Number(f[14])) / 100;
};
const pg0 = pgcpu();
const cpu0 = process.cpuUsage();
await foldLog({ log, schema, client, dataSource: ds, maxBatch: BATCH }, from, abort.signal, (c) => {
  commits += 1;
  peak = Math.max(peak, process.memoryUsage().rss);
  if (c.sequence >= n) abort.abort();
});
const s = (performance.now() - t0) / 1000;
const cpu = process.cpuUsage(cpu0);
console.log({
  events: n,
  seconds: s,
  perSecond: Math.round(n / s),
  generateOnly: Math.round(n / gen),
  perSecondWithoutGeneration: Math.round(n / (s - gen)),
  commits,
  nodeCpu: (cpu.user + cpu.system) / 1e6,
  pgCpu: pgcpu() - pg0,
  peakMiB: Math.round(peak / 2 ** 20),
});
console.log(
  (
    await client.query(
      `select relname, pg_size_pretty(pg_total_relation_size(c.oid)) total, pg_size_pretty(pg_relation_size(c.oid)) heap from pg_class c where relnamespace='${schema}'::regnamespace and relkind='r'`,
    )
  ).rows,
);
await client.query(`drop schema ${schema} cascade`);
await client.end();
await ds.destroy();
