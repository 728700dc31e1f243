import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type MessageEvent, messageEvent } from '../domain/message/message.events.js';
import { MalformedEventError } from './event-log.errors.js';
import type { StoredEvent } from './event-log.port.js';
import {
  decodeRecord,
  encodeRecord,
  eventAt,
  eventsIn,
  firstPositionIn,
  inBatches,
  type LogRecord,
  lastOf,
  toRecords,
} from './log-record.js';

let made = 0;
const context = (messageId: string) => ({
  ...{ messageId, tenant: 'default', lane: 'low' as const, now: '2026-01-02T03:04:05.678Z' },
  newId: () => `event-${++made}`,
});
const received = (messageId = 'a') =>
  messageEvent(context(messageId), 'llmq.message.received.v1', {
    ...{ request: { content: '你好\u0000\ud800', model: null, parameters: {} }, stream: false, user_id: 'u' },
    ...{ conversation_id: null, requested_priority: null, metadata: {}, timeout_ms: 1, max_retries: 0 },
    ...{ deadline: null, source: 'rest' as const },
  });
const prioritized = (messageId = 'a') =>
  messageEvent(context(messageId), 'llmq.message.prioritized.v1', {
    ...{ priority: 'low' as const, reason: 'default' as const, attempt: 1, received_sequence: null },
    ...{ timeout_ms: 1, max_retries: 0, received_at: '2026-01-02T03:04:05.678Z' },
  });
const cancelled = (messageId = 'a') =>
  messageEvent(context(messageId), 'llmq.message.cancelled.v1', { by: 'u', reason: 'none' });

const event: fc.Arbitrary<MessageEvent> = fc
  .tuple(
    fc.constantFrom<((messageId?: string) => MessageEvent)[]>(received, prioritized, cancelled),
    fc.constantFrom('a', 'b'),
  )
  .map(([make, messageId]) => make(messageId));
const append = fc.array(event, { minLength: 1, maxLength: 30 });
const streamSequence = fc.integer({ min: 1, max: 2 ** 40 });
const malformed = { ...cancelled(), data: { by: 42 } };
const bytesOf = (value: unknown) => Buffer.from(JSON.stringify(value));

describe('an append as records', () => {
  it('keeps its events in their order, and those of different messages apart', () => {
    fc.assert(
      fc.property(append, (events) => {
        const records = toRecords(events);
        expect(records.flat()).toEqual(events);
        for (const record of records) expect(new Set(record.map(({ subject }) => subject)).size).toBe(1);
      }),
    );
  });

  it('never puts MessagePrioritized first of two, since its lane would not see it', () => {
    fc.assert(
      fc.property(append, (events) => {
        const lanes = toRecords(events).flatMap((record) => record.slice(0, -1).map(({ type }) => type));
        expect(lanes).not.toContain('llmq.message.prioritized.v1');
      }),
    );
  });

  it('puts a reception and its place in the lane into one, whatever is appended before', () => {
    fc.assert(
      fc.property(append, (before) => {
        const pair = [received('new'), prioritized('new')];
        expect(toRecords([...before, ...pair]).at(-1)).toEqual(pair);
      }),
    );
  });

  it('takes strictly rising positions, of which the last of each record is filed', () => {
    fc.assert(
      fc.property(append, streamSequence, (events, first) => {
        const records = toRecords(events);
        const stored = records.flatMap((record, index) => decodeRecord(encodeRecord(record), first + index));
        expect(stored.map((each) => each.event)).toEqual(events);
        for (const [index, { sequence }] of stored.slice(1).entries()) {
          expect(sequence).toBeGreaterThan(stored[index]!.sequence);
        }
        expect(stored.at(-1)!.sequence).toBe(2 * (first + records.length - 1) + 1);
        expect(lastOf(records.at(-1)!)).toBe(events.at(-1));
      }),
    );
  });
});

describe('a stored record', () => {
  const pair: LogRecord = [received(), prioritized()];
  const bytes = encodeRecord(pair);

  it('gives each event at its own position, and nothing in a gap', () => {
    expect(decodeRecord(bytes, 7)).toEqual([
      { sequence: 14, event: pair[0] },
      { sequence: 15, event: pair[1] },
    ]);
    expect(eventAt(bytes, 14)?.event).toEqual(pair[0]);
    expect(eventAt(bytes, 15)?.event).toEqual(pair[1]);
    const single = encodeRecord([cancelled()]);
    expect(eventAt(single, 14)).toBeNull();
    expect(eventAt(single, 15)?.sequence).toBe(15);
    expect([firstPositionIn(bytes, 7), firstPositionIn(single, 7)]).toEqual([14, 15]);
  });

  it('is one CloudEvent, or a JSON batch of two', () => {
    expect(JSON.parse(Buffer.from(bytes).toString())).toEqual(pair);
    expect(JSON.parse(Buffer.from(encodeRecord([pair[1]!])).toString())).toEqual(pair[1]);
  });

  it('hands out what lies before a malformed event, and what lies behind it', () => {
    const good = cancelled();
    const reading = eventsIn(bytesOf([good, malformed]), 7, 0);
    expect(reading.next().value).toEqual({ sequence: 14, event: good });
    expect(() => reading.next()).toThrow('sequence 15');
    expect(() => decodeRecord(bytesOf([malformed, good]), 7)).toThrow('sequence 14');
    expect([...eventsIn(bytesOf([malformed, good]), 7, 15)]).toEqual([{ sequence: 15, event: good }]);
    expect(eventAt(bytesOf([good, malformed]), 14)?.event).toEqual(good);
  });

  it('is malformed with three events', () => {
    const three = bytesOf([cancelled(), cancelled(), cancelled()]);
    expect(() => decodeRecord(three, 7)).toThrow(MalformedEventError);
    expect(() => decodeRecord(three, 7)).toThrow('sequence 15');
  });

  it('is a stray one where nothing in it says that this service wrote it, whatever else it is', () => {
    const strays = ['no JSON', '', '\u0000', '[]', '[[]]', '7', 'null', '{}', '{"type":7}'];
    const events = ['{"specversion":"1.0","source":"/other","type":"com.example.x"}', '[{"a":1},{},{},{}]'];
    for (const text of [...strays, ...events]) {
      const [stored, ...more] = decodeRecord(Buffer.from(text), 7);
      expect(more).toEqual([]);
      expect([stored!.sequence, stored!.event.type, stored!.event.data]).toEqual([
        ...[15, 'llmq.stray', { bytes: Buffer.byteLength(text) }],
      ]);
      expect(eventAt(Buffer.from(text), 15)?.event).toEqual(stored!.event);
      expect(eventAt(Buffer.from(text), 14)).toBeNull();
    }
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(decodeRecord(bytes, 3)).toHaveLength(1);
      }),
    );
  });

  it('is malformed, and no stray one, where it says so and is not understood', () => {
    for (const claim of [{ source: '/llm-message-queue' }, { type: 'llmq.message.later.v9' }]) {
      expect(() => decodeRecord(bytesOf(claim), 7)).toThrow(MalformedEventError);
      expect(() => decodeRecord(bytesOf([{}, claim]), 7)).toThrow(MalformedEventError);
    }
  });
});

describe('what was read by records, cut for a reader', () => {
  it('is all of it, in batches that are full but for the last', () => {
    fc.assert(
      fc.property(fc.nat(60), fc.integer({ min: 1, max: 20 }), (count, maxBatch) => {
        const event = cancelled();
        const events = Array.from({ length: count }, (_, index): StoredEvent => ({ sequence: index, event }));
        const batches = [...inBatches(events, maxBatch)];
        expect(batches.flat()).toEqual(events);
        for (const batch of batches.slice(0, -1)) expect(batch).toHaveLength(maxBatch);
        for (const batch of batches) expect(batch.length).toBeGreaterThan(0);
      }),
    );
  });
});
