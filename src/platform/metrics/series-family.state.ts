export interface MetricName {
  /** With dots, as OpenTelemetry has it: Prometheus is told underscores. */
  readonly name: string;
  readonly description: string;
}

export type Labels<Label extends string> = Readonly<Record<Label, string>>;

export interface Series<Label extends string, Value> {
  readonly labels: Labels<Label>;
  readonly value: Value;
}

/** No name of a model or endpoint has it. */
const BETWEEN = '\u0000';

/**
 * The series of one metric, by the values of its labels. A series begins with its first value, and ends when what it is
 * about is gone: whoever keeps the family says when.
 */
export class SeriesFamily<Label extends string, Value> {
  private readonly byKey = new Map<string, Series<Label, Value>>();

  constructor(
    readonly about: MetricName,
    private readonly labels: readonly Label[],
    private readonly make: () => Value,
  ) {}

  at(labels: Labels<Label>): Value {
    let key = '';
    for (const label of this.labels) key += labels[label] + BETWEEN;
    const known = this.byKey.get(key);
    if (known !== undefined) return known.value;
    const series = { labels: { ...labels }, value: this.make() };
    this.byKey.set(key, series);
    return series.value;
  }

  forget(isGone: (labels: Labels<Label>) => boolean): void {
    for (const [key, { labels }] of this.byKey) if (isGone(labels)) this.byKey.delete(key);
  }

  get series(): Series<Label, Value>[] {
    return [...this.byKey.values()];
  }
}
