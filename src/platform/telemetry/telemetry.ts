import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { NodeSDK } from '@opentelemetry/sdk-node';
import type { ServiceConfig } from '../config/service-config.js';

export interface Telemetry {
  /** Serves the metrics over a route of ours; null where `metrics.enabled` is false. */
  readonly prometheus: PrometheusExporter | null;
  /** Sends what is left, then stops. Never rejects: telemetry must not spoil a shutdown. */
  shutdown(): Promise<void>;
}

/**
 * Starts OpenTelemetry before anything creates an instrument. Metrics are pulled from `/metrics`; traces and logs
 * leave the process only where the operator names a collector by OpenTelemetry's own variables
 * (`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_TRACES_EXPORTER`, ...), since the SDK's default is a collector on this machine
 * that is rarely there.
 */
export function startTelemetry(config: ServiceConfig, env: NodeJS.ProcessEnv): Telemetry {
  const collector = env['OTEL_EXPORTER_OTLP_ENDPOINT'] ?? env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'];
  if (collector === undefined) {
    env['OTEL_TRACES_EXPORTER'] ??= 'none';
    env['OTEL_LOGS_EXPORTER'] ??= 'none';
    env['OTEL_METRICS_EXPORTER'] ??= 'none';
  }
  const prometheus = config.metrics.enabled
    ? new PrometheusExporter({ preventServerStart: true, withoutScopeInfo: true, withoutTargetInfo: true })
    : null;
  const sdk = new NodeSDK({
    serviceName: env['OTEL_SERVICE_NAME'] ?? 'llm-message-queue',
    autoDetectResources: false,
    instrumentations: [],
    metricReaders: prometheus === null ? [] : [prometheus],
  });
  sdk.start();
  return { prometheus, shutdown: () => sdk.shutdown().catch(() => undefined) };
}

/** Nest's token for `Telemetry`. */
export const TELEMETRY = Symbol('Telemetry');
