import type { MessageEventData } from './message.events.js';
import { receive } from './receive.decision.js';
import { requeueDue } from './requeue-due.decision.js';

const context = {
  messageId: 'm1',
  tenant: 't1',
  lane: 'high',
  now: '2026-01-01T00:00:00.000Z',
  newId: () => 'e1',
} as const;
const submission: MessageEventData['llmq.message.received.v1'] = {
  request: { content: 'hello', model: 'm', parameters: {} },
  stream: true,
  user_id: 'user',
  conversation_id: null,
  requested_priority: 'high',
  metadata: {},
  timeout_ms: 1_000,
  max_retries: 2,
  deadline: null,
  source: 'rest',
};

describe('receive', () => {
  it('stores the submission, and puts the message into its lane with what a worker needs', () => {
    const [received, prioritized] = receive(context, submission, { priority: 'high', reason: 'explicit' });
    expect(received.data).toEqual(submission);
    expect(prioritized.data).toEqual({
      priority: 'high',
      reason: 'explicit',
      attempt: 1,
      received_sequence: null,
      timeout_ms: 1_000,
      max_retries: 2,
      received_at: context.now,
    });
  });
});

describe('requeueDue', () => {
  it('puts the next attempt into the same lane, where the request is found by its sequence', () => {
    const due = {
      priority: 'high',
      attempt: 2,
      receivedSequence: 41,
      timeoutMs: 1_000,
      maxRetries: 2,
      receivedAt: '2025-12-31T23:59:00.000Z',
    } as const;
    expect(requeueDue(context, due).data).toEqual({
      priority: 'high',
      reason: 'retry',
      attempt: 2,
      received_sequence: 41,
      timeout_ms: 1_000,
      max_retries: 2,
      received_at: '2025-12-31T23:59:00.000Z',
    });
  });
});
