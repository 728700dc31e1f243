import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type RunningService, startService } from '../support/service.js';
import { type StrictChatServer, startStrictChatServer } from '../support/strict-chat-server.js';

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes.
type Json = any;

const CONTEXT = 1_024;

describe('the history of a conversation, at a server that takes no other chat than OpenAI describes', () => {
  let server: StrictChatServer;
  let service: RunningService;

  beforeAll(async () => {
    server = await startStrictChatServer(CONTEXT);
    const models = [{ name: 'm', context_tokens: CONTEXT, max_output_tokens: 100 }];
    const endpoints = [{ name: 'strict', base_url: server.url, models, max_concurrency: 8 }];
    service = await startService({ config: { endpoints, queue: { default_max_retries: 0 } } });
  });
  afterAll(async () => {
    await service?.stop();
    await server?.close();
  });

  async function call(
    method: string,
    path: string,
    body?: object,
    more: Record<string, string> = {},
  ): Promise<Json> {
    const response = await fetch(`${service.baseUrl}${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      headers: body === undefined ? {} : { 'content-type': 'application/json', ...more },
    });
    return response.json();
  }

  const create = async (more: object = {}) =>
    (await call('POST', '/api/v1/conversations', { user_id: 'u', title: 't', ...more })).id as string;
  async function turn(conversation: string, body: object): Promise<Json> {
    const { id } = await call('POST', `/api/v1/conversations/${conversation}/messages`, body);
    return call('GET', `/api/v1/messages/${id}?wait=60s`);
  }
  const contextOf = async (id: string) => {
    const { data } = await call('GET', `/api/v1/messages/${id}/events`);
    return data.find(({ type }: Json) => type === 'llmq.message.dispatched.v1');
  };

  it('is taken with each turn, whatever the turns before it were', async () => {
    const conversation = await create({ context: 'Be kind.' });
    const result = (id: string) => ({ role: 'tool', tool_call_id: id, content: 'found' });
    const turns: object[] = [
      { content: 'call a b' },
      { messages: [result('b'), { role: 'user', content: 'call c' }] },
      { content: 'never mind' },
      { content: 'nothing' },
      {
        messages: [{ role: 'system', content: 'Be brief.' }, result('z'), { role: 'user', content: 'hello' }],
      },
      { content: 'call d' },
      { messages: [result('d')] },
      { content: 'bye' },
    ];
    const ends: Json[] = [];
    for (const body of turns) ends.push(await turn(conversation, body));
    expect(server.refused).toEqual([]);
    expect(ends.map(({ status }) => status)).toEqual(turns.map(() => 'completed'));
    const last = server.answered.at(-1)!;
    expect(last.map(({ role, content }) => content ?? role)).toEqual([
      'Be kind.\n\nBe brief.',
      ...['call a b', 'assistant', '[no result]', 'found', 'call c'],
      ...['assistant', '[no result]', 'never mind', 'I heard: never mind'],
      ...['hello', 'I heard: hello', 'call d', 'assistant', 'found', 'I heard: found', 'bye'],
    ]);
    const { data, text } = await contextOf(ends.at(-1).id);
    expect(data.context.changes).toEqual({
      ...{ calls_completed: 2, results_without_call: 1, empty_answers_left_out: 1, reasoning_left_out: 3 },
      system_messages_moved: 1,
    });
    expect(text).toContain('2 tool calls got a marked empty result');
  });

  it('fits the context of its model, is the one before with more behind it, and is seldom cut', async () => {
    const conversation = await create({ context: 'Be kind.' });
    const before = server.answered.length;
    const ends: Json[] = [];
    for (let index = 0; index < 40; index += 1) {
      const content = `Number ${index}: ${'lorem ipsum '.repeat(6)}`;
      ends.push(await turn(conversation, { content, parameters: { max_tokens: 50 } }));
    }
    expect(server.refused).toEqual([]);
    const lists = server.answered.slice(before).map((messages) => JSON.stringify(messages).slice(0, -1));
    const cuts = lists.filter((list, index) => index > 0 && !list.startsWith(lists[index - 1]!));
    expect(cuts.length).toBeGreaterThan(0);
    expect(cuts.length).toBeLessThan(8);
    const last = ends.at(-1);
    const { data } = await contextOf(last.id);
    expect(data.context).toMatchObject({ left_out: true });
    expect(data.context.max_tokens).toBeLessThanOrEqual(CONTEXT * 0.95 - 50);
    expect(last.result.metadata.history).toMatchObject({ left_out: true, exceeds: false });
  });

  it('is not there where the turn alone does not fit, which its answer tells', async () => {
    const conversation = await create();
    await turn(conversation, { content: 'first' });
    const content = `second ${'x'.repeat(100)} ${'a b '.repeat(450)}`;
    const asked = { model: 'm', user: 'u', max_tokens: 400, messages: [{ role: 'user', content }] };
    const inConversation = { 'x-llmq-conversation-id': conversation };
    const answer = await call('POST', '/v1/chat/completions', asked, inConversation);
    expect(answer.metadata).toMatchObject({ llmq_history: 'exceeds' });
  });
});
