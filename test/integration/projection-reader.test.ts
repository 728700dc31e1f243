import type { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import type { MessageFilter } from '../../src/projection/read/message-page.js';
import { MessageReader } from '../../src/projection/read/message-reader.js';
import type { MessageView } from '../../src/projection/read/message-view.js';
import { encodeCursor, InvalidCursorError } from '../../src/projection/read/page.js';
import { databaseOf } from '../../src/projection/tables/data-source.js';
import { startTestPostgres, type TestPostgres } from '../support/test-postgres.js';
import { foldToEnd, openSchema } from './projection.database.js';
import {
  ANALYSIS,
  ArrayLog,
  attemptFailed,
  dispatched,
  life,
  received,
  tangledLog,
} from './projection.fixture.js';

let postgres: TestPostgres;
let dataSource: DataSource;
let reader: MessageReader;
let log: ArrayLog;

beforeAll(async () => {
  postgres = await startTestPostgres();
});
beforeEach(async () => {
  dataSource = await openSchema(postgres.url);
  reader = new MessageReader(dataSource);
  log = new ArrayLog();
});
afterEach(() => dataSource.destroy());
afterAll(() => postgres?.stop());

async function project(events: Parameters<ArrayLog['append']>[0]): Promise<void> {
  await log.append(events);
  await foldToEnd(dataSource, log, 2_000);
}

async function pages(
  filter: MessageFilter,
  limit: number,
  between?: () => Promise<void>,
): Promise<MessageView[]> {
  const all: MessageView[] = [];
  for (let cursor: string | null = null; ; ) {
    const page = await reader.list(filter, 'newest_first', limit, cursor);
    expect(page.data.length).toBeLessThanOrEqual(limit);
    all.push(...page.data);
    if (page.nextCursor === null) return all;
    cursor = page.nextCursor;
    await between?.();
  }
}

it('reads a message with all that is known of it', async () => {
  const id = uuidv7();
  await project([
    ...received(id, { metadata: { a: [1] }, lane: 'high', replayOf: 'the-one-before' }),
    dispatched(id),
    ...attemptFailed(id),
  ]);
  const view = await reader.find('default', id);
  expect(view).toMatchObject({
    ...{ id, tenant: 'default', userId: 'user-1', conversationId: null, content: `question of ${id}` },
    ...{ messages: null, priority: 'high', priorityReason: 'default', status: 'scheduled', attempts: 1 },
    ...{ maxRetries: 3, model: null, metadata: { a: [1] }, result: null, completedAt: null },
    ...{ analysis: ANALYSIS, replayOf: 'the-one-before' },
    error: { code: 'endpoint_error', retryable: true, status: 500 },
  });
  expect(view?.scheduledAt).toMatch(/^2026-.*Z$/);
  expect(await reader.state(id)).toMatchObject({ id, openAttempts: 0, currentAttempt: 2, userId: 'user-1' });
});

it("does not know unknown ids, malformed ids and other tenants' messages", async () => {
  const id = uuidv7();
  await project(life(id, { tenant: 'theirs' }));
  expect(await reader.find('theirs', id.toUpperCase())).not.toBeNull();
  for (const wrong of [id, uuidv7(), 'x', "'; --", '\u0000', '']) {
    expect(await reader.find('ours', wrong)).toBeNull();
  }
  expect(await reader.state('x')).toBeNull();
});

it('lists newest first, each message once, whatever the size of the pages', async () => {
  await project(tangledLog(90, 41));
  const expected = (await pages({ tenant: 'default' }, 500)).map(({ id }) => id);
  expect(new Set(expected).size).toBe(90);
  for (const limit of [1, 7, 45, 90]) {
    expect((await pages({ tenant: 'default' }, limit)).map(({ id }) => id)).toEqual(expected);
  }
});

it('keeps pages steady while newer messages come in', async () => {
  await project(tangledLog(40, 42));
  const expected = (await pages({ tenant: 'default' }, 500)).map(({ id }) => id);
  const seen = await pages({ tenant: 'default' }, 6, () => project(life(uuidv7())));
  expect(seen.map(({ id }) => id)).toEqual(expected);
});

it('tells messages of the same millisecond apart', async () => {
  const ids = Array.from({ length: 9 }, () => uuidv7());
  const events = ids.flatMap((id) => life(id));
  for (const event of events) event.time = '2026-03-01T09:00:00.000Z';
  await project(events);
  const seen = await pages({ tenant: 'default' }, 2);
  expect(seen.map(({ id }) => id)).toEqual([...ids].sort().reverse());
});

it('filters by user, conversation, status, priority and time, and by all of them at once', async () => {
  await project(tangledLog(150, 43));
  const all = await pages({ tenant: 'default' }, 500);
  const middle = all[75]!.createdAt;
  const one = all.find((message) => message.conversationId !== null && message.createdAt >= middle)!;
  const filters: [Partial<MessageFilter>, (message: MessageView) => boolean][] = [
    [{ userId: one.userId }, (message) => message.userId === one.userId],
    [{ conversationId: one.conversationId! }, (message) => message.conversationId === one.conversationId],
    [{ status: one.status }, (message) => message.status === one.status],
    [{ priority: one.priority }, (message) => message.priority === one.priority],
    [{ createdAfter: middle }, (message) => message.createdAt >= middle],
    [{ createdBefore: middle }, (message) => message.createdAt < middle],
  ];
  for (const [filter, holds] of filters) {
    const found = (await pages({ tenant: 'default', ...filter }, 11)).map(({ id }) => id);
    expect(found).toEqual(all.filter(holds).map(({ id }) => id));
    expect(found.length).toBeGreaterThan(0);
    expect(found.length).toBeLessThan(150);
  }
  const together = Object.assign({}, ...filters.slice(0, 5).map(([filter]) => filter)) as MessageFilter;
  expect((await pages({ ...together, tenant: 'default' }, 3)).map(({ id }) => id)).toContain(one.id);
  expect(await pages({ ...together, tenant: 'another' }, 3)).toEqual([]);
});

it('refuses cursors that it did not make', async () => {
  await project([...life(uuidv7()), ...life(uuidv7())]);
  const { nextCursor } = await reader.list({ tenant: 'default' }, 'newest_first', 1, null);
  expect(nextCursor).toMatch(/^[A-Za-z0-9_-]+$/);
  for (const cursor of [
    '',
    'x',
    `${nextCursor}x`,
    nextCursor!.slice(1),
    Buffer.from("0.'").toString('base64url'),
  ]) {
    await expect(reader.list({ tenant: 'default' }, 'newest_first', 1, cursor)).rejects.toBeInstanceOf(
      InvalidCursorError,
    );
  }
});

it('finds any page and any timeline by an index, at the end as at the start', async () => {
  const { schema } = databaseOf(dataSource);
  // Else PostgreSQL's own look at the new rows may be counted, too.
  for (const table of ['messages', 'message_requests', 'message_events']) {
    await dataSource.query(`ALTER TABLE "${schema}".${table} SET (autovacuum_enabled = false)`);
  }
  // Rows are made in PostgreSQL: what matters is their number.
  await dataSource.query(`
    INSERT INTO "${schema}".messages SELECT id, 'default', CASE WHEN n % 1000 = 0 THEN 'failed' ELSE 'completed' END,
      'normal', 'default', NULL, 1, 0, 1, 3, at, at, NULL, NULL, at, NULL, n, n, n
      FROM (SELECT n, lpad(to_hex(n), 32, '0')::uuid AS id, '2026-01-01'::timestamptz + n * interval '1 second' AS at
        FROM generate_series(1, 60000) n) made`);
  await dataSource.query(`
    INSERT INTO "${schema}".message_requests SELECT id, received_sequence, tenant, 'user-' || received_sequence % 5,
      'conversation-' || received_sequence % 3, created_at, '{"content":"x"}', '{}', NULL, 'rest', false, 1, NULL
      FROM "${schema}".messages`);
  await dataSource.query(`
    INSERT INTO "${schema}".message_events SELECT id, received_sequence * 4 + n, 'llmq.message.received.v1', created_at
      FROM "${schema}".messages, generate_series(0, 3) n`);
  await dataSource.query('ANALYZE');

  const middle = {
    createdAt: new Date('2026-01-08T00:00:00.000Z'),
    id: '00000000-0000-0000-0000-000000000000',
  };
  const list = (filter: Partial<MessageFilter>, cursor: string | null) =>
    reader.list({ tenant: 'default', ...filter }, 'newest_first', 20, cursor);
  const filters = [
    {},
    { userId: 'user-3' },
    { conversationId: 'conversation-2' },
    { status: 'failed' as const },
  ];
  for (const filter of filters) {
    // The tables have more than 1,000 pages each; a page of messages looks at those of its rows and their indexes.
    expect(await blocksTouchedBy(() => list(filter, null))).toBeLessThan(500);
    expect(await blocksTouchedBy(() => list(filter, encodeCursor(middle)))).toBeLessThan(500);
  }
  const timeline = await blocksTouchedBy(() =>
    dataSource.query(
      `SELECT sequence, type, time FROM "${schema}".message_events WHERE message_id = $1 ORDER BY sequence`,
      ['00000000-0000-0000-0000-0000000000ff'],
    ),
  );
  expect(timeline).toBeLessThan(20);
});

/** Pages that the statements of `work` touched, as PostgreSQL counts them: what a scan of a table can't hide. */
async function blocksTouchedBy(work: () => Promise<unknown>): Promise<number> {
  const { schema } = databaseOf(dataSource);
  const touched = async () => {
    await dataSource.query('SELECT pg_stat_force_next_flush()');
    await dataSource.query('SELECT pg_stat_clear_snapshot()');
    const [row] = await dataSource.query(
      `SELECT sum(heap_blks_hit + heap_blks_read + coalesce(idx_blks_hit + idx_blks_read, 0))::int AS blocks
        FROM pg_statio_user_tables WHERE schemaname = $1`,
      [schema],
    );
    return row.blocks as number;
  };
  const before = await touched();
  await work();
  // A session's counts are flushed when it asks for it; any of the pool's may have done the work.
  await Promise.all(
    Array.from({ length: 4 }, () => dataSource.query('SELECT pg_stat_force_next_flush(), pg_sleep(0.05)')),
  );
  await Promise.all(Array.from({ length: 4 }, () => dataSource.query('SELECT pg_sleep(0.05)')));
  return (await touched()) - before;
}
