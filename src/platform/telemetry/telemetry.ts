import { DiagLogLevel, diag } from '@opentelemetry/api';
import { core, NodeSDK, resources } from '@opentelemetry/sdk-node';
import type { Logger } from 'pino';
import { systemSources } from '../clock.js';
import type { ServiceConfig } from '../config/service-config.js';
import { ThrottledWarning } from '../logging/throttled-warning.js';
import { Measures } from '../metrics/measures.js';
import { MetricsReader } from '../metrics/metrics-reader.js';
import { VERSION } from '../version.js';
import { makeSpans } from './spans.js';
import { traceExport } from './trace-export.policy.js';

export interface Telemetry {
  /** Serves the metrics over a route of ours; null where `metrics.enabled` is false. */
  readonly prometheus: MetricsReader | null;
  /** Counted on the way of requests and messages; read by nobody where `metrics.enabled` is false. */
  readonly measures: Measures;
  /** Never rejects, and takes no longer than some seconds: telemetry must not spoil a shutdown. */
  shutdown(): Promise<void>;
}

const SHUTDOWN_MS = 3_000;

/**
 * Starts OpenTelemetry, before the modules are loaded that it tells of: metrics, which are read from `/metrics`, and
 * traces, which are exported where `traceExport` finds somebody to export them to. There are no log records of
 * OpenTelemetry, and no instrumentation packages: they patch modules, and cost each call something, kept or not.
 */
export function startTelemetry(config: ServiceConfig, env: NodeJS.ProcessEnv): Telemetry {
  const { endpoint, sample_ratio: sampleRatio } = config.tracing;
  const traces = traceExport({ endpoint, sampleRatio }, env);
  if (traces !== null) Object.assign(env, traces.variables);
  else env['OTEL_TRACES_EXPORTER'] = 'none';
  env['OTEL_LOGS_EXPORTER'] ??= 'none';
  const measures = new Measures();
  const { enabled, port } = config.metrics;
  const prometheus = enabled ? new MetricsReader(measures, { host: config.server.host, port }) : null;
  const ratio = traces?.sampleRatio ?? null;
  const sdk = new NodeSDK({
    resource: resourceOf(config),
    autoDetectResources: false,
    instrumentations: [],
    metricReaders: prometheus === null ? [] : [prometheus],
    // Contexts are handed on by hand (`enterTrace`). The SDK's types leave out what it takes.
    contextManager: null as never,
    textMapPropagator: null,
  });
  sdk.start();
  if (traces !== null) makeSpans(ratio === null ? null : () => systemSources.random() < ratio);
  const shutdown = () =>
    Promise.race([
      sdk.shutdown().catch(() => undefined),
      new Promise<void>((resolve) => setTimeout(resolve, SHUTDOWN_MS).unref()),
    ]);
  return { prometheus, measures, shutdown };
}

/** Whose spans they are. `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` say it before us. */
function resourceOf({ roles }: ServiceConfig) {
  return resources
    .defaultResource()
    .merge(
      resources.resourceFromAttributes({
        'service.name': 'llm-message-queue',
        'service.version': VERSION,
        'service.instance.id': systemSources.newId(),
        'process.pid': process.pid,
        'llmq.roles': [...roles],
      }),
    )
    .merge(resources.detectResources({ detectors: [resources.envDetector] }));
}

/** Has the log say what OpenTelemetry complains of, such as spans that are lost. */
export function tellTroubles(logger: Logger): void {
  const warning = new ThrottledWarning(logger);
  const tell = (what: string) =>
    warning.warn({ what }, 'traces are not exported as they should be; messages are not concerned');
  core.setGlobalErrorHandler((error) =>
    tell(typeof error === 'string' ? error : (error.message ?? 'unknown')),
  );
  const ignore = () => undefined;
  const told = { error: tell, warn: tell, info: ignore, debug: ignore, verbose: ignore };
  diag.setLogger(told, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
}

/** Nest's token for `Telemetry`. */
export const TELEMETRY = Symbol('Telemetry');
