import { describe, expect, it } from '@jest/globals';
import { LOG_EVENT_TYPES } from '../domain/log-event.events.js';
import { type MessageEvent, messageEvent } from '../domain/message/message.events.js';
import { evolve, type MessageState } from '../domain/message/message.state.js';
import { MalformedEventError } from './event-log.errors.js';
import { decodeRecord } from './log-record.js';
import { UPCASTS, type Upcast, upcast } from './upcast.js';

const context = { messageId: 'a', tenant: 'default', lane: 'low' as const, now: '2026-01-02T03:04:05.678Z' };
const received = messageEvent({ ...context, newId: () => '1' }, 'llmq.message.received.v1', {
  ...{ request: { content: 'x', model: null, parameters: {} }, stream: false, user_id: 'u' },
  ...{ conversation_id: null, requested_priority: null, metadata: {}, timeout_ms: 1, max_retries: 0 },
  ...{ deadline: null, source: 'rest' as const },
});
const cancelled = messageEvent({ ...context, newId: () => '2' }, 'llmq.message.cancelled.v1', {
  ...{ by: 'ann', reason: 'asked' },
});

/** As if today's version were the third: the first one said who in another word, the second one gave no reason. */
const first = { ...cancelled, type: 'llmq.message.cancelled.v-1', data: { actor: 'ann' } };
const second = { ...cancelled, type: 'llmq.message.cancelled.v0', data: { by: 'ann' } };
const upcasts = new Map<string, Upcast>([
  [
    first.type,
    (event) => {
      const { actor } = event['data'] as { actor: unknown };
      if (typeof actor !== 'string') throw new TypeError('no actor');
      return { ...event, type: second.type, data: { by: actor } };
    },
  ],
  [
    second.type,
    (event) => ({
      ...event,
      type: cancelled.type,
      data: { ...(event['data'] as object), reason: 'asked' },
    }),
  ],
]);
const bytesOf = (...events: unknown[]) => Buffer.from(JSON.stringify(events));

describe('an event of an older version', () => {
  it.each([first, second, cancelled])('is read as one of today: %j', (stored) => {
    const [, last] = decodeRecord(bytesOf(received, stored), 1, upcasts);
    expect(last!.event).toEqual(cancelled);
  });

  it('folds to the same state', () => {
    const state = (stored: unknown) =>
      decodeRecord(bytesOf(received, stored), 1, upcasts).reduce<MessageState | null>(
        (before, { event, sequence }) => evolve(before, event as MessageEvent, sequence),
        null,
      );
    expect(state(first)).toMatchObject({ status: 'cancelled' });
    expect(state(first)).toEqual(state(cancelled));
  });

  it('that makes no sense is malformed, and so is one of a version that nobody knows', () => {
    const read = (stored: object) => () => decodeRecord(bytesOf(stored), 7, upcasts);
    expect(read({ ...first, data: {} })).toThrow(MalformedEventError);
    expect(read({ ...first, data: {} })).toThrow('no actor');
    expect(read({ ...second, data: { by: 7 } })).toThrow(MalformedEventError);
    expect(read({ ...cancelled, type: 'llmq.message.cancelled.v9' })).toThrow('unknown type');
    expect(() => decodeRecord(bytesOf(first), 7)).toThrow('unknown type');
  });

  it('does not send a reader in circles', () => {
    const circle = new Map<string, Upcast>([[second.type, (event) => ({ ...event })]]);
    expect(() => upcast(second, 1, circle)).toThrow('circle');
  });
});

it('has a step from every version that came before one of today', () => {
  const older = LOG_EVENT_TYPES.flatMap((type) => {
    const [, name, version] = /^(.+\.v)(\d+)$/.exec(type)!;
    return Array.from({ length: Number(version) - 1 }, (_, at) => `${name}${at + 1}`);
  });
  expect([...UPCASTS.keys()].sort()).toEqual(older.sort());
});
