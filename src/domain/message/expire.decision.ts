import {
  type AttemptError,
  type EventContext,
  type MessageExpired,
  messageEvent,
  NOT_NOW_REASONS,
} from './message.events.js';

/** A message is not sent to a model at its deadline or later. Without a deadline it never expires. */
export function isExpired(deadline: string | null | undefined, nowMs: number): boolean {
  return deadline !== null && deadline !== undefined && Date.parse(deadline) <= nowMs;
}

/** What keeps a message from being called at its deadline. `retry`: its next attempt would have come too late. */
export type ExpiryCause = 'waiting' | 'retry';

/** @param error the message's last; told where it is why no endpoint took the message until now */
export function expire(
  context: EventContext,
  deadline: string,
  cause: ExpiryCause,
  error: AttemptError | null = null,
): MessageExpired {
  const reason =
    cause === 'retry'
      ? `The next attempt would have come after the deadline, ${deadline}.`
      : `The deadline, ${deadline}, passed before a model was called.`;
  const isWhy = error !== null && (NOT_NOW_REASONS as readonly string[]).includes(error.code);
  return messageEvent(context, 'llmq.message.expired.v1', { reason, ...(isWhy ? { error } : {}) });
}
