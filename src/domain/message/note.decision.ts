import {
  type EventContext,
  type MessageCancelled,
  type MessageEventData,
  type MessageReceived,
  messageEvent,
} from './message.events.js';

/**
 * A turn that holds what was said elsewhere. It never enters a lane: it ends where it begins, in one append, without an
 * answer, and whoever reads its conversation reads what was said.
 */
export function note(
  context: EventContext,
  said: MessageEventData['llmq.message.received.v1'],
  by: string,
): [MessageReceived, MessageCancelled] {
  const request = { ...said.request, noted: true };
  return [
    messageEvent(context, 'llmq.message.received.v1', { ...said, request }),
    messageEvent(context, 'llmq.message.cancelled.v1', { by, reason: 'it is kept, and no model is asked' }),
  ];
}
