import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { eventually } from '../support/eventually.js';
import { type RecordingModel, startRecordingModel } from '../support/recording-model.js';
import { type RunningService, startService } from '../support/service.js';
import type { ServiceAddresses } from '../support/service-addresses.js';
import { startTestNats } from '../support/test-nats.js';
import { startTestPostgres } from '../support/test-postgres.js';
import { rounds } from './rounds.js';
import { readLog } from './story.js';

const LONG = rounds(0) >= 20;
const CONVERSATIONS = LONG ? 200 : 24;
const TURNS = LONG ? 20 : 6;
const CONNECTIONS = 8;
const WORKERS = 3;
const KILL_EVERY_MS = 2_000;

const answerTo = (question: string) => `answer to ${question}`;
const question = (conversation: string, turn: number) => `${conversation} turn ${turn}`;

interface Row {
  id: string;
  conversation_id: string;
  status: string;
  content: string;
  answer: string | null;
  results: string;
}

/** Everything between the processes: their servers, and a model that fails now and then. */
async function startSurroundings() {
  const [nats, postgres] = await Promise.all([startTestNats(), startTestPostgres()]);
  const model = await startRecordingModel({ failing: 0.1, takesMs: 5, answer: answerTo });
  const env = {
    NATS_URL: nats.url,
    NATS_USER: nats.user,
    NATS_PASSWORD: nats.password,
    DATABASE_URL: postgres.url,
    ENDPOINTS: JSON.stringify([{ name: 'model', base_url: model.url, models: ['m'], max_concurrency: 64 }]),
  };
  const config = {
    conversation: { max_context_tokens: 100_000 },
    queue: { worker: { ack_wait_ms: 1_500 }, retry: { base_delay_ms: 50, max_delay_ms: 200 } },
  };
  return {
    model,
    addresses: { nats, databaseUrl: postgres.url } satisfies ServiceAddresses,
    start: (roles: string) => startService({ env: { ...env, LLMQ_ROLES: roles }, config }),
    stop: async () => {
      await model.close();
      await nats.stop();
      await postgres.stop();
    },
  };
}

async function submit(baseUrl: string, path: string, body: object): Promise<string> {
  const response = await fetch(`${baseUrl}/api/v1${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const json = (await response.json()) as { id: string };
  if (!response.ok) throw new Error(`${response.status} ${JSON.stringify(json)}`);
  return json.id;
}

/** Each connection has its conversations, and sends all their first turns, then all their second ones, without waiting. */
async function submitAll(baseUrl: string, conversations: readonly string[]): Promise<void> {
  const connection = async (first: number) => {
    for (let turn = 0; turn < TURNS; turn += 1) {
      for (let index = first; index < conversations.length; index += CONNECTIONS) {
        const conversation = conversations[index]!;
        const content = question(conversation, turn);
        const priority = ['high', 'normal', 'low'][turn % 3];
        const message = { user_id: 'u', conversation_id: conversation, content, priority, max_retries: 50 };
        await submit(baseUrl, '/messages', message);
      }
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, (_, first) => connection(first)));
}

/** Kills one worker after the other, each in its turn replaced, until told to stop. */
async function killWorkers(
  workers: RunningService[],
  start: () => Promise<RunningService>,
  signal: AbortSignal,
) {
  for (let turn = 0; !signal.aborted; turn += 1) {
    await sleep(KILL_EVERY_MS, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    const index = turn % workers.length;
    await workers[index]!.kill('SIGKILL');
    workers[index] = await start();
  }
}

async function rowsOf(databaseUrl: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<Row>(
      `SELECT m.id, q.conversation_id, m.status, q.request->>'content' AS content, r.answer->>'content' AS answer,
          (SELECT count(*) FROM llmq.message_results WHERE message_id = m.id) AS results
        FROM llmq.messages m JOIN llmq.message_requests q ON q.message_id = m.id
        LEFT JOIN llmq.message_results r ON r.message_id = m.id
        ORDER BY q.sequence`,
    );
    return rows;
  } finally {
    await client.end();
  }
}

function brokenOrder(model: RecordingModel, conversations: readonly string[]): string[] {
  const broken: string[] = [];
  const reached = new Map<string, number>();
  for (const { messages, answered } of model.calls) {
    const asked = messages.at(-1)!.content;
    const [, conversation, number] = /^(\S+) turn (\d+)$/.exec(asked)!;
    const turn = Number(number);
    const expected = Array.from({ length: turn }, (_, earlier) => question(conversation!, earlier)).flatMap(
      (each) => [
        { role: 'user', content: each },
        { role: 'assistant', content: answerTo(each) },
      ],
    );
    if (JSON.stringify(messages.slice(0, -1)) !== JSON.stringify(expected)) {
      broken.push(
        `${asked} was called with ${JSON.stringify(messages.slice(0, -1).map(({ content }) => content))}`,
      );
    }
    const before = reached.get(conversation!) ?? 0;
    if (turn < before) broken.push(`${asked} was called again after turn ${before}`);
    if (answered) reached.set(conversation!, turn);
  }
  for (const conversation of conversations) {
    if (reached.get(conversation) !== TURNS - 1) broken.push(`${conversation} was not finished`);
  }
  return broken;
}

/** What the log and the model know of the conversations that something is wrong with, by time. */
async function told(
  addresses: ServiceAddresses,
  model: RecordingModel,
  rows: readonly Row[],
  broken: readonly string[],
): Promise<string[]> {
  const conversations = new Set(broken.map((line) => line.split(' ')[0]));
  const contents = new Map(
    rows
      .filter((row) => conversations.has(row.conversation_id))
      .map(({ id, content }) => [id, content] as const),
  );
  const lines: string[] = [];
  for await (const { event, sequence } of readLog(addresses)) {
    const content = contents.get(event.subject);
    if (content !== undefined)
      lines.push(
        `${event.time} ${content}: ${event.type} at ${sequence} ${JSON.stringify(event.data).slice(0, 300)}`,
      );
  }
  for (const { messages, atMs, answered } of model.calls) {
    const content = messages.at(-1)!.content;
    if (conversations.has(content.split(' ')[0]))
      lines.push(`${new Date(atMs).toISOString()} ${content}: called, ${answered ? '' : 'not '}answered`);
  }
  return lines.sort();
}

describe(`${CONVERSATIONS} conversations of ${TURNS} turns, ${WORKERS} workers of which one is killed every 2 s`, () => {
  it('answers every turn once, in the order accepted, with exactly the turns before it', async () => {
    const around = await startSurroundings();
    const api = await around.start('api,projector');
    const workers = await Promise.all(Array.from({ length: WORKERS }, () => around.start('worker')));
    const ending = new AbortController();
    const killing = killWorkers(workers, () => around.start('worker'), ending.signal);
    try {
      const conversations = await newConversations(api.baseUrl);
      await submitAll(api.baseUrl, conversations);
      const rows = await eventually(
        async () => {
          const all = await rowsOf(around.addresses.databaseUrl);
          const open = all.filter(({ status }) => status !== 'completed');
          if (all.length < CONVERSATIONS * TURNS || open.length > 0) {
            throw new Error(
              `${all.length} messages, not completed: ${open.length} ${JSON.stringify(open[0])}`,
            );
          }
          return all;
        },
        { withinMs: LONG ? 600_000 : 300_000, everyMs: 500 },
      );
      expect(rows.filter(({ results }) => Number(results) !== 1)).toEqual([]);
      expect(rows.filter(({ content, answer }) => answer !== answerTo(content))).toEqual([]);
      const broken = brokenOrder(around.model, conversations);
      if (broken.length > 0) broken.push(...(await told(around.addresses, around.model, rows, broken)));
      expect(broken).toEqual([]);
    } finally {
      ending.abort();
      await killing;
      for (const service of [...workers, api]) await service.stop();
      await around.stop();
    }
  }, 900_000);
});

function newConversations(baseUrl: string): Promise<string[]> {
  const body = { user_id: 'u', title: 'in order' };
  return Promise.all(Array.from({ length: CONVERSATIONS }, () => submit(baseUrl, '/conversations', body)));
}
