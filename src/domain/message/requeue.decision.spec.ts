import { describe, expect, it } from '@jest/globals';
import type { EventContext, MessageEventData } from './message.events.js';
import { discard, requeue } from './requeue.decision.js';

const context: EventContext = {
  messageId: 'm1',
  tenant: 'red',
  lane: 'high',
  now: '2030-01-01T00:00:00.000Z',
  newId: () => 'e1',
};
const received: MessageEventData['llmq.message.received.v1'] = {
  request: { content: 'x', model: null, parameters: {} },
  ...{ stream: false, user_id: 'u', conversation_id: null, requested_priority: null, metadata: {} },
  ...{ timeout_ms: 500, max_retries: 3, deadline: null, source: 'rest' },
};
const failed = { lastAttempt: 4, receivedSequence: 17, received };

describe('requeue', () => {
  it('puts the message into its lane again, with all its retries behind the attempts that were made', () => {
    const [requeued, prioritized] = requeue(context, failed, 'ann', 'the endpoint is back');
    expect(requeued).toMatchObject({
      ...{ type: 'llmq.message.requeued.v1', subject: 'm1', lane: 'high', tenant: 'red' },
      data: { by: 'ann', reason: 'the endpoint is back' },
    });
    expect(prioritized.data).toEqual({
      ...{ priority: 'high', reason: 'requeue', attempt: 5, received_sequence: 17, timeout_ms: 500 },
      ...{ max_retries: 7, received_at: context.now },
    });
  });

  it('keeps what else the request said', () => {
    const backoff = { kind: 'fixed', base_delay_ms: 9 } as const;
    const more = { ...received, deadline: '2031-01-01T00:00:00.000Z', backoff, conversation_id: 'c1' };
    more.request = { ...more.request, model: 'm' };
    const [, prioritized] = requeue(context, { ...failed, received: more }, 'ann', 'again');
    expect(prioritized.data).toMatchObject({
      ...{ deadline: more.deadline, backoff, conversation_id: 'c1', model: 'm' },
    });
  });
});

describe('discard', () => {
  it('says who, and why', () =>
    expect(discard(context, 'ann', 'spam')).toMatchObject({
      ...{ type: 'llmq.message.dead-letter-discarded.v1', subject: 'm1' },
      data: { by: 'ann', reason: 'spam' },
    }));
});
