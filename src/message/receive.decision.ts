import {
  type EventContext,
  type MessageEventData,
  type MessagePrioritized,
  type MessageReceived,
  messageEvent,
} from './message.events.js';
import type { Prioritization } from './prioritize.decision.js';

/** Requests up to this many characters of JSON are copied into MessagePrioritized, so that a worker needs no second read. */
export const INLINE_REQUEST_LIMIT = 8 * 1024;

/**
 * A validated submission becomes two events that are one append: received, and in its lane.
 * `requestLength` is the length of the request as JSON, in characters.
 */
export function receive(
  context: EventContext,
  submission: MessageEventData['llmq.message.received.v1'],
  prioritization: Prioritization,
  requestLength: number,
): [MessageReceived, MessagePrioritized] {
  return [
    messageEvent(context, 'llmq.message.received.v1', submission),
    messageEvent(context, 'llmq.message.prioritized.v1', {
      priority: prioritization.priority,
      reason: prioritization.reason,
      attempt: 1,
      received_sequence: null,
      timeout_ms: submission.timeout_ms,
      max_retries: submission.max_retries,
      received_at: context.now,
      ...(requestLength <= INLINE_REQUEST_LIMIT ? { request: submission.request } : {}),
    }),
  ];
}
