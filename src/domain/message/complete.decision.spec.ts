import { complete } from './complete.decision.js';
import { requeueDue } from './requeue-due.decision.js';

const context = {
  messageId: 'm1',
  tenant: 't1',
  lane: 'high',
  now: '2026-01-01T00:00:05.000Z',
  newId: () => 'e1',
} as const;

describe('complete', () => {
  it('counts the time in the queue up to the call, and the whole from when the message was received', () => {
    const prioritized = requeueDue(context, {
      priority: 'high',
      attempt: 2,
      receivedSequence: 1,
      timeoutMs: 1_000,
      maxRetries: 3,
      receivedAt: '2026-01-01T00:00:00.000Z',
    });
    const completed = complete(context, prioritized, {
      delivery: 3,
      endpoint: 'e',
      model: 'm',
      answer: { content: 'hi' },
      finishReason: 'stop',
      usage: { prompt_tokens: 1, completion_tokens: 2 },
      calledAt: '2026-01-01T00:00:04.000Z',
      firstTokenMs: 120,
    });
    expect(completed).toMatchObject({ type: 'llmq.message.completed.v1', subject: 'm1', lane: 'high' });
    expect(completed.data).toEqual({
      attempt: 2,
      delivery: 3,
      answer: { content: 'hi' },
      finish_reason: 'stop',
      endpoint: 'e',
      model: 'm',
      usage: { prompt_tokens: 1, completion_tokens: 2 },
      queue_ms: 4_000,
      first_token_ms: 120,
      total_ms: 5_000,
    });
  });
});
