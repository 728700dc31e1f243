/** What decides about traces: settings of ours, and OpenTelemetry's own variables, which go before them. */
export interface TraceSettings {
  /** The base URL of an OTLP receiver; empty for none. */
  readonly endpoint: string;
  readonly sampleRatio: number;
}

export interface TraceExport {
  /** Variables that OpenTelemetry's SDK is to find beside those that are set. */
  readonly variables: Readonly<Record<string, string>>;
  /** Null where `OTEL_TRACES_SAMPLER` chooses. */
  readonly sampleRatio: number | null;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Whether traces are exported, and how; null for not at all, which is so until somebody says where to. */
export function traceExport({ endpoint, sampleRatio }: TraceSettings, env: Environment): TraceExport | null {
  if (/^true$/i.test(env['OTEL_SDK_DISABLED']?.trim() ?? '')) return null;
  const exporter = env['OTEL_TRACES_EXPORTER']?.trim() ?? '';
  if (exporter === 'none') return null;
  const named = env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] || env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  if (exporter === '' && !named && endpoint === '') return null;
  return {
    variables: {
      ...(exporter === '' ? { OTEL_TRACES_EXPORTER: 'otlp' } : {}),
      ...(named || endpoint === ''
        ? {}
        : { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: tracesBelow(endpoint, protocolIn(env)) }),
    },
    sampleRatio: env['OTEL_TRACES_SAMPLER'] ? null : sampleRatio,
  };
}

function protocolIn(env: Environment): string {
  return env['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'] || env['OTEL_EXPORTER_OTLP_PROTOCOL'] || 'http/protobuf';
}

/** Over gRPC the path is that of the call; over HTTP each signal has one below the base URL. */
function tracesBelow(endpoint: string, protocol: string): string {
  return protocol === 'grpc' ? endpoint : `${endpoint.replace(/\/+$/, '')}/v1/traces`;
}
