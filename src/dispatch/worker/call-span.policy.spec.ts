import {
  answerAttributes,
  callAttributes,
  callSpanName,
  type DescribedCall,
  failureCode,
} from './call-span.policy.js';

const call: DescribedCall = {
  request: { content: 'hunter2', model: 'm', parameters: { temperature: 0, max_tokens: 5, n: 1, seed: 'x' } },
  ...{ endpoint: 'e', model: 'm', upstream: 'org/m-8b', messageId: 'id', conversationId: null, lane: 'high' },
  server: { provider: 'openai', address: 'models.example', port: 443 },
  ...{ attempt: 2, delivery: 1, call: 1, queueMs: 30, sinceReceivedMs: 500 },
};
const said = (attributes: object) =>
  Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));

describe('the span of a call', () => {
  it('has the name of what is asked of which model', () => {
    expect(callSpanName(call)).toBe('chat org/m-8b');
    const kindOf = (kind: 'completion' | 'embeddings') =>
      callSpanName({ ...call, request: { ...call.request, kind } });
    expect(kindOf('completion')).toBe('text_completion org/m-8b');
    expect(kindOf('embeddings')).toBe('embeddings org/m-8b');
  });

  it('tells of the call by the conventions, with the time in the queue, and nothing of the content', () => {
    const attributes = said(callAttributes(call));
    expect(attributes).toEqual({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': 'org/m-8b',
      'gen_ai.request.max_tokens': 5,
      'gen_ai.request.temperature': 0,
      'server.address': 'models.example',
      'server.port': 443,
      'llmq.message.id': 'id',
      'llmq.lane': 'high',
      'llmq.endpoint': 'e',
      'llmq.model': 'm',
      'llmq.attempt': 2,
      'llmq.delivery': 1,
      'llmq.call': 1,
      'llmq.queue_ms': 30,
      'llmq.since_received_ms': 500,
    });
    expect(JSON.stringify(attributes)).not.toContain('hunter2');
  });

  it('tells of several choices, and of the conversation', () => {
    const many = { ...call, conversationId: 'c', request: { ...call.request, parameters: { n: 3 } } };
    expect(callAttributes(many)).toMatchObject({
      'gen_ai.request.choice.count': 3,
      'gen_ai.conversation.id': 'c',
    });
  });

  it('tells of the answer what it used', () => {
    const usage = {
      ...{ prompt_tokens: 7, completion_tokens: 9, prompt_tokens_details: { cached_tokens: 4 } },
      completion_tokens_details: { reasoning_tokens: null },
    };
    expect(said(answerAttributes({ model: 'm-2', finishReason: 'stop', usage, firstTokenMs: 250 }))).toEqual({
      'gen_ai.response.model': 'm-2',
      'gen_ai.response.finish_reasons': ['stop'],
      'gen_ai.response.time_to_first_chunk': 0.25,
      'gen_ai.usage.input_tokens': 7,
      'gen_ai.usage.output_tokens': 9,
      'gen_ai.usage.cache_read.input_tokens': 4,
    });
    const silent = { model: 'm', finishReason: null, usage: null, firstTokenMs: null };
    expect(said(answerAttributes(silent))).toEqual({ 'gen_ai.response.model': 'm' });
  });

  it('tells a failure by its code', () => {
    const error = { code: 'rate_limited', message: 'hunter2', retryable: true, status: 429 };
    const failure = {
      kind: 'endpoint',
      endpoint: 'e',
      error,
      retryAfterMs: null,
      notNow: null,
      stalled: false,
    } as const;
    expect(failureCode(failure)).toBe('rate_limited');
    expect(failureCode({ kind: 'parts_missing' })).toBe('parts_missing');
  });
});
