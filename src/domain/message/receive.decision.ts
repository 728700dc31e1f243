import {
  type EventContext,
  type MessageEventData,
  type MessagePrioritized,
  type MessageReceived,
  type MessageScheduled,
  messageEvent,
} from './message.events.js';
import type { Prioritization } from './prioritize.decision.js';

/**
 * A validated submission becomes two events that are one append: received, and in its lane. The worker finds the request
 * right before the lane's event. One that is not due yet gets its time in place of its lane.
 */
export function receive(
  context: EventContext,
  submission: MessageEventData['llmq.message.received.v1'],
  prioritization: Prioritization,
): [MessageReceived, MessagePrioritized | MessageScheduled] {
  const received = messageEvent(context, 'llmq.message.received.v1', submission);
  if (submission.due_at != null) return [received, delayed(context, submission.due_at, prioritization)];
  const prioritized = messageEvent(context, 'llmq.message.prioritized.v1', {
    priority: prioritization.priority,
    reason: prioritization.reason,
    attempt: 1,
    received_sequence: null,
    timeout_ms: submission.timeout_ms,
    max_retries: submission.max_retries,
    received_at: context.now,
    ...(prioritization.analysis == null ? {} : { analysis: prioritization.analysis }),
    ...(submission.deadline === null ? {} : { deadline: submission.deadline }),
    ...(submission.backoff == null ? {} : { backoff: submission.backoff }),
    ...(submission.request.model === null ? {} : { model: submission.request.model }),
  });
  return [received, prioritized];
}

/** What the prioritization found is kept for the moment the message is due. */
function delayed(
  context: EventContext,
  dueAt: string,
  { reason, analysis }: Prioritization,
): MessageScheduled {
  return messageEvent(context, 'llmq.message.scheduled.v1', {
    ...{ due_at: dueAt, reason: 'delay', attempt: 1, priority_reason: reason },
    ...(analysis == null ? {} : { analysis }),
  });
}
