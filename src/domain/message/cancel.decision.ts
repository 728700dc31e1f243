import { type EventContext, type MessageCancelled, messageEvent } from './message.events.js';
import { isTerminalStatus, type MessageState } from './message.state.js';

export interface Cancellation {
  /** Who asked for it: the name of an API key, or of a part of the service. */
  readonly by: string;
  /** For people. */
  readonly reason: string;
}

/** Null for a message that has ended: there is nothing left to cancel. */
export function cancel(
  context: EventContext,
  status: MessageState['status'],
  { by, reason }: Cancellation,
): MessageCancelled | null {
  if (isTerminalStatus(status)) return null;
  return messageEvent(context, 'llmq.message.cancelled.v1', { by, reason });
}
