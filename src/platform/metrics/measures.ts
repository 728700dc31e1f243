import { type HrTime, ValueType } from '@opentelemetry/api';
import { core, metrics, resources } from '@opentelemetry/sdk-node';
import { Histogram, Total } from './histogram.state.js';
import { type MetricName, SeriesFamily } from './series-family.state.js';

type AnyFamily<Value> = Pick<SeriesFamily<string, Value>, 'about' | 'series'>;

/**
 * Histograms and counters that are counted where something happens, in the midst of a message's way. OpenTelemetry's own
 * instruments keep each series that they ever had, and sort and join its labels for each value; here a series leaves with
 * what it is about, and a value costs a look into a map. OpenTelemetry's readers get them as from any other producer.
 */
export class Measures implements metrics.MetricProducer {
  private readonly histograms: AnyFamily<Histogram>[] = [];
  private readonly counters: AnyFamily<Total>[] = [];
  private readonly beforeReads: (() => void)[] = [];
  private readonly startTime: HrTime = core.hrTime();

  histogram<Label extends string>(
    about: MetricName,
    labels: readonly Label[],
    bounds: readonly number[],
  ): SeriesFamily<Label, Histogram> {
    const family = new SeriesFamily(about, labels, () => new Histogram(bounds));
    this.histograms.push(family as AnyFamily<Histogram>);
    return family;
  }

  counter<Label extends string>(about: MetricName, labels: readonly Label[]): SeriesFamily<Label, Total> {
    const family = new SeriesFamily(about, labels, () => new Total());
    this.counters.push(family as AnyFamily<Total>);
    return family;
  }

  /** For forgetting what is gone. */
  beforeRead(listener: () => void): void {
    this.beforeReads.push(listener);
  }

  async collect(): Promise<metrics.CollectionResult> {
    for (const listener of this.beforeReads) listener();
    const span = { startTime: this.startTime, endTime: core.hrTime() };
    const told = [
      ...this.histograms.map((family) => histogramData(family, span)),
      ...this.counters.map((family) => counterData(family, span)),
    ].filter(({ dataPoints }) => dataPoints.length > 0);
    const scopeMetrics = [{ scope: { name: 'llm-message-queue' }, metrics: told }];
    return { resourceMetrics: { resource: resources.emptyResource(), scopeMetrics }, errors: [] };
  }
}

interface TimeSpan {
  readonly startTime: HrTime;
  readonly endTime: HrTime;
}

function histogramData({ about, series }: AnyFamily<Histogram>, span: TimeSpan): metrics.HistogramMetricData {
  return {
    descriptor: { ...about, unit: '', valueType: ValueType.DOUBLE },
    aggregationTemporality: metrics.AggregationTemporality.CUMULATIVE,
    dataPointType: metrics.DataPointType.HISTOGRAM,
    dataPoints: series.map(({ labels, value: { bounds, counts, count, sum } }) => {
      const buckets = { boundaries: [...bounds], counts: [...counts] };
      return { ...span, attributes: labels, value: { buckets, count, sum } };
    }),
  };
}

function counterData({ about, series }: AnyFamily<Total>, span: TimeSpan): metrics.SumMetricData {
  return {
    descriptor: { ...about, unit: '', valueType: ValueType.DOUBLE },
    aggregationTemporality: metrics.AggregationTemporality.CUMULATIVE,
    dataPointType: metrics.DataPointType.SUM,
    isMonotonic: true,
    dataPoints: series.map(({ labels, value }) => ({ ...span, attributes: labels, value: value.value })),
  };
}
