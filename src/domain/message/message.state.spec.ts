import fc from 'fast-check';
import {
  type EventContext,
  isTerminal,
  MESSAGE_EVENT_TYPES,
  type MessageEvent,
  type MessageEventData,
  type MessageEventType,
  messageEvent,
} from './message.events.js';
import { evolve, isTerminalStatus, type MessageState, OrphanEventError } from './message.state.js';

const NOW = '2026-01-01T00:00:00.000Z';
const LATER = '2026-01-01T00:01:00.000Z';
const ERROR = { code: 'overloaded', message: 'Too much.', retryable: true, status: 503 };

const WEBHOOK = {
  ...{ id: '01900000-0000-7000-8000-000000000001', ended_at: NOW, round: 1 },
  type: 'message.completed' as const,
};

function context(now = NOW): EventContext {
  return { messageId: 'm1', tenant: 'default', lane: 'normal', now, newId: () => 'e1' };
}

const DATA: { [T in MessageEventType]: (attempt: number) => MessageEventData[T] } = {
  'llmq.message.received.v1': () => ({
    request: { content: 'hello', model: null, parameters: {} },
    stream: false,
    user_id: 'user',
    conversation_id: null,
    requested_priority: null,
    metadata: {},
    timeout_ms: 1_000,
    max_retries: 3,
    deadline: null,
    source: 'rest',
  }),
  'llmq.message.prioritized.v1': (attempt) => ({
    priority: 'high',
    reason: attempt === 1 ? 'explicit' : 'retry',
    attempt,
    received_sequence: null,
    timeout_ms: 1_000,
    max_retries: 3,
    received_at: NOW,
  }),
  'llmq.message.scheduled.v1': (attempt) => ({ due_at: NOW, reason: 'retry', attempt }),
  'llmq.message.held.v1': () => ({ behind: 'm0' }),
  'llmq.message.dispatched.v1': (attempt) => ({
    attempt,
    delivery: 1,
    worker: 'w',
    endpoint: 'e',
    model: 'm',
    waited_ms: 0,
    endpoint_reason: 'only one',
  }),
  'llmq.message.attempt-failed.v1': (attempt) => ({
    attempt,
    delivery: 1,
    endpoint: 'e',
    error: ERROR,
    chunks_delivered: 0,
    next_retry_at: null,
  }),
  'llmq.message.deferred.v1': (attempt) => ({
    ...{ attempt, delivery: 1, endpoint: 'e', model: 'm', reason: 'rate_limited', status: 429 },
    ...{ message: 'Too many requests.', retry_after_ms: 2_000 },
  }),
  'llmq.message.rerouted.v1': (attempt) => ({
    ...{ attempt, delivery: 1, mode: 'again', delivered_characters: 0 },
    from: { endpoint: 'e', model: 'm', error: ERROR },
    to: { endpoint: 'f', model: 'm' },
  }),
  'llmq.message.completed.v1': (attempt) => ({
    attempt,
    delivery: 1,
    answer: { content: 'hi' },
    finish_reason: 'stop',
    endpoint: 'e',
    model: 'm-2',
    usage: null,
    queue_ms: 0,
    first_token_ms: null,
    total_ms: 1,
  }),
  'llmq.message.dead-lettered.v1': (attempt) => ({ reason: 'retries_exhausted', attempt, error: ERROR }),
  'llmq.message.requeued.v1': () => ({ by: 'admin', reason: 'again' }),
  'llmq.message.dead-letter-discarded.v1': () => ({ by: 'admin', reason: 'again' }),
  'llmq.message.cancelled.v1': () => ({ by: 'user', reason: 'no longer wanted' }),
  'llmq.message.expired.v1': () => ({ reason: 'deadline' }),
  'llmq.message.webhook-tried.v1': (tries) => ({
    ...{ webhook: WEBHOOK, tries, outcome: 'retrying', reason: 'bad_status', status: 500 },
    ...{ duration_ms: 1, next_try_at: NOW },
  }),
  'llmq.message.webhook-wanted.v1': () => ({ webhook: WEBHOOK, by: 'admin' }),
  'llmq.message.content-erased.v1': () => ({ by: 'service', reason: 'age', events: [] }),
};

function sample<T extends MessageEventType>(type: T, attempt = 1, now = NOW): MessageEvent {
  return messageEvent(context(now), type, DATA[type](attempt)) as MessageEvent;
}

const RECEIVED = sample('llmq.message.received.v1');

/** Folds events that lie at the sequences from `first` on. */
function fold(events: readonly MessageEvent[], state: MessageState | null = null, first = 1) {
  return events.reduce<MessageState | null>(
    (folded, event, index) => evolve(folded, event, first + index),
    state,
  );
}

function life(...rest: MessageEvent[]): MessageState {
  return fold([RECEIVED, ...rest])!;
}

const anyEvent = fc
  .tuple(fc.constantFrom(...MESSAGE_EVENT_TYPES), fc.integer({ min: 1, max: 4 }))
  .map(([type, attempt]) => sample(type, attempt));
const anyLife = fc.array(anyEvent, { maxLength: 30 }).map((rest) => [RECEIVED, ...rest]);

describe('evolve', () => {
  it('refuses events of a message that was never received', () => {
    for (const type of MESSAGE_EVENT_TYPES) {
      const fromNothing = () => evolve(null, sample(type), 1);
      if (type === 'llmq.message.received.v1') expect(fromNothing().status).toBe('pending');
      else expect(fromNothing).toThrow(OrphanEventError);
    }
  });

  it('follows a message to its answer', () => {
    expect(life(sample('llmq.message.prioritized.v1'))).toMatchObject({
      status: 'pending',
      priority: 'high',
      priorityReason: 'explicit',
      attempts: 0,
    });
    const called = [sample('llmq.message.prioritized.v1'), sample('llmq.message.dispatched.v1')];
    expect(life(...called)).toMatchObject({ status: 'processing', attempts: 1, openAttempts: 1 });
    expect(life(...called, sample('llmq.message.completed.v1'))).toMatchObject({
      status: 'completed',
      terminalSequence: 4,
      completedAt: NOW,
      model: 'm-2',
      openAttempts: 0,
    });
  });

  it('keeps the reason of the priority over a retry, and waits for the next attempt', () => {
    const failed = [
      sample('llmq.message.prioritized.v1'),
      sample('llmq.message.dispatched.v1'),
      sample('llmq.message.attempt-failed.v1'),
      sample('llmq.message.scheduled.v1', 2),
    ];
    expect(life(...failed)).toMatchObject({ status: 'scheduled', currentAttempt: 2, scheduledAt: NOW });
    const again = life(...failed, sample('llmq.message.prioritized.v1', 2));
    expect(again).toMatchObject({ status: 'pending', priorityReason: 'explicit', scheduledAt: null });
  });

  it('counts a late word on an earlier attempt as a call, and lets it move nothing else', () => {
    const state = life(
      sample('llmq.message.dispatched.v1', 1),
      sample('llmq.message.scheduled.v1', 2),
      sample('llmq.message.dispatched.v1', 1),
      sample('llmq.message.attempt-failed.v1', 1),
    );
    expect(state).toMatchObject({ status: 'scheduled', currentAttempt: 2, attempts: 2, openAttempts: 1 });
  });

  it('counts lost calls afresh after a known outcome', () => {
    const lost = [sample('llmq.message.dispatched.v1'), sample('llmq.message.dispatched.v1', 1, LATER)];
    expect(life(...lost).openAttempts).toBe(2);
    expect(life(...lost, sample('llmq.message.attempt-failed.v1')).openAttempts).toBe(0);
  });

  it('counts a call once that is told twice, since its append was in doubt', () => {
    const called = sample('llmq.message.dispatched.v1');
    const once = life(sample('llmq.message.prioritized.v1'), called);
    expect(evolve(once, called, 4)).toBe(once);
    expect(evolve(once, sample('llmq.message.dispatched.v1', 1, LATER), 4).attempts).toBe(2);
  });

  it('takes back a call that was not taken, however often that is told', () => {
    const waits = [sample('llmq.message.prioritized.v1')];
    const called = [...waits, sample('llmq.message.dispatched.v1')];
    const deferred = sample('llmq.message.deferred.v1');
    const state = life(...called, deferred, deferred);
    expect(state).toMatchObject({
      ...{ status: 'pending', attempts: 0, openAttempts: 0, currentAttempt: 1 },
      ...{ startedAt: null, waitedMs: null, scheduledAt: null },
      error: { code: 'rate_limited', status: 429, retryable: true, retry_after_ms: 2_000 },
    });
    const remote = { status: 429, code: 'insufficient_quota', type: 'their_type', param: null };
    const told = { ...deferred, data: { ...deferred.data, remote } } as MessageEvent;
    expect(life(...called, told).error).toMatchObject({ code: 'rate_limited', remote });
    const answered = life(...called, deferred, ...called.slice(1), sample('llmq.message.completed.v1'));
    expect(answered).toMatchObject({ status: 'completed', attempts: 1, error: null });
  });

  it('keeps the calls of before that were taken, and forgets lost ones', () => {
    const lost = [sample('llmq.message.dispatched.v1'), sample('llmq.message.dispatched.v1', 1, LATER)];
    expect(life(...lost, sample('llmq.message.deferred.v1'))).toMatchObject({ attempts: 1, openAttempts: 0 });
  });

  it('counts a call that moves to another deployment once', () => {
    const moved = life(sample('llmq.message.dispatched.v1'), sample('llmq.message.rerouted.v1'));
    expect(moved).toMatchObject({ status: 'processing', attempts: 1, openAttempts: 1, error: null });
  });

  it('gives a requeued message another life', () => {
    const state = life(sample('llmq.message.dead-lettered.v1'), sample('llmq.message.requeued.v1'));
    expect(state).toMatchObject({
      status: 'pending',
      error: null,
      terminalSequence: null,
      completedAt: null,
    });
    expect(evolve(state, sample('llmq.message.completed.v1'), 9).terminalSequence).toBe(9);
  });

  it('moves a requeued turn to where it was requeued, unless it had not ended', () => {
    const received = {
      ...RECEIVED,
      data: { ...RECEIVED.data, conversation_id: 'c' },
    } as MessageEvent;
    const dead = sample('llmq.message.dead-lettered.v1');
    const again = sample('llmq.message.requeued.v1');
    const placeAfter = (...events: MessageEvent[]) => fold([received, ...events])?.turnSequence;
    expect(placeAfter(dead)).toBe(1);
    expect(placeAfter(dead, again)).toBe(3);
    expect(placeAfter(again)).toBe(1);
    expect(placeAfter(dead, again, again)).toBe(3);
  });

  it('is the same after any part of the log was folded again', () => {
    fc.assert(
      fc.property(anyLife, fc.nat(), (events, cut) => {
        const once = fold(events);
        const prefix = events.slice(0, (cut % events.length) + 1);
        expect(fold(prefix, once)).toEqual(once);
      }),
    );
  });

  it('does not depend on where the fold was interrupted', () => {
    fc.assert(
      fc.property(anyLife, fc.nat(), (events, cut) => {
        const at = cut % events.length;
        const before = fold(events.slice(0, at));
        expect(fold(events.slice(at), before, at + 1)).toEqual(fold(events));
      }),
    );
  });

  it('counts the first terminal event of a life and no other', () => {
    fc.assert(
      fc.property(anyLife, (events) => {
        const lives = events.filter(({ type }) => type !== 'llmq.message.requeued.v1');
        const state = fold(lives)!;
        const first = lives.findIndex(isTerminal);
        expect(state.terminalSequence).toBe(first === -1 ? null : first + 1);
        if (first !== -1) expect(fold(lives.slice(0, first + 1))).toEqual(state);
      }),
    );
  });

  it('has a terminal sequence exactly when it has a terminal status', () => {
    fc.assert(
      fc.property(anyLife, (events) => {
        const state = fold(events)!;
        expect(state.terminalSequence !== null).toBe(isTerminalStatus(state.status));
        expect(state.completedAt !== null).toBe(isTerminalStatus(state.status));
      }),
    );
  });

  it('never counts more open calls than calls, nor goes back to an earlier attempt', () => {
    fc.assert(
      fc.property(anyLife, (events) => {
        let attempt = 1;
        events.reduce<MessageState | null>((state, event, index) => {
          const next = evolve(state, event, index + 1);
          expect(next.openAttempts).toBeLessThanOrEqual(next.attempts);
          expect(next.currentAttempt).toBeGreaterThanOrEqual(attempt);
          attempt = next.currentAttempt;
          return next;
        }, null);
      }),
    );
  });
});
