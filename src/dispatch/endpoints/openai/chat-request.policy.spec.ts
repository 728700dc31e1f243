import type { ModelRequest } from '../../../domain/message/message.events.js';
import { isWholeOnly, pathOf, requestBody } from './chat-request.policy.js';

const base = { model: null, parameters: {} };
const streamed = { stream: true, usage: true };
const chatRequest = (request: ModelRequest, model: string) => requestBody(request, model, streamed);

describe('the body of a chat', () => {
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

  it('hands on what may be kept by the endpoint, and a priority that is its own', () => {
    const parameters = { store: true, metadata: { a: 'b' }, priority: 3, content: 'x', webhook: 'y' };
    expect(chatRequest({ ...base, messages: [], parameters }, 'm')).toMatchObject(parameters);
  });

  it("leaves out the queue's own fields, and is not led to another model or mode by parameters", () => {
    const parameters = {
      priority: 'high',
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

describe('other ways to ask', () => {
  const chat = { ...base, messages: [{ role: 'user', content: 'Count.' }] };

  it('has no word of streams where none is wanted, nor of the usage where that is refused', () => {
    expect(requestBody(chat, 'm', { stream: false, usage: true })).toEqual({
      model: 'm',
      messages: chat.messages,
    });
    expect(requestBody(chat, 'm', { stream: true, usage: false })).not.toHaveProperty('stream_options');
  });

  it('goes on behind a text by a message of the assistant, and tells it to who wants to be told', () => {
    const messages = [...chat.messages, { role: 'assistant', content: 'One, two' }];
    const asking = { ...streamed, prefill: 'One, two' };
    expect(requestBody(chat, 'm', asking)).toEqual({
      ...{ model: 'm', messages, stream: true },
      stream_options: { include_usage: true },
    });
    expect(requestBody(chat, 'm', { ...asking, continuesWhenTold: true })).toMatchObject({
      messages,
      continue_final_message: true,
      add_generation_prompt: false,
    });
  });

  it('asks for completions and embeddings by their own paths, with what was asked in the parameters', () => {
    const completion: ModelRequest = {
      ...base,
      kind: 'completion',
      parameters: { prompt: 'Once', suffix: '.' },
    };
    const embeddings: ModelRequest = { ...base, kind: 'embeddings', parameters: { input: ['a', 'b'] } };
    expect([chat, completion, embeddings].map(pathOf)).toEqual([
      '/chat/completions',
      '/completions',
      '/embeddings',
    ]);
    expect(requestBody(completion, 'm', streamed)).toMatchObject({
      prompt: 'Once',
      suffix: '.',
      stream: true,
    });
    expect(requestBody(completion, 'm', { ...streamed, prefill: ' upon' })).toMatchObject({
      prompt: 'Once upon',
    });
    expect(requestBody(embeddings, 'm', { stream: false, usage: true })).toEqual({
      model: 'm',
      input: ['a', 'b'],
    });
  });

  it.each<[string, ModelRequest, boolean]>([
    ['text', { ...base, parameters: { modalities: ['text'] } }, false],
    ['audio', { ...base, parameters: { modalities: ['text', 'audio'], audio: { voice: 'alloy' } } }, true],
    ['images', { ...base, parameters: { modalities: ['image', 'text'] } }, true],
    ['embeddings', { ...base, kind: 'embeddings', parameters: { input: 'a' } }, true],
    ['a completion', { ...base, kind: 'completion', parameters: { prompt: 'a', n: 2, best_of: 2 } }, false],
    ['the best of some', { ...base, kind: 'completion', parameters: { prompt: 'a', best_of: 3 } }, true],
  ])('is whole only: %s', (_what, request, whole) => {
    expect(isWholeOnly(request)).toBe(whole);
  });
});
