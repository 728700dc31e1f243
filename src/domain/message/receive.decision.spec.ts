import type { MessageEventData, MessageScheduled } from './message.events.js';
import { receive } from './receive.decision.js';
import { delayedMessage, requeueDue } from './requeue-due.decision.js';

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
      model: 'm',
    });
  });

  it('names no model where the default one is wanted', () => {
    const request = { ...submission.request, model: null };
    const [, prioritized] = receive(
      context,
      { ...submission, request },
      { priority: 'high', reason: 'default' },
    );
    expect(prioritized.data).not.toHaveProperty('model');
  });
});

describe('receive with a delay', () => {
  const due_at = '2026-01-01T01:00:00.000Z';
  const later = {
    ...{ ...submission, due_at, deadline: '2026-01-02T00:00:00.000Z', conversation_id: 'c1' },
    backoff: { kind: 'fixed', base_delay_ms: 250 },
  } as const;
  const rule = { priority: 'high', reason: 'rule:urgent' } as const;

  it('gives the message its time in place of its lane', () => {
    const [received, scheduled] = receive(context, later, rule);
    expect(received.data).toEqual(later);
    expect(scheduled).toMatchObject({
      type: 'llmq.message.scheduled.v1',
      data: { due_at, reason: 'delay', attempt: 1, priority_reason: 'rule:urgent' },
    });
  });

  it('puts it into its lane when it is due, as if it had been received then', () => {
    const [received, scheduled] = receive(context, later, rule);
    const due = delayedMessage(received, 41, scheduled as MessageScheduled);
    expect(requeueDue(context, due).data).toEqual({
      ...{ priority: 'high', reason: 'rule:urgent', attempt: 1, received_sequence: 41, received_at: due_at },
      ...{ timeout_ms: 1_000, max_retries: 2, deadline: later.deadline, backoff: later.backoff },
      ...{ conversation_id: 'c1', model: 'm' },
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
    expect(requeueDue(context, { ...due, model: 'm' }).data).toMatchObject({ attempt: 2, model: 'm' });
    expect(requeueDue(context, { ...due, model: null }).data).toEqual({
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
