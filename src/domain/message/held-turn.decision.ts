import { traceOf } from '../trace-context.policy.js';
import type { Lane } from './lane.policy.js';
import {
  type EventContext,
  type MessageEventOf,
  type MessagePrioritized,
  type MessageReceived,
  messageEvent,
} from './message.events.js';

/** A turn gives its place in the lane back: an earlier one has to end first. */
export function hold(context: EventContext, behind: string): MessageEventOf<'llmq.message.held.v1'> {
  return messageEvent(context, 'llmq.message.held.v1', { behind });
}

/** A held turn goes back into the lane it waited in, as the attempt that it was held with. */
export function turnReady(
  received: MessageReceived,
  {
    lane,
    attempt,
    receivedSequence,
  }: { readonly lane: Lane; readonly attempt: number; readonly receivedSequence: number },
  { now, newId }: Pick<EventContext, 'now' | 'newId'>,
): MessagePrioritized {
  const { subject: messageId, tenant, data } = received;
  const context = { messageId, tenant, lane, now, newId, ...traceOf(received) };
  return messageEvent(context, 'llmq.message.prioritized.v1', {
    priority: lane,
    reason: 'turn_ready',
    attempt,
    received_sequence: receivedSequence,
    timeout_ms: data.timeout_ms,
    max_retries: data.max_retries,
    received_at: received.time,
    deadline: data.deadline,
    backoff: data.backoff,
    ...(data.request.model === null ? {} : { model: data.request.model }),
  });
}
