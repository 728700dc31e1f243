import {
  type EventContext,
  type MessageEventData,
  type MessageEventOf,
  type MessagePrioritized,
  messageEvent,
} from './message.events.js';

/** A message that failed for good, and what its request said. */
export interface FailedMessage {
  readonly lastAttempt: number;
  readonly receivedSequence: number;
  readonly received: MessageEventData['llmq.message.received.v1'];
}

/**
 * An admin gives a dead letter another life: back to the end of its lane, with all its retries again.
 *
 * The attempts are numbered on, and the limit is raised by those that were made. A number that came twice would lose the
 * earlier attempt's record, and a retry's dedupe key could be that of its namesake of a minute ago.
 */
export function requeue(
  context: EventContext,
  { lastAttempt, receivedSequence, received }: FailedMessage,
  by: string,
  reason: string,
): [MessageEventOf<'llmq.message.requeued.v1'>, MessagePrioritized] {
  return [
    messageEvent(context, 'llmq.message.requeued.v1', { by, reason }),
    messageEvent(context, 'llmq.message.prioritized.v1', {
      priority: context.lane,
      reason: 'requeue',
      attempt: lastAttempt + 1,
      received_sequence: receivedSequence,
      timeout_ms: received.timeout_ms,
      max_retries: lastAttempt + received.max_retries,
      received_at: context.now,
      ...(received.deadline === null ? {} : { deadline: received.deadline }),
      ...(received.backoff == null ? {} : { backoff: received.backoff }),
      ...(received.conversation_id === null ? {} : { conversation_id: received.conversation_id }),
      ...(received.request.model === null ? {} : { model: received.request.model }),
    }),
  ];
}

/** An admin takes a dead letter off the list. */
export function discard(
  context: EventContext,
  by: string,
  reason: string,
): MessageEventOf<'llmq.message.dead-letter-discarded.v1'> {
  return messageEvent(context, 'llmq.message.dead-letter-discarded.v1', { by, reason });
}
