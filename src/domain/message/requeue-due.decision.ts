import {
  type Analysis,
  type BackoffChoice,
  type EventContext,
  type MessagePrioritized,
  type MessageReceived,
  type MessageScheduled,
  messageEvent,
  type PriorityReason,
} from './message.events.js';

/** What a schedule carries to the moment the message is due. */
export interface DueMessage {
  readonly priority: EventContext['lane'];
  readonly attempt: number;
  readonly receivedSequence: number;
  readonly timeoutMs: number;
  readonly maxRetries: number;
  readonly receivedAt: string;
  /** Absent for a retry. */
  readonly reason?: PriorityReason | null;
  readonly deadline?: string | null;
  readonly backoff?: BackoffChoice | null;
  readonly conversationId?: string | null;
  readonly analysis?: Analysis | null;
  /** The wanted model; null for the default one. Absent where an earlier version wrote the schedule and did not say. */
  readonly model?: string | null;
}

/** A message whose time has come goes to the end of its lane. */
export function requeueDue(context: EventContext, due: DueMessage): MessagePrioritized {
  return messageEvent(context, 'llmq.message.prioritized.v1', {
    priority: due.priority,
    reason: due.reason ?? 'retry',
    attempt: due.attempt,
    received_sequence: due.receivedSequence,
    timeout_ms: due.timeoutMs,
    max_retries: due.maxRetries,
    received_at: due.receivedAt,
    ...(due.deadline == null ? {} : { deadline: due.deadline }),
    ...(due.backoff == null ? {} : { backoff: due.backoff }),
    ...(due.conversationId == null ? {} : { conversation_id: due.conversationId }),
    ...(due.analysis == null ? {} : { analysis: due.analysis }),
    ...(due.model == null ? {} : { model: due.model }),
  });
}

/** What a delayed message's schedule carries. Its time in the queue counts from when it is due: it asked for the delay. */
export function delayedMessage(
  received: MessageReceived,
  receivedSequence: number,
  { data: { attempt, due_at, priority_reason, analysis } }: MessageScheduled,
): DueMessage {
  const { data, lane } = received;
  return {
    ...{ priority: lane, attempt, receivedSequence },
    timeoutMs: data.timeout_ms,
    maxRetries: data.max_retries,
    receivedAt: due_at,
    reason: priority_reason ?? 'default',
    deadline: data.deadline,
    backoff: data.backoff ?? null,
    conversationId: data.conversation_id,
    analysis: analysis ?? null,
    model: data.request.model,
  };
}
