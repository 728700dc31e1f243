import { decideDispatch, dispatched, elapsedMs } from './dispatch.decision.js';
import { giveUp } from './fail.decision.js';
import type { MessageEventData, MessagePrioritized } from './message.events.js';
import { evolve, type MessageState } from './message.state.js';
import { receive } from './receive.decision.js';
import { requeueDue } from './requeue-due.decision.js';

const MAX_LOST = 3;
const NOW_MS = Date.parse('2026-01-01T00:00:10.000Z');
const context = {
  messageId: 'm1',
  tenant: 't1',
  lane: 'high',
  now: '2026-01-01T00:00:00.000Z',
  newId: () => 'e1',
} as const;
const submission: MessageEventData['llmq.message.received.v1'] = {
  request: { content: 'hello', model: null, parameters: {} },
  stream: false,
  user_id: 'user',
  conversation_id: null,
  requested_priority: 'high',
  metadata: {},
  timeout_ms: 1_000,
  max_retries: 3,
  deadline: null,
  source: 'rest',
};
const [received, next] = receive(context, submission, { priority: 'high', reason: 'explicit' });
const prioritized = next as MessagePrioritized;
const pending: MessageState = evolve(evolve(null, received, 1), prioritized, 2);

describe('decideDispatch', () => {
  it('calls on a first delivery, without asking anybody', () => {
    expect(decideDispatch(prioritized, 2, null, MAX_LOST, NOW_MS)).toEqual({ kind: 'call' });
  });

  it('calls again when the worker that had it left no word', () => {
    expect(decideDispatch(prioritized, 2, pending, MAX_LOST, NOW_MS)).toEqual({ kind: 'call' });
    const open = { ...pending, status: 'processing', attempts: 2, openAttempts: 2 } as const;
    expect(decideDispatch(prioritized, 2, open, MAX_LOST, NOW_MS)).toEqual({ kind: 'call' });
  });

  it('gives up a message over which too many workers died', () => {
    const open = { ...pending, status: 'processing', attempts: 3, openAttempts: 3 } as const;
    expect(decideDispatch(prioritized, 2, open, MAX_LOST, NOW_MS)).toEqual({ kind: 'give_up', lostCalls: 3 });
    expect(giveUp(context, 1, 3).data).toMatchObject({ reason: 'lost_workers', error: { retryable: false } });
  });

  it.each(['completed', 'failed', 'cancelled', 'expired'] as const)('never calls what is %s', (status) => {
    const settled = { ...pending, status, terminalSequence: 9 };
    expect(decideDispatch(prioritized, 2, settled, MAX_LOST, NOW_MS)).toEqual({
      kind: 'settled',
      terminalSequence: 9,
    });
  });

  it('makes sure of the schedule of what has failed and waits', () => {
    const due = '2026-01-01T00:01:00.000Z';
    const waiting = { ...pending, status: 'scheduled', currentAttempt: 2, scheduledAt: due } as const;
    expect(decideDispatch(prioritized, 2, waiting, MAX_LOST, NOW_MS)).toEqual({
      kind: 'rescheduled',
      attempt: 2,
      dueAt: due,
    });
  });

  it('leaves a message alone whose next attempt is in the lane', () => {
    const later = { ...pending, currentAttempt: 2 };
    expect(decideDispatch(prioritized, 2, later, MAX_LOST, NOW_MS)).toEqual({ kind: 'superseded' });
  });

  it('leaves an entry alone that has come into the lane again since, behind an earlier turn', () => {
    const again = { ...pending, laneSequence: 9 };
    expect(decideDispatch(prioritized, 2, again, MAX_LOST, NOW_MS)).toEqual({ kind: 'superseded' });
    expect(decideDispatch(prioritized, 9, again, MAX_LOST, NOW_MS)).toEqual({ kind: 'call' });
  });

  it('calls the next attempt itself when it comes', () => {
    const due = { priority: 'high', receivedSequence: 1, timeoutMs: 1_000, maxRetries: 3 } as const;
    const second = requeueDue(context, { ...due, attempt: 2, receivedAt: context.now });
    const state = { ...pending, currentAttempt: 2 };
    expect(decideDispatch(second, 7, state, MAX_LOST, NOW_MS)).toEqual({ kind: 'call' });
  });
});

describe('decideDispatch at and after the deadline', () => {
  const deadline = '2026-01-01T00:00:10.000Z';
  const limited = { ...prioritized, data: { ...prioritized.data, deadline } };

  it('expires what is known to wait, and what nothing is known of', () => {
    for (const state of [null, pending, { ...pending, openAttempts: 3 }]) {
      expect(decideDispatch(limited, 2, state, MAX_LOST, NOW_MS)).toEqual({
        ...{ kind: 'expire', deadline, error: null },
      });
    }
  });

  it('calls just before it', () => {
    expect(decideDispatch(limited, 2, pending, MAX_LOST, NOW_MS - 1)).toEqual({ kind: 'call' });
  });

  it('leaves an end that is known as it is', () => {
    const cancelled = { ...pending, status: 'cancelled', terminalSequence: 9 } as const;
    expect(decideDispatch(limited, 2, cancelled, MAX_LOST, NOW_MS)).toMatchObject({ kind: 'settled' });
  });
});

describe('dispatched', () => {
  it('tells who calls whom, and how long the message waited', () => {
    const later = { ...context, now: '2026-01-01T00:00:02.500Z' };
    const dispatch = { delivery: 2, worker: 'w', endpoint: 'e', model: 'm', endpointReason: 'only one' };
    expect(dispatched(later, prioritized, dispatch).data).toEqual({
      attempt: 1,
      delivery: 2,
      worker: 'w',
      endpoint: 'e',
      model: 'm',
      waited_ms: 2_500,
      endpoint_reason: 'only one',
    });
  });

  it('never says that a message waited less than nothing', () => {
    expect(elapsedMs('2026-01-01T00:00:01.000Z', '2026-01-01T00:00:00.000Z')).toBe(0);
  });
});
