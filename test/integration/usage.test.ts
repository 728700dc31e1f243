import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 as uuidv7 } from 'uuid';
import { type Accounting, type EventContext, messageEvent } from '../../src/domain/message/message.events.js';
import { newApiKey } from '../../src/platform/security/api-key.js';
import { type Gateway, MODEL, type Servers, startGateway, startServers } from './gateway.rig.js';

const shop = newApiKey({ name: 'shop', role: 'client', tenant: 'red' });
const boss = newApiKey({ name: 'boss', role: 'admin', tenant: 'red' });
const other = newApiKey({ name: 'other', role: 'admin', tenant: 'blue' });

let servers: Servers;
let gateway: Gateway;
/** By the test's own sums. */
const ids: string[] = [];

beforeAll(async () => {
  servers = await startServers();
  const security = { api_keys: [shop.config, boss.config, other.config] };
  gateway = await startGateway(servers, { security });
  await answer(shop, 'ann', '2026-03-01T10:05:00.000Z', { cost_nanos: 1_500, cached_tokens: 4 });
  await answer(shop, 'ann', '2026-03-01T10:55:00.000Z', { cost_nanos: 500 });
  await answer(shop, 'bob', '2026-03-01T11:00:00.000Z', {
    cost_nanos: null,
    estimated: true,
    left_out: ['image'],
  });
  await answer(boss, 'bob', '2026-03-02T00:00:00.000Z', {
    cost_nanos: 8_000_000_000_000_000,
    model: 'large',
  });
  await answer(boss, 'bob', '2026-03-02T01:00:00.000Z', {
    cost_nanos: 8_000_000_000_000_001,
    model: 'large',
  });
  await answer(other, 'eve', '2026-03-01T10:00:00.000Z', { cost_nanos: 7 });
  await gateway.projected();
});
afterAll(async () => {
  await gateway?.close();
  await servers?.stop();
});

type Key = typeof shop;

async function get(key: Key, path: string) {
  const response = await fetch(gateway.baseUrl + path, { headers: { authorization: `Bearer ${key.key}` } });
  // biome-ignore lint/suspicious/noExplicitAny: answers of several shapes.
  return { status: response.status, json: (await response.json()) as any };
}

/** A message over REST, and its completion, as a worker would record it. */
async function answer(key: Key, user: string, time: string, accounted: Partial<Accounting>): Promise<void> {
  const [id] = await answers(1, key, { user, time }, accounted);
  ids.push(id!);
}

async function answers(
  count: number,
  key: Key,
  { user, time }: { readonly user: string; readonly time: string },
  accounted: Partial<Accounting>,
): Promise<string[]> {
  const messages = Array.from({ length: count }, () => ({ content: 'hello', model: MODEL, user_id: user }));
  const response = await fetch(`${gateway.baseUrl}/api/v1/messages/batch`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ messages }),
  });
  const { results } = (await response.json()) as { results: { id: string }[] };
  const completed = results.map(({ id }) => completion(id, key, time, accounted));
  await gateway.log.append(completed);
  // A repeated end is in the log, and does not count.
  await gateway.log.append(completed.map((event) => ({ ...event, id: uuidv7() })));
  return results.map(({ id }) => id);
}

function completion(id: string, key: Key, now: string, accounted: Partial<Accounting>) {
  const context: EventContext = {
    ...{ messageId: id, tenant: key.config.tenant, lane: 'normal', now, newId: uuidv7 },
  };
  return messageEvent(context, 'llmq.message.completed.v1', {
    ...{ attempt: 1, delivery: 1, answer: { content: 'hi' }, finish_reason: 'stop', endpoint: 'gpu' },
    ...{ model: 'upstream', queue_ms: 1, first_token_ms: 1, total_ms: 2 },
    usage:
      accounted.estimated === true
        ? null
        : { prompt_tokens: 10, completion_tokens: 20, completion_tokens_details: { reasoning_tokens: 6 } },
    accounting: {
      ...{ model: 'small', estimated: false, input_tokens: 10, output_tokens: 20, cached_tokens: null },
      ...{ reasoning_tokens: 6, price: null, cost_nanos: 0, ...accounted },
    },
  });
}

const SPAN = 'from=2026-03-01T00:00:00Z&to=2026-03-03T00:00:00Z';

describe('GET /api/v1/usage', () => {
  it('sums up by day, each message once, with costs that add up beyond 2^53', async () => {
    const { status, json } = await get(shop, `/api/v1/usage?${SPAN}`);
    expect(status).toBe(200);
    expect(json).toEqual({
      ...{ from: '2026-03-01T00:00:00.000Z', to: '2026-03-03T00:00:00.000Z', group_by: ['day'] },
      total: sums({ messages: 5, cached: 4, cost: '16000000.000002001', estimated: 1, unpriced: 1 }),
      data: [
        {
          day: '2026-03-01T00:00:00.000Z',
          ...sums({ messages: 3, cached: 4, cost: '0.000002', estimated: 1, unpriced: 1 }),
        },
        { day: '2026-03-02T00:00:00.000Z', ...sums({ messages: 2, cost: '16000000.000000001' }) },
      ],
      next_cursor: null,
    });
  });

  it('groups by whatever is asked, in pages', async () => {
    const path = `/api/v1/usage?${SPAN}&group_by=key,user,model,hour&limit=2`;
    const seen: unknown[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const { json }: Awaited<ReturnType<typeof get>> = await get(
        shop,
        cursor === '' ? path : `${path}&cursor=${cursor}`,
      );
      expect(json.data.length).toBeLessThanOrEqual(2);
      seen.push(
        ...json.data.map(({ key, user, model, hour, messages }: Record<string, unknown>) => [
          key,
          user,
          model,
          hour,
          messages,
        ]),
      );
      cursor = json.next_cursor;
    }
    expect(seen).toEqual([
      ['boss', 'bob', 'large', '2026-03-02T00:00:00.000Z', 1],
      ['boss', 'bob', 'large', '2026-03-02T01:00:00.000Z', 1],
      ['shop', 'ann', 'small', '2026-03-01T10:00:00.000Z', 2],
      ['shop', 'bob', 'small', '2026-03-01T11:00:00.000Z', 1],
    ]);
    const backwards = `${path}&order=desc`;
    const { json: last } = await get(shop, backwards);
    const { json: before } = await get(shop, `${backwards}&cursor=${last.next_cursor}`);
    const back = [...last.data, ...before.data];
    expect(back.map(({ key, user, hour }) => [key, user, hour])).toEqual(
      seen
        .toReversed()
        .slice(0, 4)
        .map((row) => (row as string[]).toSpliced(2, 1).slice(0, 3)),
    );
  });

  it('takes spans by hours, and filters', async () => {
    const hour = 'from=2026-03-01T10:00:00Z&to=2026-03-01T11:00:00Z';
    expect((await get(boss, `/api/v1/usage?${hour}`)).json.total.messages).toBe(2);
    expect((await get(boss, `/api/v1/usage?${SPAN}&user=bob&key=shop`)).json.total.messages).toBe(1);
    expect((await get(boss, `/api/v1/usage?${SPAN}&model=large&endpoint=gpu`)).json.total.messages).toBe(2);
    const none = (await get(boss, '/api/v1/usage?to=2020-01-31T12:00:00Z')).json;
    expect(none).toMatchObject({ from: '2020-01-01T00:00:00.000Z', data: [], total: sums({ messages: 0 }) });
  });

  it('adds up absurd numbers that an endpoint tells, in one batch and over many', async () => {
    const most = Number.MAX_SAFE_INTEGER;
    const told = { input_tokens: most, output_tokens: most, reasoning_tokens: most, cost_nanos: most };
    // One alone can be stored. All of them are beyond 2^63, at which a bigint ends.
    for (let round = 0; round < 3; round += 1) {
      await answers(400, other, { user: 'mallory', time: '2026-04-01T10:00:00.000Z' }, told);
    }
    await gateway.projected();
    const { json } = await get(other, '/api/v1/usage?from=2026-04-01T10:00:00Z&to=2026-04-01T11:00:00Z');
    expect(json.total.messages).toBe(1_200);
    for (const name of ['input_tokens', 'output_tokens', 'reasoning_tokens'])
      expect(json.total[name] / (1_200 * most)).toBeCloseTo(1, 9);
    expect(Number(json.total.cost) / ((1_200 * most) / 1e9)).toBeCloseTo(1, 9);
  });

  it("is of the caller's own tenant, whatever its role", async () => {
    const { json } = await get(other, `/api/v1/usage?${SPAN}&group_by=user,key`);
    expect(json.data).toEqual([{ user: 'eve', key: 'other', ...sums({ messages: 1, cost: '0.000000007' }) }]);
  });

  it('refuses what it does not know', async () => {
    for (const wrong of [
      'order=up',
      'group_by=week',
      'group_by=day,day',
      'from=yesterday',
      'limit=0',
      'tenant=blue',
    ]) {
      expect([wrong, (await get(shop, `/api/v1/usage?${wrong}`)).status]).toEqual([wrong, 422]);
    }
    const foreign = Buffer.from('["a","b"]').toString('base64url');
    for (const cursor of ['abc', foreign]) {
      const { status, json } = await get(shop, `/api/v1/usage?cursor=${cursor}`);
      expect([status, json.code]).toEqual([400, 'invalid_cursor']);
    }
  });
});

describe('a message', () => {
  it('shows its usage with all details, and its cost', async () => {
    const { json } = await get(shop, `/api/v1/messages/${ids[0]}`);
    expect(json.result).toMatchObject({
      usage: { prompt_tokens: 10, completion_tokens: 20, completion_tokens_details: { reasoning_tokens: 6 } },
      cost: '0.0000015',
    });
  });

  it('marks an estimated usage, and has no cost without a price', async () => {
    const { json } = await get(shop, `/api/v1/messages/${ids[2]}`);
    expect(json.result).toMatchObject({
      usage: { prompt_tokens: 10, completion_tokens: 20, estimated: true },
      cost: null,
    });
  });
});

interface Sums {
  readonly messages: number;
  readonly cached?: number;
  readonly cost?: string;
  readonly estimated?: number;
  readonly unpriced?: number;
}

function sums({ messages, cached = 0, cost = '0', estimated = 0, unpriced = 0 }: Sums) {
  return {
    ...{
      messages,
      summaries: 0,
      input_tokens: 10 * messages,
      cached_tokens: cached,
      output_tokens: 20 * messages,
    },
    ...{ reasoning_tokens: 6 * messages, cost, estimated_messages: estimated },
    ...{ unmetered_messages: 0, unpriced_messages: unpriced },
  };
}
