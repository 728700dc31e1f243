import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
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
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(MAX_SIZE);
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
    expect(JSON.stringify(json).match(/queue_full/g)?.length).toBe(2);
  });

  it('leaves the other lanes open', async () => {
    expect((await submit('normal')).status).toBe(202);
  });
});
