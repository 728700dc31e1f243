import { type TraceContext, traceIdsOf, UNTRACED } from '../../domain/trace-context.policy.js';

export interface AboutMessage {
  readonly message_id: string;
  /** By the names that OpenTelemetry gives them in logs. */
  readonly trace_id?: string;
  readonly span_id?: string;
}

/** The fields of each log line about a message: which it is, and the trace that it is in. */
export function aboutMessage(messageId: string, { traceparent }: TraceContext = UNTRACED): AboutMessage {
  if (traceparent === undefined) return { message_id: messageId };
  const { traceId, spanId } = traceIdsOf(traceparent);
  return { message_id: messageId, trace_id: traceId, span_id: spanId };
}
