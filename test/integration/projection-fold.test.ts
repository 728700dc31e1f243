import { jest } from '@jest/globals';
import fc from 'fast-check';
import pg from 'pg';
import type { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { messageEvent } from '../../src/domain/message/message.events.js';
import { foldLog } from '../../src/projection/fold/fold-log.js';
import { HeldTurns } from '../../src/projection/fold/held-turns.js';
import { ConversationReader } from '../../src/projection/read/conversation-reader.js';
import { MessageReader } from '../../src/projection/read/message-reader.js';
import { readCheckpoint } from '../../src/projection/tables/checkpoint.js';
import { databaseOf } from '../../src/projection/tables/data-source.js';
import type { BatchWriter } from '../../src/projection/write/batch-writer.port.js';
import { RowWriter } from '../../src/projection/write/row-writer.js';
import { startTestPostgres, type TestPostgres } from '../support/test-postgres.js';
import { digests, foldToEnd, openSchema } from './projection.database.js';
import {
  ArrayLog,
  cancelled,
  completed,
  deadLettered,
  dispatched,
  life,
  received,
  requeued,
  tangledLog,
  withConversations,
} from './projection.fixture.js';

const NOW = '2026-01-01T00:00:00.000Z';
const HELD = 'llmq.message.held.v1';

let postgres: TestPostgres;
let opened: DataSource[] = [];

beforeAll(async () => {
  postgres = await startTestPostgres();
});
afterEach(async () => {
  for (const dataSource of opened) {
    await dataSource.query(`DROP SCHEMA "${(dataSource.options as { schema: string }).schema}" CASCADE`);
    await dataSource.destroy();
  }
  opened = [];
});
afterAll(() => postgres?.stop());

async function tables(): Promise<DataSource> {
  const dataSource = await openSchema(postgres.url);
  opened = [...opened, dataSource];
  return dataSource;
}

async function projected(log: ArrayLog) {
  const dataSource = await tables();
  await foldToEnd(dataSource, log, 100);
  return { dataSource, reader: new MessageReader(dataSource) };
}

it('gives the same rows for any batch sizes, and for a fold that is broken off and taken up again', async () => {
  const log = new ArrayLog();
  await log.append(withConversations(tangledLog(120, 7)));
  const whole = await tables();
  await foldToEnd(whole, log, 10_000);
  const expected = await digests(whole);
  const erased = Number(expected['erased_messages']!.split(' ')[0]);
  expect(erased).toBeGreaterThan(2);
  expect(expected['messages']).toMatch(new RegExp(`^${120 - erased} `));
  expect(expected['conversations']).toMatch(/^5 /);
  const counted = ['message_events', 'conversation_events', 'erasure_queue'].map((table) => expected[table]!);
  expect(counted.reduce((sum, digest) => sum + Number(digest.split(' ')[0]), 0)).toBe(log.stored.length);

  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 6 }),
      async (sizes) => {
        const dataSource = await tables();
        const growing = new ArrayLog();
        for (let at = 0, cut = 0; at < log.stored.length; cut += 1) {
          const size = sizes[cut % sizes.length]!;
          // Each part is folded by a new run, which knows only what is in the tables.
          const part = log.stored.slice(at, at + size * 4);
          await growing.append(part.map(({ event }) => event));
          await foldToEnd(dataSource, growing, size);
          at += part.length;
        }
        expect(await digests(dataSource)).toEqual(expected);
      },
    ),
    { numRuns: 8 },
  );
});

it('gives the same rows when a rebuild copies them, in transactions of any length', async () => {
  const log = new ArrayLog();
  await log.append(withConversations(tangledLog(120, 8)));
  const live = await tables();
  await foldToEnd(live, log, 50);
  const expected = await digests(live);
  const size = fc.integer({ min: 1, max: 300 });
  await fc.assert(
    fc.asyncProperty(size, fc.integer({ min: 20, max: 1_000 }), async (maxBatch, copiedAtATime) => {
      const dataSource = await tables();
      await foldToEnd(dataSource, log, maxBatch, copiedAtATime);
      expect(await digests(dataSource)).toEqual(expected);
    }),
    { numRuns: 8, examples: [[300, 10_000]] },
  );
});

describe.each([
  ['the live projector', null],
  ['a rebuild', 20],
] as const)('the look at what is there, of %s', (_, copiedAtATime) => {
  const looks = (queries: jest.SpiedFunction<DataSource['query']>) =>
    queries.mock.calls.filter(([text]) => /FROM "\w+"\.messages m/.test(text)).length;

  it('is spared for messages that are received', async () => {
    const dataSource = await tables();
    const log = new ArrayLog();
    for (let message = 0; message < 50; message += 1) await log.append(life(uuidv7()));
    const queries = jest.spyOn(dataSource, 'query');
    await foldToEnd(dataSource, log, 10, copiedAtATime);
    expect(looks(queries)).toBe(0);
    expect((await digests(dataSource))['messages']).toMatch(/^50 /);
  });

  it('is taken from where a message was received a second time, which changes nothing', async () => {
    const dataSource = await tables();
    const log = new ArrayLog();
    const [twice, later] = [uuidv7(), uuidv7()];
    await log.append(life(twice, { content: 'first' }));
    for (let message = 0; message < 20; message += 1) await log.append(life(uuidv7()));
    await foldToEnd(dataSource, log, 10, copiedAtATime);
    const reader = new MessageReader(dataSource);
    const before = await reader.find('default', twice);
    for (let message = 0; message < 20; message += 1) await log.append(life(uuidv7()));
    await log.append([...received(twice, { content: 'second' }), ...life(later)]);
    for (let message = 0; message < 20; message += 1) await log.append(life(uuidv7()));
    const queries = jest.spyOn(dataSource, 'query');
    await foldToEnd(dataSource, log, 10, copiedAtATime);
    expect(looks(queries)).toBeGreaterThan(0);
    expect(before).toMatchObject({ status: 'completed' });
    expect(await reader.find('default', twice)).toEqual(before);
    const { schema } = dataSource.options as { schema: string };
    const asked = await dataSource.query(
      `SELECT request ->> 'content' AS content FROM "${schema}".message_requests WHERE message_id = $1`,
      [twice],
    );
    expect(asked).toEqual([{ content: 'first' }]);
    expect(await reader.find('default', later)).toMatchObject({ status: 'completed' });
  });
});

it('counts the first terminal event, and keeps what came after it out of the answer', async () => {
  const log = new ArrayLog();
  const [late, twice] = [uuidv7(), uuidv7()];
  await log.append([...received(late), dispatched(late), cancelled(late), completed(late)]);
  await log.append([
    ...received(twice),
    dispatched(twice),
    dispatched(twice, 1, 2),
    completed(twice, 1, 2, { answer: 'first' }),
    completed(twice, 1, 1, { answer: 'second' }),
  ]);
  const { dataSource, reader } = await projected(log);
  expect(await reader.find('default', late)).toMatchObject({ status: 'cancelled', result: null });
  expect(await reader.find('default', twice)).toMatchObject({
    status: 'completed',
    attempts: 2,
    result: { answer: { content: 'first' }, usage: { prompt_tokens: 3, completion_tokens: 5 } },
  });
  const ends = await dataSource.query(
    `SELECT delivery, outcome FROM "${(dataSource.options as { schema: string }).schema}".attempts
      WHERE message_id = $1 ORDER BY delivery`,
    [twice],
  );
  expect(ends).toEqual([
    { delivery: 1, outcome: 'completed' },
    { delivery: 2, outcome: 'completed' },
  ]);
});

it('shows no answer between a requeue and the next one', async () => {
  const log = new ArrayLog();
  const id = uuidv7();
  await log.append([...life(id, { answer: 'old' }), requeued(id)]);
  const { dataSource, reader } = await projected(log);
  expect(await reader.find('default', id)).toMatchObject({
    status: 'pending',
    result: null,
    completedAt: null,
  });
  await log.append([dispatched(id, 1, 2), completed(id, 1, 2, { answer: 'new' })]);
  await foldToEnd(dataSource, log, 100);
  expect(await reader.find('default', id)).toMatchObject({ result: { answer: { content: 'new' } } });
  await log.append([requeued(id), deadLettered(id)]);
  await foldToEnd(dataSource, log, 100);
  expect(await reader.find('default', id)).toMatchObject({
    status: 'failed',
    result: null,
    error: { code: 'endpoint_error' },
  });
});

it('stores any text, and is stopped by none', async () => {
  const strange = 'a\u0000b\ud800c\udc00\u{1F600}"\\\n\u2028é中';
  const log = new ArrayLog();
  const id = uuidv7();
  await log.append(
    life(id, {
      ...{ content: strange, answer: strange, model: `m${strange}`, metadata: { [strange]: strange } },
      ...{ userId: `u${strange}${'x'.repeat(9_000)}`, conversationId: `c${strange}`, tenant: `t${strange}` },
    }),
  );
  const neighbour = uuidv7();
  await log.append(life(neighbour));
  const { reader } = await projected(log);
  const view = await reader.find(`t${strange}`, id);
  expect(view).toMatchObject({
    content: strange,
    metadata: { [strange]: strange },
    result: { answer: { content: strange } },
    conversationId: 'ca\uFFFDb\uFFFDc\uFFFD\u{1F600}"\\\n\u2028é中',
  });
  // The same text finds the row again, cut and replaced as it was when it was written.
  const page = await reader.list(
    { tenant: `t${strange}`, userId: `u${strange}${'x'.repeat(9_000)}` },
    'newest_first',
    10,
    null,
  );
  expect(page.data.map((message) => message.id)).toEqual([id]);
  expect(await reader.find('default', neighbour)).toMatchObject({ status: 'completed' });
});

it('stores numbers and times at the ends of their ranges', async () => {
  const log = new ArrayLog();
  const id = uuidv7();
  const events = life(id);
  Object.assign(events[0]!.data, {
    max_retries: Number.MAX_SAFE_INTEGER,
    timeout_ms: 1e300,
    deadline: '0000-01-01T00:00:00Z',
  });
  Object.assign(events[3]!.data, {
    usage: { prompt_tokens: Number.MAX_SAFE_INTEGER, completion_tokens: 0 },
    total_ms: 1e-300,
  });
  await log.append(events);
  const { dataSource, reader } = await projected(log);
  expect(await reader.find('default', id)).toMatchObject({
    result: { usage: { prompt_tokens: Number.MAX_SAFE_INTEGER } },
  });
  const [row] = await dataSource.query(
    `SELECT to_char(deadline AT TIME ZONE 'UTC', 'YYYY BC') AS year FROM "${(dataSource.options as { schema: string }).schema}".message_requests`,
  );
  expect(row.year).toBe('0001 BC');
});

it('writes many long requests whole', async () => {
  const log = new ArrayLog();
  const ids = Array.from({ length: 24 }, () => uuidv7());
  const content = 'é'.repeat(500_000);
  for (const id of ids) await log.append(life(id, { content }));
  const dataSource = await tables();
  await foldToEnd(dataSource, log, 1_000);
  const reader = new MessageReader(dataSource);
  expect((await reader.find('default', ids[23]!))?.content).toBe(content);
  expect((await digests(dataSource))['message_requests']).toMatch(/^24 /);
});

describe('a turn that is requeued', () => {
  const conversationId = uuidv7();
  const [first, second] = [uuidv7(), uuidv7()];
  const held = (id: string, behind: string) =>
    messageEvent({ ...cancelled(id), messageId: id, now: NOW, newId: uuidv7 }, HELD, { behind });
  const events = [
    ...received(first, { conversationId }),
    ...received(second, { conversationId }),
    held(second, first),
    deadLettered(first),
    requeued(first),
  ];

  it.each([1, 2, 100])('stands behind those that it was before, in batches of %d', async (maxBatch) => {
    const log = new ArrayLog();
    await log.append(events);
    const dataSource = await tables();
    await foldToEnd(dataSource, log, maxBatch);
    const reader = new ConversationReader(dataSource);
    const turns = await reader.turns('default', conversationId, { limit: 10 });
    expect(turns.map(({ messageId, place }) => [messageId, place])).toEqual([
      [first, log.stored.at(-1)!.sequence],
      [second, log.stored[2]!.sequence],
    ]);
    expect(await reader.placeOf(first)).toBe(log.stored.at(-1)!.sequence);
  });

  it('lets go of the turns that were held behind it, and tells of them', async () => {
    const log = new ArrayLog();
    await log.append(events);
    const dataSource = await tables();
    const moved = await foldToEnd(dataSource, log, 100);
    expect(moved).toContain(first);
    const ready = await new HeldTurns(dataSource).readyAmong([first]);
    expect(ready).toMatchObject([{ messageId: second, behind: first }]);
    // Erased before anybody was told that it ended.
    await dataSource.query(`DELETE FROM "${databaseOf(dataSource).schema}".messages WHERE id = '${first}'`);
    expect(await new HeldTurns(dataSource).readyAmong([first])).toEqual(ready);
  });
});

it('ends as it does whenever it is told to, when that comes as a second reception is refused', async () => {
  const dataSource = await tables();
  const log = new ArrayLog();
  const twice = uuidv7();
  await log.append(life(twice));
  await foldToEnd(dataSource, log, 10);
  await log.append(received(twice));
  const { url, schema } = databaseOf(dataSource);
  const client = new pg.Client({ connectionString: url, pipeline: true });
  await client.connect();
  const stop = new AbortController();
  const refusals: unknown[] = [];
  const newWriter = (): BatchWriter => {
    const writer = new RowWriter(client, schema);
    return {
      add: (rows) => writer.add(rows),
      seal: (from, to) => {
        const write = writer.seal(from, to);
        return () =>
          write().catch((error: unknown) => {
            refusals.push(error);
            stop.abort();
            throw error;
          });
      },
    };
  };
  try {
    const from = await readCheckpoint(dataSource, schema);
    await foldLog({ log, schema, newWriter, dataSource, maxBatch: 10 }, from, stop.signal, () => {});
    expect(refusals).toMatchObject([{ code: '23505' }]);
    expect(await readCheckpoint(dataSource, schema)).toEqual(from);
  } finally {
    await client.end();
  }
});
