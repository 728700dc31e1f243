import { type EventContext, type MessageDeadLettered, messageEvent } from './message.events.js';

/** A message over which so many workers died is taken for the cause, and kept from killing more. */
export function giveUp(context: EventContext, attempt: number, lostCalls: number): MessageDeadLettered {
  return messageEvent(context, 'llmq.message.dead-lettered.v1', {
    reason: 'lost_workers',
    attempt,
    error: {
      code: 'lost_workers',
      message: `${lostCalls} calls of this message ended with the death of their worker.`,
      retryable: false,
      status: null,
    },
  });
}
