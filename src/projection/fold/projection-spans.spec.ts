import { trace } from '@opentelemetry/api';
import { tracing } from '@opentelemetry/sdk-node';
import { makeSpans } from '../../platform/telemetry/spans.js';
import type { ProjectedTrace } from './projected-traces.policy.js';
import { makeProjectionSpans } from './projection-spans.js';

const NOW = Date.parse('2026-01-02T00:00:00.000Z');
const exporter = new tracing.InMemorySpanExporter();

beforeAll(() => {
  const spanProcessors = [new tracing.SimpleSpanProcessor(exporter)];
  trace.setGlobalTracerProvider(new tracing.BasicTracerProvider({ spanProcessors }));
  makeSpans();
});
beforeEach(() => exporter.reset());

const traceIdOf = (letter: string) => letter.repeat(32);
function written(letter: string, agoMs: number): ProjectedTrace {
  const traceparent = `00-${traceIdOf(letter)}-b7ad6b7169203331-01`;
  return { messageId: letter, trace: { traceparent }, events: ['completed'], happenedMs: NOW - agoMs };
}

it('tells of a transaction in the trace of each message that it wrote', () => {
  const traces = [written('a', 5), written('b', 60_000)];
  makeProjectionSpans({ traces, fromMs: NOW - 3, toMs: NOW });
  const spans = exporter.getFinishedSpans();
  expect(spans.map(({ name, attributes }) => [name, attributes['llmq.message.id']])).toEqual([
    ['project', 'a'],
    ['project', 'b'],
  ]);
  expect(spans.map((span) => span.spanContext().traceId)).toEqual([traceIdOf('a'), traceIdOf('b')]);
  expect(spans[0]!.endTime).toEqual([NOW / 1_000, 0]);
});

it('gives history that is read again no second life, but one trace that leads to it', () => {
  const day = 86_400_000;
  makeProjectionSpans({
    traces: [written('a', day), written('b', 5), written('c', day)],
    fromMs: NOW - 3,
    toMs: NOW,
  });
  const [live, again, ...others] = exporter.getFinishedSpans();
  expect(others).toEqual([]);
  expect(live!.spanContext().traceId).toBe(traceIdOf('b'));
  expect(again).toMatchObject({ name: 'project again', attributes: { 'llmq.messages': 2 } });
  expect(again!.parentSpanContext).toBeUndefined();
  expect(again!.links.map(({ context }) => context.traceId)).toEqual([traceIdOf('a'), traceIdOf('c')]);
});
