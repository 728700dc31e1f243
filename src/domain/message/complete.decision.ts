import { elapsedMs } from './dispatch.decision.js';
import {
  type Accounting,
  type EventContext,
  type HistoryNote,
  type MessageCompleted,
  type MessageEventData,
  type MessagePrioritized,
  messageEvent,
} from './message.events.js';

export interface AnsweredCall {
  readonly delivery: number;
  readonly endpoint: string;
  /** By the name that clients ask for. */
  readonly model: string;
  /** What the endpoint calls it, where it has a name of its own for it. */
  readonly endpointModel?: string | null;
  readonly answer: MessageEventData['llmq.message.completed.v1']['answer'];
  readonly finishReason: string | null;
  readonly usage: MessageEventData['llmq.message.completed.v1']['usage'];
  /** What else the endpoint said of its answer. */
  readonly extra?: Readonly<Record<string, unknown>> | undefined;
  readonly accounting?: Accounting | null;
  /** What of its conversation did not fit; absent where all did. */
  readonly history?: HistoryNote | null;
  /** When the call began, ISO 8601. */
  readonly calledAt: string;
  /** From the call to the first piece of the answer. */
  readonly firstTokenMs: number | null;
}

/** An answered call completes its message; the times are counted from when the message was received. */
export function complete(
  context: EventContext,
  prioritized: MessagePrioritized,
  call: AnsweredCall,
): MessageCompleted {
  const queueMs = elapsedMs(prioritized.data.received_at, call.calledAt);
  return messageEvent(context, 'llmq.message.completed.v1', {
    attempt: prioritized.data.attempt,
    delivery: call.delivery,
    answer: call.answer,
    finish_reason: call.finishReason,
    endpoint: call.endpoint,
    model: call.model,
    ...(call.endpointModel == null ? {} : { endpoint_model: call.endpointModel }),
    usage: call.usage,
    ...(call.extra === undefined ? {} : { extra: call.extra }),
    ...(call.accounting == null ? {} : { accounting: call.accounting }),
    ...(call.history == null ? {} : { history: call.history }),
    queue_ms: queueMs,
    first_token_ms: call.firstTokenMs,
    total_ms: queueMs + elapsedMs(call.calledAt, context.now),
  });
}
