import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type EventContext, type MessageEvent, messageEvent } from './message.events.js';
import { project, type SequencedEvent } from './message.projection.js';
import type { MessageState } from './message.state.js';
import { addUsage, type UsageRow } from './usage.projection.js';

const LIFE = { timeout_ms: 1, max_retries: 1 };

function context(id: string, minute: number): EventContext {
  const now = new Date(Date.UTC(2026, 2, 1, 8, minute)).toISOString();
  return { messageId: id, tenant: 'red', lane: 'normal', now, newId: () => 'e' };
}

function received(id: string): MessageEvent {
  return messageEvent(context(id, 0), 'llmq.message.received.v1', {
    ...{ ...LIFE, request: { content: 'x', model: null, parameters: {} }, stream: false, user_id: 'ann' },
    ...{ conversation_id: null, requested_priority: null, metadata: {}, deadline: null, source: 'rest' },
    key_name: 'shop',
  });
}

function completed(id: string, minute: number, accounted = true): MessageEvent {
  return messageEvent(context(id, minute), 'llmq.message.completed.v1', {
    ...{ attempt: 1, delivery: 1, answer: { content: 'y' }, finish_reason: 'stop', endpoint: 'gpu' },
    ...{ model: 'upstream-name', usage: { prompt_tokens: 2, completion_tokens: 3 } },
    ...{ queue_ms: 1, first_token_ms: null, total_ms: 1 },
    ...(accounted && {
      accounting: {
        ...{ model: 'small', estimated: false, input_tokens: 2, output_tokens: 3, cached_tokens: 1 },
        ...{ reasoning_tokens: null, price: null, cost_nanos: 70 },
      },
    }),
  });
}

const failed = (id: string): MessageEvent =>
  messageEvent(context(id, 1), 'llmq.message.attempt-failed.v1', {
    ...{ attempt: 1, delivery: 1, endpoint: 'gpu', chunks_delivered: 4, next_retry_at: null },
    error: { code: 'broken_stream', message: 'cut', retryable: true, status: null },
  });

function fold(events: readonly MessageEvent[], cuts: readonly number[]): UsageRow[] {
  const sequenced = events.map((event, index): SequencedEvent => ({ sequence: index + 1, event }));
  const known = new Map<string, MessageState>();
  const usage = new Map<string, UsageRow>();
  const ends = [...cuts.map((cut) => cut % (events.length + 1)), events.length].sort((a, b) => a - b);
  let from = 0;
  for (const end of ends) {
    const rows = project(known, sequenced.slice(from, end));
    for (const [id, state] of rows.messages) known.set(id, state);
    for (const row of rows.usage.values()) addUsage(usage, row);
    from = end;
  }
  return [...usage.values()].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

it('counts a message once, by its first end, and no failed call', () => {
  const events = [received('a'), failed('a'), completed('a', 5), completed('a', 6), completed('a', 61)];
  expect(fold(events, [])).toEqual([
    {
      ...{ hour: '2026-03-01T08:00:00.000Z', tenant: 'red', userId: 'ann', keyName: 'shop' },
      ...{
        model: 'small',
        endpoint: 'gpu',
        messages: 1,
        summaries: 0,
        estimated: 0,
        unmetered: 0,
        unpriced: 0,
      },
      ...{ inputTokens: 2, cachedTokens: 1, outputTokens: 3, reasoningTokens: 0, costNanos: 70 },
    },
  ]);
  const cancelled = messageEvent(context('b', 1), 'llmq.message.cancelled.v1', { by: 'x', reason: '' });
  expect(fold([received('b'), failed('b'), cancelled, completed('b', 2)], [])).toEqual([]);
});

it('counts by the usage where a message has no accounting, and has no cost then', () => {
  expect(fold([received('a'), completed('a', 5, false)], [])).toMatchObject([
    { model: 'upstream-name', inputTokens: 2, outputTokens: 3, unpriced: 1, unmetered: 0, costNanos: 0 },
  ]);
});

it('comes to the same sums however the log is cut into batches', () => {
  const life = fc.tuple(fc.nat({ max: 20 }), fc.nat({ max: 150 }), fc.boolean(), fc.nat({ max: 2 }));
  fc.assert(
    fc.property(fc.array(life, { maxLength: 20 }), fc.array(fc.nat({ max: 100 })), (lives, cuts) => {
      const events = lives.flatMap(([id, minute, accounted, again]) => [
        received(`m${id}`),
        ...Array.from({ length: 1 + again }, (_, more) => completed(`m${id}`, minute + more, accounted)),
      ]);
      const whole = fold(events, []);
      expect(fold(events, cuts)).toEqual(whole);
      const messages = new Set(lives.map(([id]) => id)).size;
      expect(whole.reduce((sum, row) => sum + row.messages, 0)).toBe(messages);
    }),
  );
});
