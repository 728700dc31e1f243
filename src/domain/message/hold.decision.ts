import { type EventContext, type MessageEventOf, messageEvent } from './message.events.js';

/** A turn gives its place in the lane back: an earlier one has to end first. */
export function hold(context: EventContext, behind: string): MessageEventOf<'llmq.message.held.v1'> {
  return messageEvent(context, 'llmq.message.held.v1', { behind });
}
