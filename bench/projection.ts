import pg from 'pg';
import { pino } from 'pino';
import { v7 as uuidv7 } from 'uuid';
import type { EventLog } from '../src/event-log/event-log.port.js';
import { ensureStreams } from '../src/event-log/jetstream/ensure-streams.js';
import { JetStreamEventLog } from '../src/event-log/jetstream/jetstream-event-log.js';
import { type MessageEvent, messageEvent } from '../src/message/message.events.js';
import { connectNats } from '../src/platform/nats/connect-nats.js';
import { readCheckpoint } from '../src/projection/checkpoint.js';
import { databaseOf, openDatabase } from '../src/projection/data-source.js';
import { foldLog } from '../src/projection/fold-log.js';
import { rebuild } from '../src/projection/rebuild.js';
import { startTestNats } from '../test/support/test-nats.js';
import { startTestPostgres } from '../test/support/test-postgres.js';

/**
 * Events a second: reading the log alone, folding it into tables as a projector does that is far behind, and a whole
 * rebuild with its indexes. Four events a message, 500 bytes of question and of answer, up to `OPEN` messages at once.
 *
 * `npm run bench` does not include it: `node src/bootstrap/run.js --with-nats-server bench/projection.ts [messages]`.
 */
const MESSAGES = Number(process.argv[2] ?? 50_000);
const OPEN = 1_000;
const EVENTS = 4 * MESSAGES;

const logger = pino({ level: 'silent' });
const [nats, postgres] = await Promise.all([startTestNats(), startTestPostgres({ fsync: true })]);
try {
  const connection = await connectNats({ nats }, logger);
  await ensureStreams(connection, 1);
  const log = new JetStreamEventLog(connection, logger, {
    appendTimeoutMs: 60_000,
    appendBufferBytes: 64 * 1024 * 1024,
  });
  await fill(log);
  const end = await log.lastSequence();
  const read = await measured(() => readAll(log, end));
  const dataSource = await openDatabase({ url: postgres.url, schema: 'llmq', poolSize: 2 });
  const live = await measured(() => foldAll(log, end, dataSource));
  const { url, schema } = databaseOf(dataSource);
  const rebuilt = await measured(() =>
    rebuild({
      ...{ log, database: { url, schema }, resume: false, maxBatch: 5_000 },
      signal: new AbortController().signal,
      onProgress: () => {},
    }),
  );
  console.table({ 'read the log': read, 'fold it, live tables': live, rebuild: rebuilt });
  await dataSource.destroy();
  await log.close();
  await connection.close();
} finally {
  await Promise.all([nats.stop(), postgres.stop()]);
}

async function measured(work: () => Promise<unknown>) {
  let peak = 0;
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, 50);
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  await work();
  const seconds = (performance.now() - startedAt) / 1_000;
  clearInterval(watch);
  const { user, system } = process.cpuUsage(cpu);
  return {
    'events/s': Math.round(EVENTS / seconds),
    seconds: Number(seconds.toFixed(2)),
    'own CPU, us/event': Number(((user + system) / EVENTS).toFixed(1)),
    'peak MiB': Math.round(peak / 2 ** 20),
  };
}

async function readAll(log: EventLog, end: number): Promise<void> {
  const done = new AbortController();
  for await (const batch of log.read(1, { signal: done.signal, maxBatch: 2_000 })) {
    if (batch[batch.length - 1]!.sequence >= end) done.abort();
  }
}

async function foldAll(
  log: EventLog,
  end: number,
  dataSource: Awaited<ReturnType<typeof openDatabase>>,
): Promise<void> {
  const { url, schema } = databaseOf(dataSource);
  const client = new pg.Client({ connectionString: url, pipeline: true });
  await client.connect();
  await client.query('SET synchronous_commit = off');
  const done = new AbortController();
  const target = { log, schema, client, dataSource, maxBatch: 2_000 };
  await foldLog(target, await readCheckpoint(client, schema), done.signal, ({ sequence }) => {
    if (sequence >= end) done.abort();
  });
  await client.end();
}

/** Each message is received now and answered `OPEN` messages later, as in a busy service. */
async function fill(log: EventLog): Promise<void> {
  const lives = Array.from({ length: MESSAGES }, () => null as MessageEvent[] | null);
  let appending: Promise<unknown>[] = [];
  for (let index = 0; index < MESSAGES + OPEN; index += 1) {
    const done = index - OPEN;
    const events: MessageEvent[] = [];
    if (index < MESSAGES) {
      lives[index] = life(index);
      events.push(...lives[index]!.slice(0, 2));
    }
    if (done >= 0) {
      events.push(...lives[done]!.slice(2));
      lives[done] = null;
    }
    appending.push(log.append(events));
    if (appending.length >= 2_000) {
      await Promise.all(appending);
      appending = [];
    }
  }
  await Promise.all(appending);
}

function life(index: number): MessageEvent[] {
  const now = new Date(Date.UTC(2026, 0, 1) + index).toISOString();
  const context = { messageId: uuidv7(), tenant: 'default', lane: 'normal' as const, now, newId: uuidv7 };
  const request = { content: 'x'.repeat(500), model: 'demo', parameters: {} };
  const limits = { timeout_ms: 300_000, max_retries: 3 };
  const call = { attempt: 1, delivery: 1, endpoint: 'demo', model: 'demo' };
  return [
    messageEvent(context, 'llmq.message.received.v1', {
      ...{ ...limits, request, stream: false, requested_priority: 'normal', metadata: {}, deadline: null },
      user_id: `user-${index % 1_000}`,
      conversation_id: index % 3 === 0 ? `conversation-${index % 5_000}` : null,
      source: 'rest',
    }),
    messageEvent(context, 'llmq.message.prioritized.v1', {
      ...{ ...limits, priority: 'normal', reason: 'explicit', attempt: 1, received_sequence: null },
      ...{ received_at: now, request },
    }),
    messageEvent(context, 'llmq.message.dispatched.v1', {
      ...{ ...call, worker: 'worker-1', waited_ms: 12.5, endpoint_reason: 'least_busy' },
    }),
    messageEvent(context, 'llmq.message.completed.v1', {
      ...{ ...call, answer: { role: 'assistant', content: 'y'.repeat(500) }, finish_reason: 'stop' },
      usage: { prompt_tokens: 100, completion_tokens: 100 },
      ...{ queue_ms: 12.5, first_token_ms: 30, total_ms: 120 },
    }),
  ];
}
