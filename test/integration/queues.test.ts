import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { positionsSql } from '../../src/projection/read/lane-positions.js';
import { deadReasonsSql, endedSql } from '../../src/projection/read/outcome-figures.js';
import {
  countsSql,
  heldSql,
  oldestSql,
  placeSql,
  spanSql,
  totalsSql,
  waitsSql,
} from '../../src/projection/read/queue-figures.js';
import { eventually } from '../support/eventually.js';
import { type Gateway, MODEL, request, type Servers, startGateway, startServers } from './gateway.rig.js';

const MAX_SIZE = 40;

let servers: Servers;
let gateway: Gateway;

beforeAll(async () => {
  servers = await startServers();
  gateway = await startGateway(servers, { queue: { levels: { low: { max_size: MAX_SIZE } } } });
});
afterAll(async () => {
  await gateway?.close();
  await servers?.stop();
});

const submit = (priority: string, content = 'hello') =>
  request('POST', `${gateway.baseUrl}/api/v1/messages`, { user_id: 'u', content, priority });

describe('a lane with a limit', () => {
  it('takes as many as it may hold, tells the rest when to come again, and stores nothing of theirs', async () => {
    const answers = await Promise.all(Array.from({ length: 3 * MAX_SIZE }, () => submit('low')));
    // What is counted twice for a moment, in a reading and as on its way, a later reading puts right.
    expect(answers.filter(({ status }) => status === 202).length).toBeLessThanOrEqual(MAX_SIZE);
    await eventually(async () => {
      const answer = await submit('low');
      answers.push(answer);
      expect([answer.status, answers.filter(({ status }) => status === 202).length]).toEqual([429, MAX_SIZE]);
    });
    const refused = answers.filter(({ status }) => status !== 202);
    for (const { status, headers, json } of refused) {
      expect(status).toBe(429);
      expect(headers.get('content-type')).toContain('application/problem+json');
      expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
      expect(json).toMatchObject({ code: 'queue_full', status: 429 });
    }
    const url = `${gateway.baseUrl}/api/v1/messages?priority=low&limit=200`;
    // The last that was accepted must be there, and no more than those.
    const last = answers.findLast(({ status }) => status === 202)!;
    await request('GET', `${gateway.baseUrl}/api/v1/messages/${last.json.id}`);
    await gateway.projected();
    expect((await request('GET', url)).json.data).toHaveLength(MAX_SIZE);
  });

  it('tells OpenAI clients in their own words', async () => {
    const body = { model: MODEL, service_tier: 'flex', messages: [{ role: 'user', content: 'hello' }] };
    const { status, headers, json } = await request('POST', `${gateway.baseUrl}/v1/chat/completions`, body);
    expect(status).toBe(429);
    expect(headers.get('retry-after')).not.toBeNull();
    expect(json.error).toMatchObject({ type: 'rate_limit_error', code: 'queue_full' });
  });

  it('tells so for each of a batch', async () => {
    const one = (priority: string) => ({ user_id: 'u', content: 'hello', priority });
    const body = { messages: [one('low'), one('normal'), one('low')] };
    const { json } = await request('POST', `${gateway.baseUrl}/api/v1/messages/batch`, body);
    const refused = json.results.filter(({ status }: { status: number }) => status === 429);
    const full = { code: 'queue_full', retry_after_seconds: expect.any(Number) };
    expect(refused.map(({ error }: { error: unknown }) => error)).toMatchObject([full, full]);
  });

  it('tells what is wrong in a batch beside what found no place', async () => {
    const one = (more: object) => ({ user_id: 'u', content: 'hello', ...more });
    const send = (...messages: object[]) =>
      request('POST', `${gateway.baseUrl}/api/v1/messages/batch`, { messages });
    const { status, json } = await send(one({ priority: 'low' }), one({ priority: 'urgent' }));
    expect(status).toBe(200);
    expect(json.results.map((item: { status: number }) => item.status)).toEqual([429, 422]);
    expect((await send(one({ priority: 'low' }), one({ priority: 'low' }))).status).toBe(429);
  });

  it('leaves the other lanes open', async () => {
    expect((await submit('normal')).status).toBe(202);
  });
});

describe('what waits', () => {
  const get = (path: string) => request('GET', `${gateway.baseUrl}/api/v1/${path}`);
  const admin = (what: string) => request('POST', `${gateway.baseUrl}/api/v1/admin/lanes/${what}`);
  const laneOf = async (priority: string) => {
    const { json } = await get('queues/status');
    return json.data.find((lane: { priority: string }) => lane.priority === priority);
  };

  it('tells its place in the lane, and what it waits for', async () => {
    const ids: string[] = [];
    for (let at = 0; at < 3; at += 1) ids.push((await submit('high')).json.id);
    await gateway.projected();
    expect((await get(`messages/${ids[2]}`)).json).toMatchObject({
      ...{ status: 'pending', position: 3, eta_seconds: null, waiting_for: 'slot' },
    });
    const first = await gateway.worker.receivedAs(ids[0]!);
    await gateway.worker.complete(first, { content: 'done' });
    await gateway.projected();
    expect((await get(`messages/${ids[2]}`)).json).toMatchObject({ position: 2, waiting_for: 'slot' });
    expect((await get(`messages/${ids[0]}`)).json).toMatchObject({
      ...{ status: 'completed', position: null, eta_seconds: null, waiting_for: null },
    });
  });

  it('waits for the lane while that is paused, also where it came in later', async () => {
    expect((await admin('high/pause')).json).toMatchObject({
      priority: 'high',
      paused: true,
      paused_by: 'local',
    });
    expect((await admin('high/pause')).status).toBe(200);
    const { json } = await submit('high');
    await gateway.projected();
    expect((await get(`messages/${json.id}`)).json).toMatchObject({ position: 3, waiting_for: 'paused' });
    expect((await laneOf('high')).paused).toBe(true);
    expect((await admin('high/resume')).json).toMatchObject({ paused: false, paused_since: null });
    expect((await get(`messages/${json.id}`)).json.waiting_for).toBe('slot');
    expect((await admin('highest/pause')).status).toBe(404);
  });

  it('is told lane by lane, with no reading older than about a second', async () => {
    const [{ id }] = (await get('messages?status=completed')).json.data;
    await eventually(async () => {
      // Of the last minute, however slow the machine is.
      await gateway.dataSource.query(`UPDATE llmq.messages SET completed_at = now() WHERE id = '${id}'`);
      expect(await laneOf('low')).toMatchObject({
        ...{ waiting: MAX_SIZE, running: 0, scheduled: 0, dead: 0, capacity: 0, paused: false },
        oldest_age_seconds: expect.any(Number),
      });
      // Nobody took a message out of the broker's lanes, so that the one which ended by hand is in there still.
      expect(await laneOf('high')).toMatchObject({
        ...{ waiting: 4, average_wait_ms: 1, p95_wait_ms: 1 },
        ...{ utilisation: null, today: { processed: 1, failed: 0 } },
        limits: { max_size: null, max_concurrent: null, min_share: 0.2 },
      });
      expect((await laneOf('low')).limits.max_size).toBe(MAX_SIZE);
      const { json } = await get('queues/status?lane=low');
      expect(json.data).toMatchObject([{ priority: 'low' }]);
      expect((await laneOf('high')).throughput).toBeCloseTo(1 / 60, 2);
    });
  });

  it('is summed up over the last hours', async () => {
    const { json: dead } = await submit('normal', 'bad');
    const error = { code: 'x', message: 'x', retryable: false, status: 400 };
    await gateway.worker.deadLetter(await gateway.worker.receivedAs(dead.id), error);
    await gateway.projected();
    // Of this hour, even where that began a moment ago.
    await gateway.dataSource.query(
      'UPDATE llmq.messages SET completed_at = now() WHERE completed_at IS NOT NULL',
    );
    const { status, json } = await get('queues/stats?time_range=6h');
    expect(status).toBe(200);
    expect(json).toMatchObject({ time_range: '6h', processed: 2, failed: 1, error_rate: 0.5 });
    const lanes = Object.fromEntries(json.by_lane.map((one: { lane: string }) => [one.lane, one]));
    expect(lanes.high).toMatchObject({
      processed: 1,
      failed: 0,
      share: 0.5,
      wait_ms: { average: 1, p95: 1, least: 1, most: 1 },
      this_hour: { processed: 1, failed: 0 },
    });
    expect(json.today).toEqual({ processed: 2, failed: 1 });
    const ofHigh = (await get('queues/stats?time_range=6h&lane=high')).json;
    expect(ofHigh).toMatchObject({ processed: 1, failed: 0, today: { processed: 1, failed: 0 } });
    expect(ofHigh.by_priority).toEqual([lanes.high]);
    expect(lanes.high.processing_ms.p95).toBeGreaterThanOrEqual(0);
    expect(lanes.low).toMatchObject({ processed: 0, error_rate: null, share: 0, wait_ms: { average: null } });
    // One that ended before a range begins is in the longer ones only.
    await gateway.dataSource.query(
      `UPDATE llmq.messages SET completed_at = now() - interval '3 hours' WHERE id = '${dead.id}'`,
    );
    const hours = { '1h': 1, '6h': 6, '24h': 24, '7d': 168 };
    for (const [range, length] of Object.entries(hours)) {
      const counted = length > 3 ? { processed: 2, failed: 1 } : { processed: 1, failed: 0 };
      // A reading is kept for a moment.
      await eventually(async () =>
        expect((await get(`queues/stats?time_range=${range}`)).json).toMatchObject({
          ...{ time_range: range, ...counted },
        }),
      );
    }
    const refused = await get('queues/stats?time_range=2h');
    expect(refused).toMatchObject({ status: 422, json: { field: 'time_range' } });
  });
});

it('reads its figures through indexes', async () => {
  const plan = async (sql: string, parameters: unknown[]) => {
    const runner = gateway.dataSource.createQueryRunner();
    try {
      const rows: { 'QUERY PLAN': string }[] = await runner.query(`EXPLAIN ${sql}`, parameters);
      return rows.map((row) => row['QUERY PLAN']).join('\n');
    } finally {
      await runner.release();
    }
  };
  // The last month's, at one in two minutes: so many that an index is worth its while.
  await gateway.dataSource.query(`INSERT INTO llmq.messages
      (id, tenant, status, priority, priority_reason, attempts, open_attempts, current_attempt, max_retries,
       created_at, updated_at, started_at, completed_at, waited_ms, received_sequence, last_sequence, terminal_sequence)
    SELECT gen_random_uuid(), 'default', 'completed', 'low', 'default', 1, 0, 1, 3, ended, ended, ended, ended, 5, 1, 1, 1
    FROM generate_series(now() - interval '30 days', now(), interval '2 minutes') AS ended`);
  await gateway.dataSource.query('ANALYZE llmq.messages');
  for (const text of [
    await plan(placeSql('llmq'), [randomUUID(), 'm', ['realtime'], 10]),
    await plan(positionsSql('llmq'), [[randomUUID(), randomUUID()], 'm', 10_000]),
    await plan(oldestSql('llmq'), [['low']]),
    await plan(countsSql('llmq'), []),
    await plan(heldSql('llmq'), []),
    await plan(waitsSql('llmq'), [60_000]),
    await plan(spanSql('llmq'), ['default', 60_000]),
    await plan(totalsSql('llmq'), ['default']),
    await plan(totalsSql('llmq'), [null]),
    await plan(endedSql('llmq'), [60_000]),
    await plan(deadReasonsSql('llmq'), [60_000, 5]),
  ]) {
    expect(text).not.toContain('Seq Scan');
    expect(text).toMatch(/messages_(waiting|held|apart|ended)/);
  }
});
