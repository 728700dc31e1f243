import { type EventContext, type MessagePrioritized, messageEvent } from './message.events.js';

/** What a schedule carries from the failure to the moment the message is due. */
export interface DueMessage {
  readonly priority: EventContext['lane'];
  readonly attempt: number;
  readonly receivedSequence: number;
  readonly timeoutMs: number;
  readonly maxRetries: number;
  readonly receivedAt: string;
}

/** A message whose time has come goes back to the end of its lane. */
export function requeueDue(context: EventContext, due: DueMessage): MessagePrioritized {
  return messageEvent(context, 'llmq.message.prioritized.v1', {
    priority: due.priority,
    reason: 'retry',
    attempt: due.attempt,
    received_sequence: due.receivedSequence,
    timeout_ms: due.timeoutMs,
    max_retries: due.maxRetries,
    received_at: due.receivedAt,
  });
}
