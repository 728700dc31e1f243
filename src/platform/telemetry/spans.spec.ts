import { trace } from '@opentelemetry/api';
import { tracing } from '@opentelemetry/sdk-node';
import { traceIdsOf, UNTRACED } from '../../domain/trace-context.policy.js';
import {
  areSpansMade,
  endSpan,
  enterTrace,
  errorType,
  makeSpans,
  SpanKind,
  spanIn,
  traceBehind,
  traceOfSpan,
  within,
} from './spans.js';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const kept = { traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: 'theirs=1' };
const unkept = { traceparent: `00-${TRACE}-${SPAN}-00` };

it('makes no span until there is somebody to export it, and hands on what it was given', () => {
  expect(areSpansMade()).toBe(false);
  expect(enterTrace('in', kept)).toBeNull();
  expect(spanIn(kept, 'inside')).toBeNull();
  expect(traceBehind(null, kept)).toBe(kept);
});

describe('a service that exports', () => {
  const exporter = new tracing.InMemorySpanExporter();
  let ratio = 1;
  const sampler = {
    shouldSample: (...asked: Parameters<tracing.Sampler['shouldSample']>) =>
      new tracing.ParentBasedSampler({ root: new tracing.TraceIdRatioBasedSampler(ratio) }).shouldSample(
        ...asked,
      ),
  };

  beforeAll(() => {
    const spanProcessors = [new tracing.SimpleSpanProcessor(exporter)];
    trace.setGlobalTracerProvider(new tracing.BasicTracerProvider({ sampler, spanProcessors }));
    makeSpans();
  });
  beforeEach(() => {
    ratio = 1;
    exporter.reset();
  });
  const ended = () => exporter.getFinishedSpans();

  it("goes on with its caller's trace", () => {
    const span = enterTrace('in', kept, { kind: SpanKind.SERVER, attributes: { a: 1 } })!;
    const inside = spanIn(traceOfSpan(span), 'inside', { startMs: 1_000, links: [unkept, UNTRACED] })!;
    endSpan(inside, null, 2_000);
    endSpan(span, 'broken');
    expect(traceOfSpan(span)).toEqual({
      traceparent: `00-${TRACE}-${span.spanContext().spanId}-01`,
      tracestate: 'theirs=1',
    });
    const [below, above] = ended();
    expect(above).toMatchObject({
      name: 'in',
      kind: SpanKind.SERVER,
      attributes: { a: 1, 'error.type': 'broken' },
    });
    expect(above!.parentSpanContext).toMatchObject({ traceId: TRACE, spanId: SPAN });
    expect(below!.parentSpanContext!.spanId).toBe(span.spanContext().spanId);
    expect([below!.startTime, below!.endTime]).toEqual([
      [1, 0],
      [2, 0],
    ]);
    expect(below!.links.map(({ context }) => context.traceId)).toEqual([TRACE]);
  });

  it('makes nothing in a trace that its caller does not keep', () => {
    expect(enterTrace('in', unkept)).toBeNull();
    expect(spanIn(unkept, 'inside')).toBeNull();
    expect(traceBehind(null, unkept)).toBe(unkept);
  });

  it('begins a trace, or none, where there is no caller, and never inside', () => {
    const span = enterTrace('in', UNTRACED)!;
    expect(traceIdsOf(traceBehind(span, UNTRACED).traceparent!)).toMatchObject({ flags: 1 });
    expect(spanIn(UNTRACED, 'inside')).toBeNull();
    ratio = 0;
    expect(enterTrace('in', UNTRACED)).toBeNull();
    expect(traceBehind(null, UNTRACED)).toEqual({});
  });

  it('asks itself which new traces are kept, where it is to', () => {
    let asked = 0;
    makeSpans(() => asked++ % 2 === 1);
    expect([1, 2, 3, 4].map(() => enterTrace('in', UNTRACED) !== null)).toEqual([false, true, false, true]);
    expect(enterTrace('in', unkept)).toBeNull();
    expect(enterTrace('in', kept)).not.toBeNull();
    expect(asked).toBe(4);
    makeSpans();
  });

  it('hands on as unkept what it was told to keep and did not', () => {
    expect(traceBehind(null, kept)).toEqual({ ...unkept, tracestate: 'theirs=1' });
  });

  it('ends a span with the work inside of it', async () => {
    expect(await within(null, async () => 7)).toBe(7);
    expect(await within(spanIn(kept, 'done'), async () => 8)).toBe(8);
    const failed = Object.assign(new Error('hunter2'), { code: 'log_full' });
    await expect(within(spanIn(kept, 'failed'), () => Promise.reject(failed))).rejects.toBe(failed);
    expect(ended().map(({ name, attributes }) => [name, attributes['error.type']])).toEqual([
      ['done', undefined],
      ['failed', 'log_full'],
    ]);
    expect(JSON.stringify(ended().map(({ events, status }) => [events, status]))).not.toContain('hunter2');
  });
});

it.each([
  [Object.assign(new Error('x'), { code: 'a_code' }), 'a_code'],
  [new TypeError('x'), 'TypeError'],
  [null, '_OTHER'],
  ['text', '_OTHER'],
])('%s is an error of the type %s', (error, type) => expect(errorType(error)).toBe(type));
