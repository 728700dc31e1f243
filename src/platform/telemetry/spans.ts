import {
  type Attributes,
  type Context,
  createTraceState,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { isSampled, type TraceContext, traceIdsOf, unsampled } from '../../domain/trace-context.policy.js';
import { VERSION } from '../version.js';

export { type Attributes, type Span, SpanKind };

export interface SpanStart {
  readonly kind?: SpanKind;
  readonly attributes?: Attributes;
  /** By the wall clock; now when absent. */
  readonly startMs?: number;
  /** Traces that have to do with it and are not its own. */
  readonly links?: readonly TraceContext[];
}

let tracer: Tracer | null = null;
let keepsNew: (() => boolean) | null = null;

/**
 * From here on spans are made: called once, when there is somebody to export them.
 *
 * @param keeps says of each new trace whether it is kept, and has every caller decide about its own. Asked here, since the
 *   SDK makes an object of a span that is not kept too; null where a sampler of the SDK is to say it
 */
export function makeSpans(keeps: (() => boolean) | null = null): void {
  tracer = trace.getTracer('llm-message-queue', VERSION);
  keepsNew = keeps;
}

export function areSpansMade(): boolean {
  return tracer !== null;
}

/**
 * Where a trace enters the service: the caller's goes on, or one begins. This is the only place where it is decided
 * whether a new trace is kept. Null where it is not.
 *
 * Contexts are handed on by hand. The context of OpenTelemetry's own, which follows asynchronous calls, makes each promise
 * of the process dearer on Node 20, whether or not its trace is kept.
 */
export function enterTrace(name: string, caller: TraceContext, start: SpanStart = {}): Span | null {
  return tracer === null || !isWanted(caller) ? null : recording(tracer, name, caller, start);
}

function isWanted({ traceparent }: TraceContext): boolean {
  if (keepsNew === null) return true;
  return traceparent === undefined ? keepsNew() : isSampled(traceparent);
}

/** A span inside of a trace that is kept; null inside of any other. */
export function spanIn(parent: TraceContext, name: string, start: SpanStart = {}): Span | null {
  if (tracer === null || !isSampled(parent.traceparent)) return null;
  return recording(tracer, name, parent, start);
}

function recording(
  by: Tracer,
  name: string,
  parent: TraceContext,
  { kind = SpanKind.INTERNAL, attributes, startMs, links }: SpanStart,
): Span | null {
  const options = {
    kind,
    ...(attributes === undefined ? {} : { attributes }),
    ...(startMs === undefined ? {} : { startTime: new Date(startMs) }),
    ...(links === undefined ? {} : { links: links.flatMap(linkTo) }),
  };
  const span = by.startSpan(name, options, contextWith(parent));
  return span.isRecording() ? span : null;
}

/** What goes on from a span: to events, endpoints and further spans. */
export function traceOfSpan(span: Span): TraceContext {
  const { traceId, spanId, traceFlags, traceState } = span.spanContext();
  const flags = traceFlags.toString(16).padStart(2, '0');
  const traceparent = `00-${traceId}-${spanId}-${flags}`;
  const tracestate = traceState?.serialize() ?? '';
  return tracestate === '' ? { traceparent } : { traceparent, tracestate };
}

/** What goes on from where a trace entered: its span, or the caller's trace, of which nothing more is kept then. */
export function traceBehind(span: Span | null, caller: TraceContext): TraceContext {
  if (span !== null) return traceOfSpan(span);
  return tracer === null ? caller : unsampled(caller);
}

export function linkSpan(span: Span, to: TraceContext): void {
  for (const link of linkTo(to)) span.addLink(link);
}

/** Its end, by an error of this stable code where there is one. Messages of errors may hold content, and stay out. */
export function endSpan(span: Span, error: string | null = null, endMs?: number): void {
  if (error !== null) {
    span.setAttribute('error.type', error);
    span.setStatus({ code: SpanStatusCode.ERROR });
  }
  // A number from before the start of the process would be taken for one of `performance.now()`.
  span.end(endMs === undefined ? undefined : new Date(endMs));
}

/** By what name an error goes into a span. */
export function errorType(error: unknown): string {
  const { code, name } = (error ?? {}) as { readonly code?: unknown; readonly name?: unknown };
  if (typeof code === 'string' && code !== '') return code;
  return typeof name === 'string' && name !== '' ? name : '_OTHER';
}

/** Runs the work inside of the span, and ends it with the work. */
export async function within<T>(span: Span | null, work: () => Promise<T>): Promise<T> {
  if (span === null) return work();
  try {
    const result = await work();
    endSpan(span);
    return result;
  } catch (error) {
    endSpan(span, errorType(error));
    throw error;
  }
}

function contextWith(parent: TraceContext): Context {
  const context = spanContext(parent);
  return context === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, context);
}

function spanContext({ traceparent, tracestate }: TraceContext): SpanContext | null {
  if (traceparent === undefined) return null;
  const { traceId, spanId, flags } = traceIdsOf(traceparent);
  const known = { traceId, spanId, traceFlags: flags, isRemote: true };
  return tracestate === undefined ? known : { ...known, traceState: createTraceState(tracestate) };
}

function linkTo(to: TraceContext) {
  const context = spanContext(to);
  return context === null ? [] : [{ context }];
}
