import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type TraceContext, traceContextOf } from '../../domain/trace-context.policy.js';
import {
  areSpansMade,
  endSpan,
  enterTrace,
  type Span,
  SpanKind,
  traceBehind,
} from '../../platform/telemetry/spans.js';
import { isTracedPath, pathIn } from './traced-paths.policy.js';

/** Of requests in a trace of ours. */
const traces = new WeakMap<FastifyRequest, TraceContext>();

/** The trace that what a request asks for is in; the caller's own where nothing is kept here. */
export function traceOfRequest(request: FastifyRequest): TraceContext {
  return traces.get(request) ?? callersTrace(request);
}

function callersTrace({ headers }: FastifyRequest): TraceContext {
  return traceContextOf(headers['traceparent'], headers['tracestate']);
}

/** A span for each request, from its first byte to the last of its answer. Before all other hooks, which may refuse it. */
export function traceRequests(fastify: FastifyInstance): void {
  if (!areSpansMade()) return;
  fastify.addHook('onRequest', (request, reply, done) => {
    const path = pathIn(request.url);
    if (isTracedPath(path)) {
      const caller = callersTrace(request);
      const span = enterTrace(nameOf(request), caller, { kind: SpanKind.SERVER });
      if (span !== null) describe(span, request, path);
      if (span !== null) endWithAnswer(span, reply);
      if (span !== null || caller.traceparent !== undefined) traces.set(request, traceBehind(span, caller));
    }
    done();
  });
}

/** By OpenTelemetry's conventions: the route, whose values are bounded, and not the address. */
function nameOf({ method, routeOptions: { url: route } }: FastifyRequest): string {
  return route === undefined ? method : `${method} ${route}`;
}

function describe(span: Span, { id, method, routeOptions: { url: route } }: FastifyRequest, path: string) {
  span.setAttributes({
    'http.request.method': method,
    'url.path': path,
    ...(route === undefined ? {} : { 'http.route': route }),
    'llmq.request.id': id,
  });
}

/** A connection that breaks ends it too, which no hook of Fastify's would tell. */
function endWithAnswer(span: Span, reply: FastifyReply): void {
  const { raw } = reply;
  raw.once('close', () => {
    const { statusCode, writableFinished } = raw;
    const messageId = reply.getHeader('x-llmq-message-id');
    if (typeof messageId === 'string') span.setAttribute('llmq.message.id', messageId);
    if (raw.headersSent) span.setAttribute('http.response.status_code', statusCode);
    if (!writableFinished) span.setAttribute('llmq.left', true);
    endSpan(span, raw.headersSent && statusCode >= 500 ? String(statusCode) : null);
  });
}
