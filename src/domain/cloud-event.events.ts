/** What every event of the log has: a CloudEvent 1.0 in structured JSON mode, with `tenant`, `traceparent` and `tracestate` as extensions. */
export interface CloudEvent<T extends string, D> {
  specversion: '1.0';
  /** UUIDv7 of this event. */
  id: string;
  source: '/llm-message-queue';
  type: T;
  /** What the event is about: a message's id, a conversation's id, or the name of what an admin changed. */
  subject: string;
  time: string;
  datacontenttype: 'application/json';
  tenant: string;
  traceparent?: string;
  tracestate?: string;
  data: D;
}

/** What an event is told about, and the two things a pure function may not make for itself. */
export interface CloudEventContext {
  readonly subject: string;
  readonly tenant: string;
  /** ISO 8601, UTC, with milliseconds. */
  readonly now: string;
  readonly newId: () => string;
  readonly traceparent?: string | undefined;
}

export function cloudEvent<T extends string, D>(
  { subject, tenant, now, newId, traceparent }: CloudEventContext,
  type: T,
  data: D,
): CloudEvent<T, D> {
  return {
    specversion: '1.0',
    id: newId(),
    source: '/llm-message-queue',
    type,
    subject,
    time: now,
    datacontenttype: 'application/json',
    tenant,
    ...(traceparent === undefined ? {} : { traceparent }),
    data,
  };
}
