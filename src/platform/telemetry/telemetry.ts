import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { NodeSDK } from '@opentelemetry/sdk-node';
import type { ServiceConfig } from '../config/service-config.js';

export interface Telemetry {
  /** Serves the metrics over a route of ours; null where `metrics.enabled` is false. */
  readonly prometheus: PrometheusExporter | null;
  /** Never rejects: telemetry must not spoil a shutdown. */
  shutdown(): Promise<void>;
}

/**
 * Starts OpenTelemetry's metrics before anything creates an instrument; they are read from `/metrics`. The service makes
 * neither spans nor log records of OpenTelemetry, so that the SDK starts no exporter for them. A caller's `traceparent`
 * is kept with the message and goes on to the endpoint.
 */
export function startTelemetry(config: ServiceConfig, env: NodeJS.ProcessEnv): Telemetry {
  env['OTEL_TRACES_EXPORTER'] ??= 'none';
  env['OTEL_LOGS_EXPORTER'] ??= 'none';
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
