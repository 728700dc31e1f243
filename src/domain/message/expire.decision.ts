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
  const isWhy = error !== null && (NOT_NOW_REASONS as readonly string[]).includes(error.code);
  const reason =
    cause === 'retry'
      ? `The next attempt would have come after the deadline, ${deadline}.`
      : `The deadline, ${deadline}, passed ${untilThen(error, isWhy)}.`;
  return messageEvent(context, 'llmq.message.expired.v1', { reason, ...(isWhy ? { error } : {}) });
}

/** What had not come by then; a message without an error was not called since it was accepted or put back. */
function untilThen(error: AttemptError | null, isWhy: boolean): string {
  if (error === null) return 'before a model was called';
  return isWhy ? 'before an endpoint took the call' : 'after an attempt that failed, before the next one';
}
