import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { streamSequenceOf } from '../../src/log/log-position.js';
import { eventually } from '../support/eventually.js';
import { runLlmq } from '../support/llmq-command.js';
import { queryPostgres } from '../support/server-clients.js';
import { type RunningService, startService } from '../support/service.js';
import { type ServiceAddresses, serviceAddresses } from '../support/service-addresses.js';

/** Short enough for one piece of an answer, which repeats it. */
const SECRET = 'zq7secret';

let service: RunningService;
let addresses: ServiceAddresses;
let nats: NatsConnection;

beforeAll(async () => {
  service = await startService({
    config: {
      queue: { retry: { base_delay_ms: 600_000, max_delay_ms: 600_000 } },
      conversation: { sweep_interval_ms: 100 },
    },
  });
  addresses = await serviceAddresses(service.dataDir);
  const { url, user, password } = addresses.nats;
  nats = await connect({ servers: url, user, pass: password });
  const other = await call('POST', '/api/v1/messages', { user_id: 'hugo', content: '[[demo:fail 400]]' });
  bystander = other.json.id;
  expect((await call('GET', `/api/v1/messages/${bystander}?wait=60s`)).json.status).toBe('failed');
});
afterAll(async () => {
  await nats?.close();
  await service?.stop();
});

async function call(method: string, path: string, body?: object, more: Record<string, string> = {}) {
  const response = await fetch(`${service.baseUrl}${path}`, {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...more,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes.
  return { status: response.status, text, json: (text.startsWith('{') ? JSON.parse(text) : text) as any };
}

let bystander: string;

it('leaves nothing of a conversation in any stream, bucket or table, whatever its messages were doing', async () => {
  const fields = { user_id: 'gina', title: SECRET, context: SECRET, metadata: { [SECRET]: SECRET } };
  const create = () => call('POST', '/api/v1/conversations', fields, { 'idempotency-key': 'make' });
  const made = await create();
  const again = await create();
  expect([again.status, again.text]).toEqual([201, made.text]);
  const { id } = made.json;
  const send = async (content: string, more: object = {}) => {
    const path = `/api/v1/conversations/${id}/messages`;
    const sent = await call(
      'POST',
      path,
      { content: `${content} ${SECRET}`, ...more },
      { 'idempotency-key': content },
    );
    expect(sent.status).toBe(202);
    return sent.json.id as string;
  };
  const state = async (message: string) => (await call('GET', `/api/v1/messages/${message}`)).json.status;

  const chat = { model: 'demo', stream: true, messages: [{ role: 'user', content: SECRET }] };
  const streamed = await call('POST', '/v1/chat/completions', chat, {
    'x-llmq-conversation-id': id,
    'idempotency-key': 'chat',
  });
  expect(streamed.text).toContain(SECRET);
  const dead = await send('[[demo:fail 400]]');
  await eventually(async () => expect(await state(dead)).toBe('failed'));
  // What comes after it waits for it, and what is delayed is scheduled all the same.
  const retried = await send('[[demo:fail 500]]');
  await eventually(async () => expect(await state(retried)).toBe('scheduled'));
  const delayed = await send('later', { delay: '1h' });
  const copy = { user_id: 'gina', content: SECRET, replay_of: dead, delay: '1h' };
  const repeated = (await call('POST', '/api/v1/messages', copy)).json.id;
  const held = await send('behind the retried one');
  await eventually(async () => {
    // It is all there, so that the search is known to find it.
    expect(await streamsWith(SECRET)).toEqual(['LLMQ_CHUNKS', 'LLMQ_EVENTS']);
    expect(await countOf('LLMQ_SCHEDULES')).toBe(3);
    expect(await tablesWith(SECRET)).toEqual([
      'llmq.conversations',
      'llmq.message_requests',
      'llmq.message_results',
      // The metadata, in the view for analysts.
      'llmq_read.conversations',
    ]);
  });

  const erased = await call('DELETE', `/api/v1/conversations/${id}`);
  expect(erased).toMatchObject({ status: 202, json: { messages: 6 } });
  await eventually(async () => {
    expect(await streamsWith(SECRET)).toEqual([]);
    expect(await countOf('LLMQ_SCHEDULES')).toBe(0);
    expect(await countOf('LLMQ_CHUNKS')).toBe(0);
    expect(await tablesWith(SECRET)).toEqual([]);
    expect(await filesWith(SECRET, join(service.dataDir, 'nats'))).toEqual([]);
  });
  for (const message of [dead, delayed, retried, held, repeated]) expect(await state(message)).toBe(404);
  // Read from a message before the erasure, and submitted after it.
  const late = await call('POST', '/api/v1/messages', copy);
  expect(late).toMatchObject({ status: 422, json: { field: 'replay_of' } });
  await eventually(async () => {
    expect(await streamsWith(SECRET)).toEqual([]);
    expect(await countOf('LLMQ_SCHEDULES')).toBe(0);
    expect(await tablesWith(SECRET)).toEqual([]);
  });
  expect(await create()).toMatchObject({ status: 404, json: { code: 'not_found' } });
  expect(service.logs()).not.toContain(SECRET);
});

it('tells an auditor what an erasure took out of the log, and nothing else that is lost before it', async () => {
  const verify = async () => {
    const { code, output } = await runLlmq(service.dataDir, 'events', 'verify', '--json');
    return { code, ...JSON.parse(output) };
  };
  // The second erasure of the last message may still be under way.
  await eventually(async () =>
    expect(await verify()).toMatchObject({ code: 0, ok: true, counts: { erased: expect.any(Number) } }),
  );
  const { streams } = await jetstreamManager(nats);
  const records = await call('GET', `/api/v1/messages/${bystander}/events`);
  const ended = records.json.data.find(({ type }: { type: string }) => type.includes('dead-lettered'));
  await streams.deleteMessage('LLMQ_EVENTS', streamSequenceOf(ended.sequence));
  const { code, counts, findings } = await verify();
  expect(code).toBe(1);
  expect(counts).toMatchObject({ gap: 1, index_differs: 1, row_differs: 1 });
  const gap = findings.find(({ rule }: { rule: string }) => rule === 'gap');
  expect(streamSequenceOf(gap.sequence)).toBe(streamSequenceOf(ended.sequence));
});

async function countOf(stream: string): Promise<number> {
  return (await (await jetstreamManager(nats)).streams.info(stream)).state.messages;
}

/** Buckets are streams too. */
async function streamsWith(text: string): Promise<string[]> {
  const { streams } = await jetstreamManager(nats);
  const found: string[] = [];
  for await (const { config, state } of streams.list()) {
    for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq += 1) {
      const stored = await streams.getMessage(config.name, { seq });
      const held = stored === null ? '' : `${stored.subject} ${stored.header} ${stored.string()}`;
      if (!held.includes(text)) continue;
      found.push(config.name);
      break;
    }
  }
  return found.sort();
}

async function tablesWith(text: string): Promise<string[]> {
  const tables = (await queryPostgres(
    addresses.databaseUrl,
    `SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables
      WHERE table_schema NOT IN ('pg_catalog', 'information_schema')`,
  )) as { name: string }[];
  const found: string[] = [];
  for (const { name } of tables) {
    const sql = `SELECT 1 FROM ${name} t WHERE t::text LIKE '%${text}%' LIMIT 1`;
    if ((await queryPostgres(addresses.databaseUrl, sql)).length > 0) found.push(name);
  }
  return found.sort();
}

async function filesWith(text: string, folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const found: string[] = [];
  for (const entry of entries.filter((one) => one.isFile())) {
    const path = join(entry.parentPath, entry.name);
    // One that goes away meanwhile holds nothing any more.
    if ((await readFile(path, 'latin1').catch(() => '')).includes(text)) found.push(path);
  }
  return found;
}
