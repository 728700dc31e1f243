import type { LogEvent } from '../../domain/log-event.events.js';

const ENVELOPE = 500;

/**
 * About how many characters an event holds, so that a batch can be bounded in memory and not only in events: 2,000
 * requests of a mebibyte are too many. Only what clients and models write without a tight limit is looked at.
 */
export function eventWeight({ type, data }: LogEvent): number {
  if (type === 'llmq.message.received.v1') {
    return ENVELOPE + textLength(data.request) + textLength(data.metadata);
  }
  if (type === 'llmq.message.completed.v1') return ENVELOPE + textLength(data.answer);
  return type.startsWith('llmq.conversation.') ? ENVELOPE + textLength(data) : ENVELOPE;
}

export function textLength(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 8;
  let length = 0;
  for (const key of Object.keys(value))
    length += key.length + textLength((value as Record<string, unknown>)[key]);
  return length;
}
