import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

type Value = string | number | boolean | readonly Value[] | undefined;

/** A span as it was exported, in plain values. */
export interface ReceivedSpan {
  readonly name: string;
  /** Of OTLP: 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for the first of its trace. */
  readonly parentSpanId: string;
  readonly startMs: number;
  readonly endMs: number;
  /** Of OTLP: 2 is an error. */
  readonly status: number;
  readonly attributes: Readonly<Record<string, Value>>;
  /** Ids of the traces that it leads to. */
  readonly links: readonly string[];
  /** Of the process that exported it. */
  readonly resource: Readonly<Record<string, Value>>;
}

export interface OtlpReceiver {
  /** For a service that exports to it. */
  readonly env: Readonly<Record<string, string>>;
  readonly spans: readonly ReceivedSpan[];
  /** All that was exported, as it came. */
  readonly text: string;
  of(traceId: string): ReceivedSpan[];
  close(): Promise<void>;
}

// biome-ignore lint/suspicious/noExplicitAny: JSON of a protocol with many shapes.
type Json = any;

/** A receiver of traces over OTLP/HTTP in JSON. */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const bodies: string[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const part of request.setEncoding('utf8')) body += part;
    if (request.url !== '/v1/traces') return void response.writeHead(404).end();
    bodies.push(body);
    spans.push(...JSON.parse(body).resourceSpans.flatMap(spansIn));
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_BSP_SCHEDULE_DELAY: '100',
    },
    spans,
    get text() {
      return bodies.join('\n');
    },
    of: (traceId) => spans.filter((span) => span.traceId === traceId),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function spansIn({ resource, scopeSpans }: Json): ReceivedSpan[] {
  const of = plain(resource.attributes);
  return scopeSpans.flatMap(({ spans }: Json) =>
    spans.map((span: Json) => ({
      ...{ name: span.name, kind: span.kind, traceId: span.traceId, spanId: span.spanId },
      parentSpanId: span.parentSpanId ?? '',
      startMs: Number(span.startTimeUnixNano) / 1e6,
      endMs: Number(span.endTimeUnixNano) / 1e6,
      status: span.status?.code ?? 0,
      attributes: plain(span.attributes),
      links: (span.links ?? []).map(({ traceId }: Json) => traceId),
      resource: of,
    })),
  );
}

function plain(attributes: Json): Record<string, Value> {
  return Object.fromEntries((attributes ?? []).map(({ key, value }: Json) => [key, plainValue(value)]));
}

function plainValue(value: Json): Value {
  if (value.arrayValue !== undefined) return (value.arrayValue.values ?? []).map(plainValue);
  if (value.intValue !== undefined) return Number(value.intValue);
  return value.stringValue ?? value.doubleValue ?? value.boolValue;
}
