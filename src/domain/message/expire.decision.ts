import { type EventContext, type MessageExpired, messageEvent } from './message.events.js';

/** A message is not sent to a model at its deadline or later. Without a deadline it never expires. */
export function isExpired(deadline: string | null | undefined, nowMs: number): boolean {
  return deadline !== null && deadline !== undefined && Date.parse(deadline) <= nowMs;
}

/** What keeps a message from being called at its deadline. `retry`: its next attempt would have come too late. */
export type ExpiryCause = 'waiting' | 'retry';

export function expire(context: EventContext, deadline: string, cause: ExpiryCause): MessageExpired {
  const reason =
    cause === 'retry'
      ? `The next attempt would have come after the deadline, ${deadline}.`
      : `The deadline, ${deadline}, passed before a model was called.`;
  return messageEvent(context, 'llmq.message.expired.v1', { reason });
}
