import type { LogEvent } from '../domain/log-event.events.js';
import { isSampled, type TraceContext, traceOf } from '../domain/trace-context.policy.js';
import { areSpansMade, type Span, SpanKind, spanIn } from '../platform/telemetry/spans.js';

/** As many as the SDK keeps. */
const MOST_LINKS = 128;

/**
 * The span of an append, until its events are on disk. One append may hold events of many messages: it is in the trace of
 * the first that is kept, and leads to the others.
 *
 * @param parent what the append is a part of; the message's own trace when absent
 */
export function appendSpan(events: readonly LogEvent[], parent?: TraceContext): Span | null {
  if (!areSpansMade()) return null;
  const first = events.find(({ traceparent }) => isSampled(traceparent));
  if (first === undefined) return null;
  const links: TraceContext[] = [];
  let last = first.traceparent;
  for (const event of events) {
    if (event.traceparent === last || !isSampled(event.traceparent) || links.length === MOST_LINKS) continue;
    links.push(traceOf(event));
    last = event.traceparent;
  }
  const attributes = {
    'messaging.system': 'nats',
    'messaging.operation.type': 'send',
    'messaging.batch.message_count': events.length,
    'llmq.events': [...new Set(events.map(({ type }) => type))],
  };
  return spanIn(parent ?? traceOf(first), 'append', { kind: SpanKind.PRODUCER, attributes, links });
}
