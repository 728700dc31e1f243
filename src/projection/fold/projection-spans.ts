import { UNTRACED } from '../../domain/trace-context.policy.js';
import { endSpan, enterTrace, SpanKind, spanIn } from '../../platform/telemetry/spans.js';
import { isReplayed, type ProjectedTraces } from './projected-traces.policy.js';

/** As many as the SDK keeps. */
const MOST_LINKS = 128;

/**
 * The spans of a transaction: one in the trace of each message that it wrote. History that is read again gets none there,
 * which would be a second life of the message, but a trace of its own that leads to theirs.
 */
export function makeProjectionSpans({ traces, fromMs, toMs }: ProjectedTraces): void {
  for (const each of traces) {
    if (isReplayed(each, toMs)) continue;
    const { messageId, trace, events } = each;
    const attributes = { 'llmq.message.id': messageId, 'llmq.events': [...events] };
    const span = spanIn(trace, 'project', { kind: SpanKind.CONSUMER, startMs: fromMs, attributes });
    if (span !== null) endSpan(span, null, toMs);
  }
  const replayed = traces.filter((each) => isReplayed(each, toMs));
  if (replayed.length === 0) return;
  const links = replayed.slice(0, MOST_LINKS).map(({ trace }) => trace);
  const attributes = { 'llmq.messages': replayed.length };
  const start = { kind: SpanKind.CONSUMER, startMs: fromMs, attributes, links };
  const span = enterTrace('project again', UNTRACED, start);
  if (span !== null) endSpan(span, null, toMs);
}
