import type { Metric, MetricObjectWithValues, MetricValue, Registry } from 'prom-client';

type Labels = Readonly<Record<string, string | number>>;

interface MetricOptions {
  readonly name: string;
  readonly help: string;
  readonly registry: Registry;
}

/** A counter of one set of labels. */
export class CounterSeries {
  value = 0;

  constructor(readonly labels: Labels) {}

  inc(by = 1): void {
    this.value += by;
  }
}

/** A histogram of one set of labels. */
export class HistogramSeries {
  /** Observations in each bucket, not cumulated; the last is above all bounds. */
  readonly counts: number[];
  sum = 0;

  constructor(
    readonly labels: Labels,
    private readonly bounds: readonly number[],
  ) {
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  observe(value: number): void {
    let index = 0;
    while (index < this.bounds.length && value > this.bounds[index]!) index += 1;
    this.counts[index]! += 1;
    this.sum += value;
  }
}

/**
 * Metrics for what every request does. prom-client sorts and hashes the labels at each increment, some 5 µs each; here the
 * caller keeps the series it counts in. Exposed by the same registry, like any other metric.
 */
abstract class SeriesMetric<Series extends { readonly labels: Labels }> {
  readonly name: string;
  readonly help: string;
  readonly aggregator = 'sum';
  abstract readonly type: 'counter' | 'histogram';
  protected readonly series: Series[] = [];

  constructor({ name, help, registry }: MetricOptions) {
    this.name = name;
    this.help = help;
    registry.registerMetric(this as unknown as Metric);
  }

  /** What prom-client's registry asks every metric. */
  get(): MetricObjectWithValues<MetricValue<string>> {
    const { name, help, aggregator } = this;
    const values = this.series.flatMap((series) => this.valuesOf(series));
    return { name, help, type: this.type, aggregator, values } as unknown as MetricObjectWithValues<
      MetricValue<string>
    >;
  }

  protected abstract valuesOf(series: Series): { labels: Labels; value: number; metricName?: string }[];

  protected kept(series: Series): Series {
    this.series.push(series);
    return series;
  }
}

export class SeriesCounter extends SeriesMetric<CounterSeries> {
  override readonly type = 'counter';

  /** A new series: ask once for each set of labels and keep it. */
  open(labels: Labels): CounterSeries {
    return this.kept(new CounterSeries(labels));
  }

  protected override valuesOf({ labels, value }: CounterSeries): { labels: Labels; value: number }[] {
    return [{ labels, value }];
  }
}

export class SeriesHistogram extends SeriesMetric<HistogramSeries> {
  override readonly type = 'histogram';
  private readonly bounds: readonly number[];

  constructor(options: MetricOptions & { readonly buckets: readonly number[] }) {
    super(options);
    this.bounds = options.buckets;
  }

  /** A new series: ask once for each set of labels and keep it. */
  open(labels: Labels): HistogramSeries {
    return this.kept(new HistogramSeries(labels, this.bounds));
  }

  protected override valuesOf({ labels, counts, sum }: HistogramSeries) {
    let count = 0;
    const metricName = `${this.name}_bucket`;
    const buckets = counts.map((inBucket, index) => {
      count += inBucket;
      return { labels: { le: this.bounds[index] ?? '+Inf', ...labels }, value: count, metricName };
    });
    return [
      ...buckets,
      { labels, value: sum, metricName: `${this.name}_sum` },
      { labels, value: count, metricName: `${this.name}_count` },
    ];
  }
}
