import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newApiKey } from '../../src/platform/security/api-key.js';
import { eventually } from '../support/eventually.js';
import { inOneOf } from '../support/in-one-of.js';
import { type Gateway, request, type Servers, startGateway, startServers } from './gateway.rig.js';

const keys = {
  admin: newApiKey({ name: 'admin-key', role: 'admin', tenant: 'red' }),
  client: newApiKey({ name: 'client-key', role: 'client', tenant: 'red', max_priority: 'high' }),
  other: newApiKey({ name: 'other-key', role: 'admin', tenant: 'blue' }),
};
const MOST_RULES = 100;
const MOST_PATTERNS = 20;

let servers: Servers;
/** Two processes' worth of the service on one log. */
let first: Gateway;
let second: Gateway;

const start = () =>
  startGateway(servers, { security: { api_keys: Object.values(keys).map(({ config }) => config) } });
const as = (who: keyof typeof keys) => ({ authorization: `Bearer ${keys[who].key}` });
const admin = (method: string, path: string, body?: unknown, who: keyof typeof keys = 'admin', at = first) =>
  request(method, `${at.baseUrl}/api/v1/admin/preprocessor/${path}`, body, as(who));

/** The priority that a message gets, and why. */
async function priorityOf(
  at: Gateway,
  content: string,
  more: Record<string, unknown> = {},
  who = 'client' as keyof typeof keys,
) {
  const body = { user_id: 'u1', content, ...more };
  const { status, json } = await request('POST', `${at.baseUrl}/api/v1/messages`, body, as(who));
  expect(status).toBe(202);
  return `${json.priority} ${json.priority_reason}`;
}

beforeAll(async () => {
  servers = await startServers();
  [first, second] = await Promise.all([start(), start()]);
});
afterAll(async () => {
  await Promise.all([first?.close(), second?.close()]);
  await servers?.stop();
});

describe('rules and user defaults', () => {
  it('hold at once where they are set, soon elsewhere, and for their tenant alone', async () => {
    const rule = { id: 'fruit', keywords: ['banana', '香蕉'], priority: 'low', weight: 2 };
    const added = await admin('POST', 'rules', rule);
    expect(added).toMatchObject({
      status: 201,
      json: { ...rule, kind: 'keywords', updated_by: 'admin-key' },
    });
    expect(await priorityOf(first, 'An urgent BANANA.')).toBe('low rule:fruit');
    await eventually(async () => expect(await priorityOf(second, '给我香蕉')).toBe('low rule:fruit'));
    expect(await priorityOf(second, 'banana', {}, 'other')).toBe('normal default');

    await admin('PUT', `user-priorities/${encodeURIComponent('u/2')}`, { priority: 'low' });
    const posted = await admin('POST', `user-priorities/${encodeURIComponent('u/2')}`, { priority: 'high' });
    expect(posted).toMatchObject({ status: 200, json: { user_id: 'u/2', priority: 'high' } });
    const ofUser = () => priorityOf(second, 'banana', { user_id: 'u/2' });
    await eventually(async () => expect(await ofUser()).toBe('high user_default'));
    const users = await admin('GET', 'user-priorities', undefined, 'admin', second);
    expect(users.json.data).toMatchObject([{ user_id: 'u/2', priority: 'high', updated_by: 'admin-key' }]);
  });

  it('are known elsewhere within a second', async () => {
    const next = ['low', 'high', 'low', 'high', 'low'];
    await inOneOf(next.length, async () => {
      const priority = next.pop()!;
      await admin('PUT', 'user-priorities/timed', { priority });
      const startedMs = performance.now();
      await eventually(async () =>
        expect(await priorityOf(second, 'banana', { user_id: 'timed' })).toBe(`${priority} user_default`),
      );
      expect(performance.now() - startedMs).toBeLessThan(1_000);
    });
    await admin('DELETE', 'user-priorities/timed');
  });

  it('outlast the process and the broker, and are followed again when it is back', async () => {
    await second.close();
    await servers.nats.kill();
    await servers.nats.restart();
    second = await start();
    expect(await priorityOf(second, 'banana')).toBe('low rule:fruit');
    const changed = await eventually(async () => {
      const answer = await admin('PATCH', 'rules/fruit', { priority: 'realtime' }, 'admin', second);
      expect(answer.status).toBe(200);
      return answer;
    });
    expect(changed.json).toMatchObject({ keywords: ['banana', '香蕉'], priority: 'realtime', weight: 2 });
    // The first process was there when the broker went away.
    await eventually(async () => expect(await priorityOf(first, 'banana')).toBe('realtime rule:fruit'));
    expect((await admin('DELETE', 'rules/fruit')).status).toBe(204);
    await eventually(async () => expect(await priorityOf(second, 'banana')).toBe('normal default'));
    expect((await admin('DELETE', 'rules/fruit')).status).toBe(404);
  });

  it('give way to what the client asks for, up to what its key may ask for', async () => {
    expect(await priorityOf(first, 'urgent', { priority: 'low' })).toBe('low explicit');
    expect(await priorityOf(first, 'x', { priority: 'realtime' })).toBe('high explicit');
    expect(await priorityOf(first, 'x', { priority: 'realtime' }, 'admin')).toBe('realtime explicit');
    expect(await priorityOf(first, 'x', { metadata: { user_priority: 'low' } })).toBe('low metadata');
  });

  it('look at metadata and length, and move messages up and down', async () => {
    const vip = { id: 'vip', metadata: { vip: true }, priority: 'realtime', weight: 9 };
    const added = await admin('POST', 'rules', vip);
    expect(added).toMatchObject({
      status: 201,
      json: { ...vip, kind: 'any', keywords: [], min_tokens: null },
    });
    const long = await admin('POST', 'rules', { id: 'long', min_tokens: 50, priority: 'low', weight: 5 });
    expect(long).toMatchObject({ status: 201, json: { kind: 'any', metadata: {}, min_tokens: 50 } });
    expect(await priorityOf(first, 'hello', { metadata: { vip: true } })).toBe('realtime rule:vip');
    expect(await priorityOf(first, 'hello', { metadata: { vip: 'true' } })).toBe('normal default');
    expect(await priorityOf(first, `urgent ${'word '.repeat(80)}`)).toBe('low rule:long');
    const changed = await admin('PATCH', 'rules/vip', {
      max_tokens: 1,
      metadata: { vip: true, plan: 'gold' },
    });
    expect(changed.json).toMatchObject({ max_tokens: 1, priority: 'realtime' });
    expect(await priorityOf(first, 'hello', { metadata: { vip: true } })).toBe('normal default');
    expect((await admin('PATCH', 'rules/vip', { max_tokens: null })).json).toMatchObject({
      max_tokens: null,
    });
    const both = { vip: true, plan: 'gold', more: [1] };
    expect(await priorityOf(first, 'hello there', { metadata: both })).toBe('realtime rule:vip');
    const trial = { content: 'hello', metadata: both };
    expect((await admin('POST', 'rules/test', trial)).json.matched_rules).toMatchObject([{ id: 'vip' }]);
    for (const id of ['vip', 'long']) expect((await admin('DELETE', `rules/${id}`)).status).toBe(204);
  });

  it('are tried on a text without storing anything', async () => {
    const before = await first.log.lastSequence();
    const trial = {
      content: 'Why is the server down?? Please help ASAP!',
      rule: { pattern: '(?i)server', priority: 'realtime', weight: 9 },
    };
    const { status, json } = await admin('POST', 'rules/test', trial);
    expect(status).toBe(200);
    expect(json).toMatchObject({ priority: 'realtime', priority_reason: 'rule:draft' });
    expect(json.analysis).toMatchObject({ language: 'en', question: true, words: 8 });
    expect(json.matched_rules).toEqual([
      { id: 'urgent-en', priority: 'high', weight: 1 },
      { id: 'draft', priority: 'realtime', weight: 9 },
    ]);
    expect(await first.log.lastSequence()).toBe(before);
  });

  const wrong: [string, unknown, string][] = [
    ['a pattern that is none', { pattern: '(', priority: 'high' }, 'pattern'],
    ['a pattern that looks back', { pattern: '(a)\\1', priority: 'high' }, 'pattern'],
    ['a pattern that is too large', { pattern: '(\\pL{99}){9}', priority: 'high' }, 'pattern'],
    ['no keywords', { keywords: [], priority: 'high' }, 'keywords'],
    ['an empty keyword', { keywords: ['a', ' '], priority: 'high' }, 'keywords'],
    ['too many keywords', { keywords: Array(51).fill('a'), priority: 'high' }, 'keywords'],
    ['both kinds', { keywords: ['a'], pattern: 'a', priority: 'high', kind: 'pattern' }, 'keywords'],
    ['any text without a condition', { kind: 'any', priority: 'high' }, 'metadata'],
    ['conditions that are none', { metadata: {}, priority: 'high' }, 'keywords'],
    ['a condition that is a list', { metadata: { a: [1] }, priority: 'high' }, 'metadata'],
    [
      'too many conditions',
      { metadata: Object.fromEntries([...'abcdefghijk'].map((key) => [key, 1])), priority: 'high' },
      'metadata',
    ],
    ['a length that is none', { min_tokens: -1, priority: 'high' }, 'min_tokens'],
    ['lengths that cross', { min_tokens: 2, max_tokens: 1, priority: 'high' }, 'min_tokens'],
    [
      'words in a rule for any text',
      { kind: 'any', min_tokens: 1, keywords: ['a'], priority: 'high' },
      'keywords',
    ],
    ['no priority', { keywords: ['a'] }, 'priority'],
    ['a priority that is none', { keywords: ['a'], priority: 'top' }, 'priority'],
    ['no weight at all', { keywords: ['a'], priority: 'high', weight: 0 }, 'weight'],
    ['an id with spaces', { id: 'a b', keywords: ['a'], priority: 'high' }, 'id'],
    ['an unknown field', { keywords: ['a'], priority: 'high', colour: 1 }, 'colour'],
  ];
  it('are refused with the reason where they are wrong, and nothing is stored', async () => {
    const before = await first.log.lastSequence();
    for (const [name, body, field] of wrong) {
      const { status, json } = await admin('POST', 'rules', body);
      expect({ name, status, code: json.code, field: json.field }).toEqual({
        name,
        status: 422,
        code: 'invalid_fields',
        field,
      });
      expect(json.errors[0].reason.length).toBeGreaterThan(5);
    }
    const draft = { content: 'x', rule: { keywords: ['a'] } };
    expect((await admin('POST', 'rules/test', draft)).json).toMatchObject({
      detail: 'rule.priority is missing',
      field: 'rule.priority',
    });
    const again = { id: 'urgent-en', keywords: ['a'], priority: 'high' };
    expect(await admin('POST', 'rules', again)).toMatchObject({
      status: 409,
      json: { code: 'already_exists' },
    });
    expect((await admin('PUT', 'rules/nothing', { keywords: ['a'], priority: 'high' })).status).toBe(404);
    expect((await admin('PUT', 'user-priorities/u', { priority: 'top' })).status).toBe(422);
    expect((await admin('POST', 'user-priorities/u', { priority: 'top' })).status).toBe(422);
    expect((await admin('DELETE', 'user-priorities/nobody')).status).toBe(404);
    expect(await first.log.lastSequence()).toBe(before);
  });

  it('are not told to a client that repeats the request of an admin under its key', async () => {
    const url = `${first.baseUrl}/api/v1/admin/preprocessor/rules/test`;
    const repeat = (who: keyof typeof keys) =>
      request('POST', url, { content: 'x' }, { ...as(who), 'idempotency-key': 'k' });
    expect((await repeat('admin')).status).toBe(200);
    expect(await repeat('client')).toMatchObject({ status: 403, json: { code: 'forbidden' } });
    const again = await repeat('admin');
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([200, 'true']);
  });

  it('are for admins', async () => {
    const before = await first.log.lastSequence();
    const routes: [string, string, unknown?][] = [
      ['GET', 'rules'],
      ['POST', 'rules', { keywords: ['a'], priority: 'high' }],
      ['GET', 'rules/urgent-en'],
      ['PUT', 'rules/urgent-en', { keywords: ['a'], priority: 'high' }],
      ['PATCH', 'rules/urgent-en', { priority: 'high' }],
      ['DELETE', 'rules/urgent-en'],
      ['POST', 'rules/test', { content: 'x' }],
      ['GET', 'user-priorities'],
      ['PUT', 'user-priorities/u', { priority: 'high' }],
      ['POST', 'user-priorities/u', { priority: 'high' }],
      ['DELETE', 'user-priorities/u'],
    ];
    for (const [method, path, body] of routes) {
      const { status, json } = await admin(method, path, body, 'client');
      expect({ method, path, status, code: json.code }).toEqual({
        method,
        path,
        status: 403,
        code: 'forbidden',
      });
    }
    expect(await first.log.lastSequence()).toBe(before);
  });
});

describe('the number of rules', () => {
  it('is limited, and the rules that are there can still be changed and removed', async () => {
    const rules = (method: string, path: string, body?: object) =>
      admin(method, `rules${path}`, body, 'other');
    const before = (await rules('GET', '')).json.data.length as number;
    const add = (id: string, kind: object) => rules('POST', '', { id, priority: 'low', weight: 1, ...kind });
    const pattern = (at: number) => add(`pattern-${at}`, { pattern: `p${at}` });
    const patterns = await Promise.all(Array.from({ length: MOST_PATTERNS }, (_, at) => pattern(at)));
    expect(new Set(patterns.map(({ status }) => status))).toEqual(new Set([201]));
    const refused = { status: 409, json: { code: 'limit_reached' } };
    expect(await pattern(MOST_PATTERNS)).toMatchObject(refused);

    const word = (at: number) => add(`word-${at}`, { keywords: [`w${at}`] });
    const room = MOST_RULES - MOST_PATTERNS - before;
    const words = await Promise.all(Array.from({ length: room }, (_, at) => word(at)));
    expect(new Set(words.map(({ status }) => status))).toEqual(new Set([201]));
    expect(await word(room)).toMatchObject(refused);
    expect((await rules('GET', '')).json.data).toHaveLength(MOST_RULES);

    expect((await rules('PATCH', '/word-0', { weight: 3 })).json).toMatchObject({ weight: 3 });
    expect((await rules('DELETE', '/word-0')).status).toBe(204);
    expect((await word(room)).status).toBe(201);
  });
});
