import { chatRequest } from './chat-request.policy.js';

const base = { model: null, parameters: {} };

describe('chatRequest', () => {
  it('makes one user message of a content', () => {
    expect(chatRequest({ ...base, content: 'Hello 🌍' }, 'm')).toEqual({
      model: 'm',
      messages: [{ role: 'user', content: 'Hello 🌍' }],
      stream: true,
      stream_options: { include_usage: true },
    });
  });

  it('hands chat messages and parameters on as they are', () => {
    const messages = [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: [{ type: 'text', text: 'Hi' }], name: 'ann' },
    ];
    const parameters = {
      temperature: 0.2,
      tools: [{ type: 'function' }],
      seed: 7,
      a_field_of_the_model: true,
    };
    expect(chatRequest({ ...base, messages, parameters }, 'm')).toMatchObject({ messages, ...parameters });
  });

  it("leaves out the queue's own fields, and is not led to another model or mode by parameters", () => {
    const parameters = {
      priority: 'high',
      metadata: { secret: 1 },
      service_tier: 'flex',
      user_id: 'u',
      conversation_id: 'c',
      max_retries: 9,
      timeout_ms: 1,
      retry_backoff: {},
      delay: '5m',
      scheduled_at: 'x',
      ttl: 1,
      deadline: 'x',
      double_texting: 'reject',
      replay_of: 'x',
      user_priority: 'high',
      idempotency_key: 'k',
      model: 'other',
      messages: [],
      stream: false,
      stream_options: {},
      top_p: 1,
    };
    const body = chatRequest({ ...base, content: 'x', parameters }, 'm');
    expect(Object.keys(body).sort()).toEqual(['messages', 'model', 'stream', 'stream_options', 'top_p']);
    expect(body).toMatchObject({ model: 'm', stream: true, stream_options: { include_usage: true } });
  });
});
