import { trace } from '@opentelemetry/api';
import { tracing } from '@opentelemetry/sdk-node';
import type { MessageEvent } from '../../domain/message/message.events.js';
import { endSpan, makeSpans } from '../../platform/telemetry/spans.js';
import type { LaneDelivery } from '../lanes/lane.port.js';
import { DeliverySpans } from './delivery-spans.js';

const ENTERED = Date.parse('2026-01-01T00:00:00.000Z');
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const ACCEPTED = 'b7ad6b7169203331';
const exporter = new tracing.InMemorySpanExporter();
let nowMs = ENTERED;
let spans: DeliverySpans;

beforeAll(() => {
  const spanProcessors = [new tracing.SimpleSpanProcessor(exporter)];
  trace.setGlobalTracerProvider(new tracing.BasicTracerProvider({ spanProcessors }));
  makeSpans();
});
beforeEach(() => {
  exporter.reset();
  nowMs = ENTERED + 40;
  spans = new DeliverySpans({ nowMs: () => nowMs });
});

function delivered(flags = '01'): LaneDelivery {
  const event = {
    ...{ type: 'llmq.message.prioritized.v1', subject: 'm', time: new Date(ENTERED).toISOString() },
    traceparent: `00-${TRACE}-${ACCEPTED}-${flags}`,
    data: { priority: 'high', reason: 'explicit', attempt: 1 },
  };
  return { event, delivery: 1 } as unknown as LaneDelivery;
}
const about = ({ event }: LaneDelivery) => [event] as readonly MessageEvent[];
const made = () => exporter.getFinishedSpans();

it('tells how long a message waited, and what was done with it', () => {
  const delivery = delivered();
  spans.taken(delivery);
  expect(spans.around(delivery)?.queueMs).toBe(40);
  endSpan(spans.append(about(delivery))!);
  spans.settled(delivery, { kind: 'failed', failure: { kind: 'parts_missing' }, chunksDelivered: 0 });
  const [append, wait, dispatch] = made();
  expect([wait!.name, dispatch!.name]).toEqual(['wait', 'dispatch']);
  for (const span of [wait!, dispatch!]) {
    expect(span.parentSpanContext?.spanId).toBe(ACCEPTED);
    expect(span.attributes).toMatchObject({ 'llmq.message.id': 'm', 'llmq.lane': 'high', 'llmq.attempt': 1 });
  }
  expect(wait!.startTime).toEqual([ENTERED / 1_000, 0]);
  expect(wait!.duration).toEqual([0, 40_000_000]);
  expect(dispatch!.attributes).toMatchObject({ 'llmq.outcome': 'failed', 'error.type': 'parts_missing' });
  expect(append!.parentSpanContext?.spanId).toBe(dispatch!.spanContext().spanId);
  expect(spans.around(delivery)).toBeNull();
});

it('never has a message wait for less than no time, where the clocks of two processes differ', () => {
  nowMs = ENTERED - 500;
  const delivery = delivered();
  spans.taken(delivery);
  expect(spans.around(delivery)?.queueMs).toBe(0);
});

it('tells nothing of what was put back as it was, since it waits still', () => {
  const delivery = delivered();
  spans.taken(delivery);
  spans.settled(delivery, { kind: 'put_back' });
  expect(made()).toEqual([]);
});

it('tells nothing of a message whose trace is not kept', () => {
  const delivery = delivered('00');
  spans.taken(delivery);
  expect(spans.around(delivery)).toBeNull();
  expect(spans.append(about(delivery))).toBeNull();
  spans.settled(delivery, { kind: 'cancelled' });
  expect(made()).toEqual([]);
});

it('knows two deliveries of one message apart', () => {
  const [one, other] = [delivered(), delivered()];
  spans.taken(one);
  spans.taken(other);
  expect(spans.around(one)).toBeNull();
  spans.settled(one, { kind: 'cancelled' });
  expect(spans.around(other)).not.toBeNull();
  spans.settled(other, null);
  expect(made().map(({ name }) => name)).toEqual(['wait', 'dispatch']);
  expect(made()[1]!.attributes).toMatchObject({ 'llmq.outcome': 'worker_error' });
});
