/**
 * Where something stands in a trace, in the fields of W3C Trace Context. CloudEvents have them as extensions by the same
 * names. Neither is there where nobody traces.
 */
export interface TraceContext {
  readonly traceparent?: string;
  /** What other systems have to say of the trace; nothing of ours. */
  readonly tracestate?: string;
}

/** No trace. */
export const UNTRACED: TraceContext = {};

const TRACE_PARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
/** As much as W3C Trace Context, section 3.3.1.5, has everybody hand on. */
const MOST_TRACE_STATE = 512;
const PRINTABLE = /^[\x20-\x7e]+$/;

/** The trace that a caller names. W3C Trace Context has receivers ignore a broken `traceparent`, and then its `tracestate` too. */
export function traceContextOf(traceparent: unknown, tracestate?: unknown): TraceContext {
  if (typeof traceparent !== 'string' || !TRACE_PARENT.test(traceparent)) return UNTRACED;
  return isTraceState(tracestate) ? { traceparent, tracestate } : { traceparent };
}

function isTraceState(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MOST_TRACE_STATE && PRINTABLE.test(value);
}

/** The two fields alone, of an event or of whatever else has them. */
export function traceOf({ traceparent, tracestate }: TraceContext): TraceContext {
  if (traceparent === undefined) return UNTRACED;
  return tracestate === undefined ? { traceparent } : { traceparent, tracestate };
}

/** Whether spans of this trace are kept: the lowest bit of its flags. */
export function isSampled(traceparent: string | undefined): traceparent is string {
  return traceparent !== undefined && (Number.parseInt(traceparent.slice(-1), 16) & 1) === 1;
}

/** The same trace, of which whoever comes next keeps nothing. */
export function unsampled(context: TraceContext): TraceContext {
  const { traceparent } = context;
  if (!isSampled(traceparent)) return context;
  const flags = Number.parseInt(traceparent.slice(-2), 16) & ~1;
  return { ...traceOf(context), traceparent: `${traceparent.slice(0, -2)}${hex(flags)}` };
}

function hex(flags: number): string {
  return flags.toString(16).padStart(2, '0');
}

export interface TraceIds {
  readonly traceId: string;
  readonly spanId: string;
  readonly flags: number;
}

/** Of a `traceparent` that was checked when it came. */
export function traceIdsOf(traceparent: string): TraceIds {
  const [, traceId = '', spanId = '', flags = '00'] = traceparent.split('-');
  return { traceId, spanId, flags: Number.parseInt(flags, 16) };
}
