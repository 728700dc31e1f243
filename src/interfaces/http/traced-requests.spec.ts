import { trace } from '@opentelemetry/api';
import { tracing } from '@opentelemetry/sdk-node';
import { fastify } from 'fastify';
import type { TraceContext } from '../../domain/trace-context.policy.js';
import { makeSpans } from '../../platform/telemetry/spans.js';
import { traceOfRequest, traceRequests } from './traced-requests.js';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const headers = { traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: 'theirs=1' };
const exporter = new tracing.InMemorySpanExporter();

async function asked(path: string, more: Record<string, string> = headers) {
  exporter.reset();
  let seen: TraceContext = {};
  const app = fastify();
  traceRequests(app);
  app.get('/api/v1/things/:id', (request, reply) => {
    seen = traceOfRequest(request);
    return reply
      .header('x-llmq-message-id', 'm')
      .code(path.includes('broken') ? 500 : 200)
      .send('x');
  });
  app.get('/health', (request) => (seen = traceOfRequest(request)));
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as { port: number };
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: more });
  await response.text();
  await app.close();
  return { seen, status: response.status };
}
const spans = () => exporter.getFinishedSpans();

it('leaves requests alone until there is somebody to export spans', async () => {
  const { seen } = await asked('/api/v1/things/7');
  expect(seen).toEqual(headers);
  expect(spans()).toEqual([]);
});

describe('a service that exports', () => {
  beforeAll(() => {
    const spanProcessors = [new tracing.SimpleSpanProcessor(exporter)];
    trace.setGlobalTracerProvider(new tracing.BasicTracerProvider({ spanProcessors }));
    makeSpans();
  });

  it("tells of a request by its route, inside of its caller's trace", async () => {
    const { seen } = await asked('/api/v1/things/7?who=hunter2');
    const [span, ...others] = spans();
    expect(others).toEqual([]);
    expect(span).toMatchObject({
      name: 'GET /api/v1/things/:id',
      attributes: {
        ...{
          'http.request.method': 'GET',
          'http.route': '/api/v1/things/:id',
          'url.path': '/api/v1/things/7',
        },
        ...{ 'http.response.status_code': 200, 'llmq.message.id': 'm' },
      },
    });
    expect(JSON.stringify(span!.attributes)).not.toContain('hunter2');
    expect(span!.parentSpanContext).toMatchObject({ traceId: TRACE, spanId: SPAN });
    expect(seen).toEqual({
      traceparent: `00-${TRACE}-${span!.spanContext().spanId}-01`,
      tracestate: 'theirs=1',
    });
  });

  it('tells a failure of the service by its status', async () => {
    await asked('/api/v1/things/broken');
    expect(spans()[0]!.attributes).toMatchObject({ 'error.type': '500' });
    await asked('/api/v1/nothing');
    expect(spans()[0]!).toMatchObject({ name: 'GET', attributes: { 'http.response.status_code': 404 } });
    expect(spans()[0]!.attributes).not.toHaveProperty('error.type');
  });

  it('leaves alone what asks for its health, and what its caller does not keep', async () => {
    expect((await asked('/health')).seen).toEqual(headers);
    const unkept = { traceparent: `00-${TRACE}-${SPAN}-00` };
    expect((await asked('/api/v1/things/7', unkept)).seen).toEqual(unkept);
    expect(spans()).toEqual([]);
  });
});
