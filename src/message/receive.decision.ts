import {
  type EventContext,
  type MessageEventData,
  type MessagePrioritized,
  type MessageReceived,
  messageEvent,
} from './message.events.js';
import type { Prioritization } from './prioritize.decision.js';

/**
 * A validated submission becomes two events that are one append: received, and in its lane. The worker finds the request
 * right before the lane's event.
 */
export function receive(
  context: EventContext,
  submission: MessageEventData['llmq.message.received.v1'],
  prioritization: Prioritization,
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
      analysis: prioritization.analysis,
    }),
  ];
}
