import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { metrics } from '@opentelemetry/sdk-node';
import type { Measures } from './measures.js';

export interface Address {
  readonly host: string;
  /** Null for none. */
  readonly port: number | null;
}

/** That the port can't be listened on stops the start. */
export class MetricsPortError extends Error {
  readonly code = 'metrics_port_unusable';
}

/**
 * OpenTelemetry's exporter for Prometheus, which tells of gauges what is observed now and nothing else. As it comes it
 * goes on to tell the last value of what is gone, and a gauge of a removed endpoint that stands still for ever has kept
 * autoscalers from scaling down.
 */
export class MetricsReader extends PrometheusExporter {
  private underWay: Promise<metrics.CollectionResult> | null = null;

  constructor(
    measures: Measures,
    private readonly address: Address,
  ) {
    super({
      ...{ preventServerStart: true, withoutScopeInfo: true, withoutTargetInfo: true },
      metricProducers: [measures],
      ...(address.port === null ? {} : { host: address.host, port: address.port }),
    });
  }

  /**
   * Where a port of its own is set. It ends with the exporter's shutdown.
   * @throws {MetricsPortError}
   */
  async listen(): Promise<void> {
    const { host, port } = this.address;
    if (port === null) return;
    try {
      await this.startServer();
    } catch (error) {
      throw new MetricsPortError(
        `Port ${port} on ${host} can't be listened on for the metrics (${String(error)}). Set METRICS_PORT (metrics.port) to a free port, or leave it out: /metrics is at the service's own port as well.`,
      );
    }
  }

  /** With this, each reading starts with nothing: OpenTelemetry merges no earlier one into it. */
  override selectAggregationTemporality(type: metrics.InstrumentType): metrics.AggregationTemporality {
    return type === metrics.InstrumentType.OBSERVABLE_GAUGE
      ? metrics.AggregationTemporality.DELTA
      : super.selectAggregationTemporality(type);
  }

  /** One at a time: what two would observe together, only the first of them would tell. */
  override collect(options?: metrics.MetricCollectOptions): Promise<metrics.CollectionResult> {
    this.underWay ??= super.collect(options).finally(() => {
      this.underWay = null;
    });
    return this.underWay;
  }
}
