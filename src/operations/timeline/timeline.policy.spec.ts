import { cloudEvent } from '../../domain/cloud-event.events.js';
import {
  type EventContext,
  type MessageCompleted,
  type MessageEvent,
  type MessageEventData,
  messageEvent,
} from '../../domain/message/message.events.js';
import type { TimelineReader } from './lane-pauses.policy.js';
import { type TimelineEntry, timelineOf } from './timeline.policy.js';
import { durationWords } from './words.policy.js';

const READER = { role: 'client', tenant: 'default' } as const;
const START = Date.parse('2026-01-01T00:00:00.000Z');

function at(ms: number, id = 'm1'): EventContext {
  return {
    ...{ messageId: id, tenant: 'default', lane: 'high', newId: () => 'e' },
    now: new Date(START + ms).toISOString(),
  };
}

const retry = { timeout_ms: 1_000, max_retries: 3 };

function received(ms: number, id = 'm1'): MessageEvent {
  return messageEvent(at(ms, id), 'llmq.message.received.v1', {
    ...{ request: { content: 'x', model: null, parameters: {} }, stream: false, user_id: 'ann' },
    ...{ conversation_id: 'c1', requested_priority: 'high', metadata: {}, deadline: null, source: 'rest' },
    ...retry,
    replay_of: 'm0',
  });
}

function prioritized(ms: number, reason: 'explicit' | 'retry' | 'rule:vip', attempt = 1): MessageEvent {
  return messageEvent(at(ms), 'llmq.message.prioritized.v1', {
    ...{ priority: 'high', reason, attempt, received_sequence: null, received_at: at(0).now },
    ...retry,
  });
}

type Context = MessageEventData['llmq.message.dispatched.v1']['context'];

function dispatched(ms: number, attempt = 1, delivery = 1, context: Context = null): MessageEvent {
  return messageEvent(at(ms), 'llmq.message.dispatched.v1', {
    ...{ attempt, delivery, worker: 'w1', endpoint: 'gpu-1', model: 'q', waited_ms: ms },
    ...{ endpoint_reason: 'it is the least busy', context },
  });
}

const failed = (ms: number): MessageEvent[] => [
  messageEvent(at(ms), 'llmq.message.attempt-failed.v1', {
    ...{ attempt: 1, delivery: 1, endpoint: 'gpu-1', chunks_delivered: 2, next_retry_at: at(ms + 2_000).now },
    error: { code: 'overloaded', message: 'Too much.', retryable: true, status: 503 },
  }),
  messageEvent(at(ms), 'llmq.message.scheduled.v1', {
    due_at: at(ms + 2_000).now,
    reason: 'retry',
    attempt: 2,
  }),
];

const completed = (ms: number): MessageEvent =>
  messageEvent(at(ms), 'llmq.message.completed.v1', {
    ...{ attempt: 2, delivery: 1, answer: { content: 'y' }, finish_reason: 'stop', endpoint: 'gpu-1' },
    ...{ model: 'q', usage: { prompt_tokens: 1, completion_tokens: 5 }, queue_ms: 10, first_token_ms: 20 },
    total_ms: 90_000,
  });

const texts = (events: readonly MessageEvent[]) =>
  timelineOf(
    events.map((event, index) => ({ sequence: index + 1, event })),
    READER,
  ).map(({ text }) => text);

it('tells a life in words: why this priority, what it waited for, which endpoint and why, each error', () => {
  expect(
    texts([
      received(0),
      prioritized(0, 'explicit'),
      dispatched(1_500),
      ...failed(2_000),
      prioritized(4_000, 'retry', 2),
      dispatched(4_250, 2, 2),
      completed(5_000),
    ]),
  ).toEqual([
    'Received over REST from user ann, as a turn of conversation c1, asking for priority high, repeating message m0.',
    'Put into lane high, because the client asked for it.',
    'Attempt 1: worker w1 calls endpoint gpu-1 with model q, because it is the least busy. It waited 1.5 s for a free place in lane high.',
    'Attempt 1 failed at endpoint gpu-1 (overloaded, HTTP 503): Too much. 2 pieces had been delivered. The next is due at 2026-01-01T00:00:04.000Z.',
    'Attempt 2 is due at 2026-01-01T00:00:04.000Z.',
    'Back in lane high, for attempt 2.',
    'Attempt 2: worker w1 calls endpoint gpu-1 with model q, because it is the least busy. It waited 2 s until its next attempt was due, 250 ms for a free place in lane high.',
    'Answered by endpoint gpu-1 with model q on attempt 2 (stop): 1 token asked and 5 answered. 10 ms in the queue, the first token after 20 ms, 1 min 30 s in all.',
  ]);
});

it('says why an endpoint did not take a call, and what the message waited for then', () => {
  const deferred = messageEvent(at(100), 'llmq.message.deferred.v1', {
    ...{ attempt: 1, delivery: 1, endpoint: 'gpu-1', model: 'q', reason: 'rate_limited', status: 429 },
    // As an endpoint said it, without the end of a sentence.
    ...{ message: 'Too many requests', retry_after_ms: 2_000 },
  });
  expect(
    texts([received(0), prioritized(0, 'explicit'), dispatched(50), deferred, dispatched(2_100)]),
  ).toEqual([
    ...[expect.any(String), expect.any(String), expect.any(String)],
    'Endpoint gpu-1 did not take the call with model q, because its rate is limited (HTTP 429): Too many requests. It asks to wait 2 s. The message waits in its lane again, and attempt 1 is not counted.',
    expect.stringContaining('It waited 2 s for an endpoint that takes it.'),
  ]);
});

it('says what an endpoint calls the model, where that is a third name', () => {
  const answered = completed(5_000) as MessageCompleted;
  const own = { ...answered, data: { ...answered.data, endpoint_model: 'q-2026-01-01' } };
  expect(texts([received(0), own])[1]).toMatch(
    /^Answered by endpoint gpu-1 with model q, which it calls q-2026-01-01, on attempt /,
  );
});

it('says where a call went on, and with what', () => {
  const error = { code: 'broken_stream', message: 'It broke off.', retryable: true, status: null };
  const moved = (mode: 'again' | 'continue', delivered_characters: number) =>
    messageEvent(at(60), 'llmq.message.rerouted.v1', {
      ...{ attempt: 1, delivery: 1, mode, delivered_characters, to: { endpoint: 'gpu-2', model: 'r' } },
      from: { endpoint: 'gpu-1', model: 'q', error },
    });
  expect(texts([received(0), moved('again', 0), moved('continue', 120)]).slice(1)).toEqual([
    'The call at endpoint gpu-1 with model q failed (broken_stream): It broke off. Asked again at endpoint gpu-2 with model r, within attempt 1.',
    'The call at endpoint gpu-1 with model q failed (broken_stream): It broke off. Continued at endpoint gpu-2 with model r, behind 120 characters, within attempt 1.',
  ]);
});

it('tells of a lost worker only where a call was begun and not ended', () => {
  const lost = texts([received(0), prioritized(0, 'explicit'), dispatched(10), dispatched(30_000, 1, 2)]);
  expect(lost[3]).toMatch(/^Attempt 1 \(delivery 2: an earlier worker did not finish it\): /);
  const handedBack = texts([received(0), prioritized(0, 'explicit'), dispatched(10, 1, 3)]);
  expect(handedBack[2]).toMatch(/^Attempt 1: .* It waited 10 ms for a free place in lane high\.$/);
});

it('says for which turn a held message waited', () => {
  const held = messageEvent(at(100), 'llmq.message.held.v1', { behind: 'm0' });
  expect(texts([received(0), prioritized(0, 'rule:vip'), held, dispatched(3_100)]).slice(1)).toEqual([
    'Put into lane high, because rule vip matched.',
    'Held behind turn m0 of its conversation, which has to end first.',
    expect.stringContaining('It waited 100 ms for a free place in lane high, 3 s for turn m0 to end.'),
  ]);
});

it('says what of the conversation was sent, and what did not fit', () => {
  const sentWith = (context: Context) => texts([received(0), dispatched(0, 1, 1, context)])[1];
  const whole = { turns: ['t1', 't2'], tokens: 90, max_tokens: 100, left_out: false };
  expect(sentWith(whole)).toMatch(/in all\. It was sent with 2 earlier turns\.$/);
  expect(sentWith({ ...whole, summarized_up_to: 5, left_out: true })).toMatch(
    /It was sent with a summary and 2 earlier turns\. Older turns did not fit into 100 tokens\.$/,
  );
  expect(sentWith({ ...whole, turns: [], tokens: 130, left_out: true })).toMatch(
    /in all\. Older turns did not fit into 100 tokens\. With the system prompt it is 130 tokens, more than the 100 that it may be; neither is cut\.$/,
  );
});

it('says who cancelled, and that what came later does not count until a requeue', () => {
  const cancelled = messageEvent(at(5), 'llmq.message.cancelled.v1', { by: 'ann', reason: 'changed mind' });
  const requeued = messageEvent(at(8), 'llmq.message.requeued.v1', { by: 'admin', reason: 'fixed' });
  const told = texts([received(0), cancelled, completed(6), requeued, completed(9)]);
  expect(told[1]).toBe('Cancelled by ann: changed mind.');
  expect(told[2]).toMatch(/This came after the end and does not count\.$/);
  expect(told[3]).toBe('Requeued by admin: fixed.');
  expect(told[4]).not.toContain('does not count');
});

it('keeps the waiting of messages apart whose events lie between each other', () => {
  const told = texts([received(0), received(50, 'm2'), prioritized(0, 'explicit'), dispatched(10)]);
  expect(told[3]).toContain('It waited 10 ms for a free place in lane high.');
});

it('writes lengths of time for people', () => {
  expect([0, 999, 1_000, 61_000, 3_600_000, 5_430_000].map(durationWords)).toEqual([
    ...['0 ms', '999 ms', '1 s', '1 min 1 s', '1 h', '1 h 31 min'],
  ]);
});

it('tells of a pause of the lane, and of who paused it and why only whom that is for', () => {
  const about = { subject: 'high', tenant: 'ops', now: at(0).now, newId: () => 'e' };
  const event = cloudEvent(about, 'llmq.admin.lane-paused.v1', {
    ...{ lane: 'high' as const, by: 'root', reason: 'their invoice is due' },
  });
  const told = (reader: TimelineReader) => {
    const [{ text, data }] = timelineOf([{ sequence: 1, event }], reader) as [TimelineEntry];
    return { text, data };
  };
  expect(told({ role: 'admin', tenant: 'red' })).toEqual({
    text: 'Lane high paused.',
    data: { lane: 'high' },
  });
  const whole = { text: 'Lane high paused by root: their invoice is due.', data: event.data };
  expect(told({ role: 'client', tenant: 'ops' })).toEqual(whole);
  expect(told({ role: 'operator', tenant: 'red' })).toEqual(whole);
});
