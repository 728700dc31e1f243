import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { LogEvent } from '../domain/log-event.events.js';
import { LANES } from '../domain/message/lane.policy.js';
import {
  MESSAGE_EVENT_TYPES,
  type MessageEvent,
  type MessageEventData,
  type MessageEventType,
} from '../domain/message/message.events.js';
import { checkedEvent, parseJson } from './cloud-event.codec.js';
import { MalformedEventError } from './event-log.errors.js';
import { encodeRecord } from './log-record.js';

const encodeEvent = (event: LogEvent) => encodeRecord([event]);
const decodeEvent = (bytes: Uint8Array, sequence: number | null = null) =>
  checkedEvent(parseJson(bytes, sequence), sequence);

/** Any UTF-16, with NUL, controls and surrogates without their partner. */
const text = fc.string({
  unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
});
const someText = text.filter((value) => value !== '');
const time = fc
  .date({ min: new Date('1970-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
  .map((date) => date.toISOString());
const ms = fc.double({ min: 0, max: 1e12, noNaN: true }).map((value) => value + 0);
const count = fc.integer({ min: 1, max: 1_000 });
const natural = fc.nat(1_000);
const lane = fc.constantFrom(...LANES);
const nullable = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });
/** What JSON can hold, as it comes back from it: -0 does not. */
const json = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as unknown);
const record = fc.dictionary(text, json).map((value) => ({ ...value }));
const error = fc.record({
  code: text,
  message: text,
  retryable: fc.boolean(),
  status: nullable(fc.integer()),
});
const usage = fc.record({ prompt_tokens: natural, completion_tokens: natural });
const chatMessage = fc.tuple(record, text).map(([rest, role]) => ({ ...rest, role }));
const request = fc.record(
  { model: nullable(text), parameters: record, content: text, messages: fc.array(chatMessage) },
  { requiredKeys: ['model', 'parameters'] },
);
const reason = fc.oneof(
  fc.constantFrom('explicit', 'default', 'retry', 'turn_ready' as const),
  text.map((id) => `rule:${id}` as const),
);

const webhook = fc.record({
  id: fc.uuid(),
  type: fc.constantFrom('message.completed', 'message.failed'),
  ended_at: time,
  round: count,
});

const data: { [T in MessageEventType]: fc.Arbitrary<unknown> } = {
  'llmq.message.received.v1': fc.record({
    request,
    stream: fc.boolean(),
    user_id: text,
    conversation_id: nullable(text),
    requested_priority: nullable(lane),
    metadata: record,
    timeout_ms: ms,
    max_retries: natural,
    deadline: nullable(time),
    source: fc.constantFrom('rest', 'openai', 'websocket', 'nats'),
  }),
  'llmq.message.prioritized.v1': fc.record(
    {
      priority: lane,
      reason,
      attempt: count,
      received_sequence: nullable(count),
      timeout_ms: ms,
      max_retries: natural,
      received_at: time,
    },
    {
      requiredKeys: [
        ...(['priority', 'reason', 'attempt', 'received_sequence'] as const),
        ...(['timeout_ms', 'max_retries', 'received_at'] as const),
      ],
    },
  ),
  'llmq.message.scheduled.v1': fc.record({
    due_at: time,
    reason: fc.constantFrom('delay', 'retry'),
    attempt: count,
  }),
  'llmq.message.held.v1': fc.record({ behind: text }),
  'llmq.message.dispatched.v1': fc.record({
    attempt: count,
    delivery: count,
    worker: text,
    endpoint: text,
    model: text,
    waited_ms: ms,
    endpoint_reason: text,
  }),
  'llmq.message.attempt-failed.v1': fc.record({
    attempt: count,
    delivery: count,
    endpoint: nullable(text),
    error,
    chunks_delivered: natural,
    next_retry_at: nullable(time),
  }),
  'llmq.message.deferred.v1': fc.record({
    attempt: count,
    delivery: count,
    endpoint: text,
    model: text,
    reason: fc.constantFrom('rate_limited', 'quota_exceeded', 'unavailable', 'refused_connection'),
    status: nullable(natural),
    message: text,
    retry_after_ms: nullable(ms),
  }),
  'llmq.message.rerouted.v1': fc.record({
    attempt: count,
    delivery: count,
    from: fc.record({ endpoint: text, model: text, error }),
    to: fc.record({ endpoint: text, model: text }),
    mode: fc.constantFrom('again', 'fallback', 'continue', 'restart'),
    delivered_characters: natural,
  }),
  'llmq.message.completed.v1': fc.record({
    attempt: count,
    delivery: count,
    answer: fc.tuple(record, nullable(text)).map(([rest, content]) => ({ ...rest, content })),
    finish_reason: nullable(text),
    endpoint: text,
    model: text,
    usage: nullable(usage),
    queue_ms: ms,
    first_token_ms: nullable(ms),
    total_ms: ms,
  }),
  'llmq.message.dead-lettered.v1': fc.record({
    reason: fc.constantFrom('retries_exhausted', 'not_retryable', 'lost_workers'),
    attempt: count,
    error,
  }),
  'llmq.message.requeued.v1': fc.record({ by: text, reason: text }),
  'llmq.message.dead-letter-discarded.v1': fc.record({ by: text, reason: text }),
  'llmq.message.cancelled.v1': fc.record({ by: text, reason: text }),
  'llmq.message.expired.v1': fc.record({ reason: text }),
  'llmq.message.webhook-tried.v1': fc.record({
    ...{ webhook, tries: natural, outcome: fc.constantFrom('delivered', 'retrying', 'failed') },
    ...{ reason: nullable(text), status: nullable(natural), duration_ms: ms, next_try_at: nullable(time) },
  }),
  'llmq.message.webhook-wanted.v1': fc.record({ webhook, by: text }),
  'llmq.message.content-erased.v1': fc.record({
    ...{ by: text, reason: text },
    events: fc.array(fc.record({ sequence: fc.integer({ min: 1 }), event: fc.dictionary(text, text) })),
  }),
};

const events = fc.constantFrom(...MESSAGE_EVENT_TYPES).chain((type) =>
  fc.record(
    {
      specversion: fc.constant('1.0'),
      id: someText,
      source: fc.constant('/llm-message-queue'),
      type: fc.constant(type),
      subject: someText,
      time,
      datacontenttype: fc.constant('application/json'),
      tenant: someText,
      lane,
      traceparent: text,
      data: data[type] as fc.Arbitrary<MessageEventData[typeof type]>,
    },
    {
      requiredKeys: [
        ...(['specversion', 'id', 'source', 'type', 'subject', 'time', 'datacontenttype'] as const),
        ...(['tenant', 'lane', 'data'] as const),
      ],
    },
  ),
) as fc.Arbitrary<MessageEvent>;

const sample = (): Record<string, unknown> => ({
  specversion: '1.0',
  id: 'event-1',
  source: '/llm-message-queue',
  type: 'llmq.message.cancelled.v1',
  subject: 'message-1',
  time: '2026-01-02T03:04:05.678Z',
  datacontenttype: 'application/json',
  tenant: 'default',
  lane: 'low',
  data: { by: 'someone', reason: 'none' },
});
const bytesOf = (value: unknown) => Buffer.from(JSON.stringify(value));

describe('the codec of events', () => {
  it('gives every event back as it was, whatever Unicode it holds', () => {
    fc.assert(
      fc.property(events, (event) => {
        expect(decodeEvent(encodeEvent(event))).toEqual(event);
      }),
      { numRuns: 300 },
    );
  });

  it('keeps a property named __proto__ of a client', () => {
    const metadata = JSON.parse('{"__proto__":{"a":1},"constructor":2}') as Record<string, unknown>;
    const event = {
      ...sample(),
      type: 'llmq.message.received.v1',
      data: {
        ...{ request: { model: null, parameters: metadata }, stream: false, user_id: 'u', metadata },
        ...{ conversation_id: null, requested_priority: null, timeout_ms: 1, max_retries: 0 },
        ...{ deadline: null, source: 'rest' },
      },
    } as unknown as MessageEvent;
    expect(Buffer.from(encodeEvent(decodeEvent(encodeEvent(event))))).toEqual(
      Buffer.from(encodeEvent(event)),
    );
  });

  it('writes UTF-8 in which PostgreSQL and every parser of JSON agree', () => {
    const written = Buffer.from(
      encodeEvent({ ...sample(), subject: 'a\u0000\ud800' } as unknown as MessageEvent),
    );
    expect(written.includes(0)).toBe(false);
    expect(written.toString()).toContain('\\u0000\\ud800');
  });

  it('rejects an event in which any one attribute is missing or of another type', () => {
    for (const key of Object.keys(sample())) {
      const { [key]: _, ...without } = sample();
      expect(() => decodeEvent(bytesOf(without), 7)).toThrow(MalformedEventError);
      expect(() => decodeEvent(bytesOf({ ...sample(), [key]: 42 }), 7)).toThrow('sequence 7');
    }
    expect(() => decodeEvent(bytesOf(sample()))).not.toThrow();
  });

  it('rejects data of another event, unknown types and versions', () => {
    for (const change of [
      { data: { by: 'someone' } },
      { type: 'llmq.message.cancelled.v2' },
      { type: 'toString' },
      { lane: 'urgent' },
      { time: 'yesterday' },
    ]) {
      expect(() => decodeEvent(bytesOf({ ...sample(), ...change }))).toThrow(MalformedEventError);
    }
  });

  it('rejects what is not JSON in UTF-8, with the same error, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(() => decodeEvent(bytes)).toThrow(MalformedEventError);
      }),
    );
    const broken = bytesOf({ ...sample(), subject: 'é' });
    broken[broken.indexOf(0xc3)] = 0xff;
    expect(() => decodeEvent(broken)).toThrow(MalformedEventError);
  });
});
