import { v7 as uuidv7 } from 'uuid';
import { cloudEvent } from '../../src/domain/cloud-event.events.js';
import type { LogEvent } from '../../src/domain/log-event.events.js';
import type { Lane } from '../../src/domain/message/lane.policy.js';
import {
  type EventContext,
  type MessageEvent,
  messageEvent,
} from '../../src/domain/message/message.events.js';

export interface SampleOptions {
  readonly content?: string;
  readonly tenant?: string;
  readonly lane?: Lane;
}

function context({ tenant = 'default', lane = 'normal' }: SampleOptions): EventContext {
  return { messageId: uuidv7(), tenant, lane, now: '2026-01-02T03:04:05.678Z', newId: uuidv7 };
}

/** The two events of one accepted message. */
export function accepted(options: SampleOptions = {}): [MessageEvent, MessageEvent] {
  const ctx = context(options);
  const request = { content: options.content ?? 'hello', model: null, parameters: {} };
  return [
    messageEvent(ctx, 'llmq.message.received.v1', {
      request,
      stream: false,
      user_id: 'user-1',
      conversation_id: null,
      requested_priority: null,
      metadata: {},
      timeout_ms: 300_000,
      max_retries: 3,
      deadline: null,
      source: 'rest',
    }),
    messageEvent(ctx, 'llmq.message.prioritized.v1', {
      priority: ctx.lane,
      reason: 'default',
      attempt: 1,
      received_sequence: null,
      timeout_ms: 300_000,
      max_retries: 3,
      received_at: ctx.now,
    }),
  ];
}

export function cancelled(options: SampleOptions = {}): MessageEvent {
  return messageEvent(context(options), 'llmq.message.cancelled.v1', {
    by: 'user-1',
    reason: options.content ?? 'none',
  });
}

/** Not of a message. */
export function paused(): LogEvent {
  const about = { subject: 'low', tenant: 'default', now: '2026-01-02T03:04:05.678Z', newId: uuidv7 };
  return cloudEvent(about, 'llmq.admin.lane-paused.v1', { lane: 'low' as const, by: 'admin', reason: '' });
}

export function ids(events: readonly LogEvent[]): string[] {
  return events.map((event) => event.id);
}

/**
 * Where events like these lie that were stored behind so many records of the broker: `accepted` is one record, every
 * other event is one of its own.
 */
export function positionsOf(events: readonly LogEvent[], recordsBefore = 0): number[] {
  let record = recordsBefore + 1;
  return events.map(({ type }) => (type === 'llmq.message.received.v1' ? 2 * record : 2 * record++ + 1));
}

export function positions(stored: readonly { readonly sequence: number }[]): number[] {
  return stored.map(({ sequence }) => sequence);
}
